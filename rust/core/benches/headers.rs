//! The header check beside decoding: `cargo bench --bench headers -- [--quick] [--json FILE] [NAME...]`.
//!
//! One message with a header section of 20 fields, alone and with a body of 4 KiB and of 64 KiB, in L2 cache: `decode` is the decoder
//! alone, `check` the header check alone, on what the decoder handed out, and `both` one after the other. Cases are named
//! `headers/body/what`. Each case first asserts what comes out; the target is at most 3 µs and 10 % of decoding for the check.

#[allow(dead_code, reason = "it has parts that only the decoder's benchmark uses")]
mod corpora;
mod table;

use std::hint::black_box;
use std::rc::Rc;

use corpora::{Corpus, TERMINATOR};
use lonedot_core::data::{DataDecoder, DataPolicies, DataReport};
use lonedot_core::header::{HeaderContext, HeaderLimits, HeaderReader};
use lonedot_core::scan::Backend;
use table::{Case, Options};

const SECTION: &[u8] = include_bytes!("../../../benches/header_section.eml");

/// Messages in a run.
const TIMES: usize = 16;

fn decode(wire: &[u8], backend: Backend, out: &mut Vec<u8>) -> DataReport {
    out.clear();
    let mut decoder = DataDecoder::with_backend(DataPolicies::default(), backend);
    decoder.decode(wire, out);
    black_box(&*out);
    decoder.report()
}

fn check(message: &[u8], backend: Backend, report: &DataReport) -> usize {
    let mut reader = HeaderReader::with_backend(HeaderLimits::default(), HeaderContext::default(), backend);
    reader.read(message);
    reader.finish(report);
    black_box(reader.findings()).len()
}

fn main() {
    let options = Options::of_arguments();
    let mut cases = Vec::new();
    for body in [0, 4096, 65536] {
        let text = if body > 0 { Corpus::new("mixed", body).data } else { Vec::new() };
        // Without transparency dots what comes out is what came in.
        let mut wire = [SECTION, b"\r\n", &text].concat();
        for at in (0..wire.len() - 2).rev() {
            if wire[at..].starts_with(b"\n.") {
                wire[at + 1] = b'T';
            }
        }
        let message = Rc::new(wire.clone());
        wire.extend_from_slice(TERMINATOR);
        let wire = Rc::new(wire);
        for backend in Backend::available() {
            for what in ["decode", "check", "both"] {
                let name = format!("headers/{}/{what}-{}", body / 1024, backend.name());
                if !options.chose(&name) {
                    continue;
                }
                let mut out = Vec::new();
                let report = decode(&wire, backend, &mut out);
                assert!(out == *message && report.size == message.len() as u64, "{name}");
                assert_eq!(report.header_end, Some(SECTION.len() as u64), "{name}");
                assert_eq!(check(&message, backend, &report), 0, "{name}");
                let (message, wire) = (Rc::clone(&message), Rc::clone(&wire));
                let run: Box<dyn FnMut()> = Box::new(move || {
                    for _ in 0..TIMES {
                        match what {
                            "decode" => drop(black_box(decode(&wire, backend, &mut out))),
                            "check" => drop(black_box(check(&message, backend, &report))),
                            _ => {
                                let report = decode(&wire, backend, &mut out);
                                black_box(check(&out, backend, &report));
                            }
                        }
                    }
                });
                let octets = TIMES * (SECTION.len() + body);
                cases.push(Case { name, octets, messages: TIMES, run });
            }
        }
    }
    options.run(cases);
}
