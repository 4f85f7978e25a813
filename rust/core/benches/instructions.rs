//! A fixed set of cases whose instructions are counted. `make counts` runs it under callgrind and compares.
//!
//!     cargo bench -p lonedot-core --bench instructions    # runs each case once, and asserts what comes out
//!
//! Each case is run and asserted once; then it runs between two marks, and a line says its name and how often it ran. A
//! mark is a call of getppid(2), which nothing else here makes: callgrind is told to write down its count at each. Every
//! kernel that can run is counted; under valgrind, which has no AVX-512, these are the portable one and AVX2.

#[allow(dead_code, reason = "what else is in it is for the benchmark of throughput")]
mod corpora;

use std::hint::black_box;
use std::os::unix::process::parent_id;
use std::sync::Arc;

use corpora::{CHUNK, Corpus, TERMINATOR};
use lonedot_core::command::{Grammar, Verb, parse};
use lonedot_core::data::{BarePolicy, ChunkDecoder, DataDecoder, DataEncoder, DataPolicies, KeepPolicy, LineEnds};
use lonedot_core::header::{HeaderContext, HeaderLimits, check};
use lonedot_core::scan::Backend;
use lonedot_core::session::{Event, Session, Settings};

/// Octets of a message without its terminator.
const MESSAGE: usize = 2 * CHUNK;

/// Mail data, and the same on the wire, with the terminator.
fn message(name: &str, octets: usize) -> (Vec<u8>, Vec<u8>) {
    let Corpus { data, wire } = Corpus::new(name, octets);
    (data, [&wire, TERMINATOR].concat())
}

/// Runs the case between two marks.
fn count(name: &str, times: usize, mut run: impl FnMut()) {
    black_box(parent_id());
    for _ in 0..times {
        run();
    }
    black_box(parent_id());
    println!("{name} {times}");
}

/// Decodes a message, and gives each chunk's mail data to `take`.
fn decode(
    wire: &[u8],
    chunk: usize,
    policies: DataPolicies,
    backend: Backend,
    out: &mut Vec<u8>,
    mut take: impl FnMut(&[u8]),
) -> DataDecoder {
    let mut decoder = DataDecoder::with_backend(policies, backend);
    for octets in wire.chunks(chunk) {
        out.clear();
        decoder.decode(octets, out);
        take(out.as_slice());
    }
    decoder
}

fn decoding(name: &str, times: usize, wire: &[u8], chunk: usize, policies: DataPolicies, expected: &[u8]) {
    for backend in Backend::available() {
        let name = format!("decode/{name}/{}", backend.name());
        let (mut out, mut content) = (Vec::new(), Vec::new());
        let decoder = decode(wire, chunk, policies, backend, &mut out, |octets| content.extend_from_slice(octets));
        assert!(decoder.finish().is_ok() && content == expected, "{name}");
        count(&name, times, || {
            let decoder = decode(wire, chunk, policies, backend, &mut out, |octets| {
                black_box(octets);
            });
            black_box(decoder.report());
        });
    }
}

/// A message that comes as one chunk of BDAT, of which all is kept.
fn chunking(name: &str, policies: DataPolicies, message: &[u8]) {
    for backend in Backend::available() {
        let decode = |out: &mut Vec<u8>, take: &mut dyn FnMut(&[u8])| {
            let mut decoder = ChunkDecoder::with_backend(message.len() as u64, true, policies, backend);
            for octets in message.chunks(CHUNK) {
                out.clear();
                decoder.decode(octets, out);
                take(out);
            }
            decoder
        };
        let name = format!("chunk/{name}/{}", backend.name());
        let (mut out, mut content) = (Vec::new(), Vec::new());
        let decoder = decode(&mut out, &mut |octets| content.extend_from_slice(octets));
        assert!(decoder.finish().is_ok() && content == message, "{name}");
        count(&name, 1, || {
            let decoder = decode(&mut out, &mut |octets| {
                black_box(octets);
            });
            black_box(decoder.report());
        });
    }
}

fn encoding(name: &str, data: &[u8], bare_lf: BarePolicy, expected: &[u8]) {
    for backend in Backend::available() {
        let encode = |wire: &mut Vec<u8>| {
            wire.clear();
            let mut encoder = DataEncoder::with_backend(BarePolicy::Reject, bare_lf, backend).unwrap();
            for octets in data.chunks(CHUNK) {
                encoder.encode(octets, wire).unwrap();
            }
            encoder.finish(wire).unwrap();
        };
        let name = format!("encode/{name}/{}", backend.name());
        let mut wire = Vec::new();
        encode(&mut wire);
        assert!(wire == expected, "{name}");
        count(&name, 1, || encode(black_box(&mut wire)));
    }
}

fn parsing(name: &str, line: &[u8]) {
    let grammar = Grammar::default();
    let command = parse(line, &grammar).unwrap();
    let verb = command.verb().map(Verb::name);
    assert_eq!(verb.map(str::as_bytes), line.get(..4), "{name}");
    count(&format!("command/{name}"), 100, || {
        black_box(parse(black_box(line), &grammar)).unwrap();
    });
}

fn checking(name: &str, message: &[u8], findings: usize) {
    for backend in Backend::available() {
        let name = format!("headers/{name}/{}", backend.name());
        let check = || check(black_box(message), HeaderLimits::default(), HeaderContext::default(), backend);
        assert_eq!(check().len(), findings, "{name}");
        count(&name, 100, || {
            black_box(check());
        });
    }
}

