//! The decoder on the corpora it is judged by, beside a memcpy of the same octets in the same run.
//!
//!     cargo bench -p lonedot-core --bench decode [-- NAME…]
//!
//! Each case first asserts what comes out. Figures are medians of rounds in which all cases take turns, because the
//! machine's speed drifts.

use std::hint::black_box;
use std::time::Instant;

use lonedot_core::data::{BarePolicy, DataDecoder, DataEncoder, DataPolicies, LineEnds, Output};
use lonedot_core::scan::Backend;

const CHUNK: usize = 64 * 1024;
const ROUNDS: usize = 15;

/// One measurement: what is run, how often for one figure, and how many octets each run takes.
struct Case {
    name: String,
    octets: usize,
    times: usize,
    run: Box<dyn FnMut()>,
}

/// Octets that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Lines without their CRLFs, until there are so many octets.
fn lines(octets: usize, mut line: impl FnMut(&mut Random) -> Vec<u8>) -> Vec<u8> {
    let (mut random, mut data) = (Random(0x9e37_79b9_7f4a_7c15), Vec::new());
    while data.len() < octets {
        data.extend(line(&mut random));
        data.extend_from_slice(b"\r\n");
    }
    data
}

/// Mail data, as it is handed out.
fn corpus(name: &str, octets: usize) -> Vec<u8> {
    const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = |random: &mut Random, count: u64| -> Vec<u8> {
        (0..count).map(|_| BASE64[random.below(64) as usize]).collect()
    };
    match name {
        "base64" => lines(octets, |random| letters(random, 76)),
        "mixed" => lines(octets, |random| {
            let count = 10 + random.below(69);
            let mut line: Vec<u8> = (0..count).map(|_| b" etaoin.shrdlu,-"[random.below(16) as usize]).collect();
            line[0] = if random.below(100) == 0 { b'.' } else { b'T' };
            line
        }),
        "dots" => lines(octets, |_| b".ab".to_vec()),
        "empty" => lines(octets, |_| Vec::new()),
        "long" => lines(octets, |random| letters(random, 998)),
        _ => unreachable!(),
    }
}

fn encode(data: &[u8]) -> Vec<u8> {
    let mut encoder = DataEncoder::new(BarePolicy::Reject, BarePolicy::Reject).unwrap();
    let mut wire = Vec::new();
    encoder.encode(data, &mut wire).unwrap();
    encoder.finish(&mut wire).unwrap();
    wire
}

fn decode(wire: &[u8], policies: DataPolicies, backend: Backend, out: &mut Output, keep: bool) -> DataDecoder {
    let mut decoder = DataDecoder::with_backend(policies, backend);
    for chunk in wire.chunks(CHUNK) {
        if !keep {
            out.clear();
        }
        decoder.decode(chunk, out);
        black_box(&*out);
    }
    decoder
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted.as_str()));
    let strict = DataPolicies::default();
    let mut cases: Vec<Case> = Vec::new();
    for name in ["base64", "mixed", "dots", "empty", "long"] {
        for (place, octets, times) in [("cache", 60_000, 400), ("dram", 64 << 20, 1)] {
            let data = corpus(name, octets);
            let wire = encode(&data);
            let length = wire.len();
            if chosen(&format!("{name}/{place}/memcpy")) {
                let (wire, mut out) = (wire.clone(), vec![0; CHUNK]);
                cases.push(Case {
                    name: format!("{name}/{place}/memcpy"),
                    octets: length,
                    times,
                    run: Box::new(move || {
                        for chunk in wire.chunks(CHUNK) {
                            out[..chunk.len()].copy_from_slice(chunk);
                            black_box(&mut out);
                        }
                    }),
                });
            }
            for backend in Backend::available() {
                for (ends, line_ends) in [("", LineEnds::Crlf), ("/lf", LineEnds::Lf)] {
                    let case = format!("{name}/{place}/{}{ends}", backend.name());
                    if !chosen(&case) {
                        continue;
                    }
                    let policies = DataPolicies { line_ends, ..strict };
                    let mut out = Output::new();
                    let decoder = decode(&wire, policies, backend, &mut out, true);
                    let expected = if ends.is_empty() {
                        data.clone()
                    } else {
                        data.iter().copied().filter(|&octet| octet != b'\r').collect()
                    };
                    assert!(
                        out.as_slice() == expected && decoder.finish().unwrap().size == data.len() as u64,
                        "{case}"
                    );
                    let wire = wire.clone();
                    let mut out = Output::new();
                    cases.push(Case {
                        name: case,
                        octets: length,
                        times,
                        run: Box::new(move || {
                            black_box(decode(&wire, policies, backend, &mut out, false));
                        }),
                    });
                }
            }
        }
    }
    let tiny: Vec<Vec<u8>> = (0..100).map(|_| encode(&corpus("mixed", 380))).collect();
    for backend in Backend::available() {
        let case = format!("tiny/cache/{}", backend.name());
        if !chosen(&case) {
            continue;
        }
        let (tiny, mut out) = (tiny.clone(), Output::new());
        let length = tiny.iter().map(Vec::len).sum();
        cases.push(Case {
            name: case,
            octets: length,
            times: 100,
            run: Box::new(move || {
                for wire in &tiny {
                    assert!(black_box(decode(wire, strict, backend, &mut out, false)).eof());
                }
            }),
        });
    }
    let mut seconds = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (case, times) in cases.iter_mut().zip(&mut seconds) {
            let started = Instant::now();
            for _ in 0..case.times {
                (case.run)();
            }
            times.push(started.elapsed().as_secs_f64() / case.times as f64);
        }
    }
    println!("{:28} {:>8} {:>10}", "corpus/place/kernel", "GB/s", "of memcpy");
    let mut memcpy = f64::NAN;
    for (Case { name, octets, .. }, times) in cases.iter().zip(&mut seconds) {
        times.sort_by(f64::total_cmp);
        let rate = *octets as f64 / times[times.len() / 2] / 1e9;
        if name.ends_with("memcpy") {
            memcpy = rate;
        }
        if name.starts_with("tiny") {
            println!("{name:28} {rate:8.2} {:7.0} ns a message", times[times.len() / 2] * 1e9 / 100.0);
        } else {
            println!("{name:28} {rate:8.2} {:10.2}", rate / memcpy);
        }
    }
}