/// A connection with one message, as a client that pipelines sends it. Gives the mail data and the codes of the replies.
fn transaction(settings: &Arc<Settings>, wire: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let envelope = b"MAIL FROM:<a@example.org> SIZE=400\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
    let mut session = Session::new(Arc::clone(settings), None);
    let mut replies = session.data_to_send();
    let (mut events, mut content) = (Vec::new(), Vec::new());
    for octets in [b"EHLO client.example.org\r\n", &envelope[..], wire, b"QUIT\r\n"] {
        session.receive_data(octets, &mut events);
        while let Some(event) = events.pop() {
            match event {
                Event::MailData(octets) => content = octets,
                Event::EndOfMailData(_) => session.reply(None, &mut events).unwrap(),
                _ => {}
            }
        }
        replies.append(&mut session.data_to_send());
    }
    (content, replies)
}

fn transacting(data: &[u8], wire: &[u8]) {
    for backend in Backend::available() {
        let name = format!("session/{}", backend.name());
        let settings = Arc::new(Settings { backend, ..Settings::default() });
        let (content, replies) = transaction(&settings, wire);
        let replies = String::from_utf8(replies).unwrap();
        let codes: Vec<_> = replies.lines().map(|line| &line[..4]).filter(|code| code.ends_with(' ')).collect();
        assert!(content == data, "{name}");
        assert_eq!(codes, ["220 ", "250 ", "250 ", "250 ", "354 ", "250 ", "221 "], "{name}");
        count(&name, 100, || {
            black_box(transaction(&settings, wire));
        });
    }
}

fn main() {
    corpora::check();
    let strict = DataPolicies::default();
    let lf = DataPolicies { line_ends: LineEnds::Lf, ..strict };
    for name in corpora::NAMES {
        let (data, wire) = message(name, MESSAGE);
        let without_cr: Vec<u8> = data.iter().copied().filter(|&octet| octet != b'\r').collect();
        decoding(name, 1, &wire, CHUNK, strict, &data);
        decoding(&format!("{name}/lf"), 1, &wire, CHUNK, lf, &without_cr);
    }

    // What is neither a line end nor ASCII, inside of lines: it needs no transparency, and the encoder refuses some.
    let strange = |octets: &[u8], every: usize| {
        let mut data = Corpus::new("base64", MESSAGE).data;
        let places = (1..data.len() - 1).step_by(every);
        let inside = places.filter(|&at| !data[at - 1..=at + 1].iter().any(u8::is_ascii_whitespace));
        for (place, octet) in inside.collect::<Vec<_>>().into_iter().zip(octets.iter().cycle()) {
            data[place] = *octet;
        }
        let wire = [&data, TERMINATOR].concat();
        (data, wire)
    };
    let keep = DataPolicies { bare_cr: BarePolicy::Keep, bare_lf: BarePolicy::Keep, nul: KeepPolicy::Keep, ..strict };
    let (bare, wire) = strange(b"\r\n\0", 499);
    decoding("bare/keep", 1, &wire, CHUNK, keep, &bare);
    // A dot and a CR begin the terminator, or do not.
    let dot_cr = b".\rmail data\r\n".repeat(10_000);
    let data = b"\rmail data\r\n".repeat(10_000);
    decoding("dot cr/keep", 1, &[&dot_cr[..], b".\r\n"].concat(), CHUNK, keep, &data);
    let (eight_bit, wire) = strange(b"\xc3\xa9", 5);
    decoding("8bit", 1, &wire, CHUNK, strict, &eight_bit);

    let (small, wire) = message("mixed", 4096);
    decoding("octet by octet", 1, &wire, 1, strict, &small);
    let (tiny, tiny_wire) = message("mixed", 397);
    decoding("tiny", 100, &tiny_wire, CHUNK, strict, &tiny);

    let keep_all = DataPolicies { long_line: KeepPolicy::Keep, ..keep };
    chunking("base64", keep_all, &message("base64", MESSAGE).0);
    let mut state = 1_u64;
    let random = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    chunking("binary", keep_all, &random.take(MESSAGE).collect::<Vec<_>>());

    for name in ["base64", "mixed", "dots"] {
        let (data, wire) = message(name, MESSAGE);
        encoding(name, &data, BarePolicy::Reject, &wire);
        let text: Vec<u8> = data.iter().copied().filter(|&octet| octet != b'\r').collect();
        encoding(&format!("{name}/lf"), &text, BarePolicy::Normalize, &wire);
    }

    parsing("ehlo", b"EHLO mail-17.client.example.org");
    parsing("mail", b"MAIL FROM:<first.last@example.org> SIZE=10240 BODY=8BITMIME");
    parsing("rcpt", b"RCPT TO:<first.last@example.org>");
    parsing("rcpt quoted", b"RCPT TO:<\"first last\"@[IPv6:2001:db8::1]>");
    parsing("quit", b"QUIT");

    let section = include_bytes!("../../../benches/header_section.eml");
    checking("section", &[section, &b"\r\n"[..]].concat(), 0);
    checking("4 KiB", &[section, &b"\r\n"[..], &small].concat(), 0);
    checking("none", b"\r\nno field\r\n", 3);

    transacting(&tiny, &tiny_wire);
}
