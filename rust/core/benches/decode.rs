//! The decoder and the encoder on the corpora they are judged by, beside peers and a memcpy of the same octets, in one run.
//!
//!     cargo bench -p lonedot-core --bench decode [-- [--quick] [--json FILE] NAME…]
//!
//! Names are parts of `corpus/place/what`. Places:
//!
//! - `cache`: a message of 16 times the same chunk of 64 KiB, into one buffer that is written over again and again.
//! - `dram-chunks`: 64 MiB in chunks of 64 KiB, into one such buffer: the octets come from memory, and stay in cache.
//! - `dram-whole`: 64 MiB in one call, into a buffer of as much that was touched before: memory to memory.
//! - `chunk`: as `cache`, the octets of BDAT: one chunk of RFC 3030 in 16 pieces.
//! - `encode`: as `cache`, the other direction. `encode-lf`: the same from a Unix text, whose LFs are made CRLFs.
//! - `tiny`, a corpus: 100 messages of 400 octets back to back in one buffer, a new decoder for each.
//!
//! Each case first asserts what comes out.

mod corpora;
mod peers;
mod table;

use std::cell::RefCell;
use std::hint::black_box;
use std::ops::Range;
use std::rc::Rc;

use corpora::{CHUNK, Corpus, TERMINATOR};
use lonedot_core::data::{BarePolicy, ChunkDecoder, DataDecoder, DataEncoder, DataPolicies, LineEnds};
use lonedot_core::scan::Backend;
use peers::{MemchrLines, MemmemScan, Receiver, SmtpProto, SmtpProtoOctets};
use table::{Case, Options};

const DRAM: usize = 64 << 20;

/// One message as it comes over the wire: pieces of the octets, one after the other.
struct Stream {
    octets: Rc<Vec<u8>>,
    pieces: Vec<Range<usize>>,
}

impl Stream {
    /// The first `length` octets in chunks, so many times over; then what follows them, the terminator.
    fn new(octets: &Rc<Vec<u8>>, length: usize, chunk: usize, times: usize) -> Rc<Self> {
        let chunks = (0..length).step_by(chunk).map(|at| at..length.min(at + chunk));
        let mut pieces: Vec<_> = (0..times).flat_map(|_| chunks.clone()).collect();
        if length < octets.len() {
            pieces.push(length..octets.len());
        }
        Rc::new(Self { octets: Rc::clone(octets), pieces })
    }

    fn len(&self) -> usize {
        self.pieces.iter().map(Range::len).sum()
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| &self.octets[piece.clone()])
    }
}

fn decode(stream: &Stream, policies: DataPolicies, backend: Backend, out: &mut Vec<u8>, keep: bool) -> DataDecoder {
    let mut decoder = DataDecoder::with_backend(policies, backend);
    for piece in stream.pieces() {
        if !keep {
            out.clear();
        }
        decoder.decode(piece, out);
        black_box(&*out);
    }
    decoder
}

/// Decodes the stream as one chunk of BDAT, which is the message.
fn decode_chunk(stream: &Stream, backend: Backend, out: &mut Vec<u8>, keep: bool) -> ChunkDecoder {
    let mut decoder = ChunkDecoder::with_backend(stream.len() as u64, true, DataPolicies::default(), backend);
    for piece in stream.pieces() {
        if !keep {
            out.clear();
        }
        decoder.decode(piece, out);
        black_box(&*out);
    }
    decoder
}

/// Decodes messages that stand back to back. The decoder stops at the end of each, a new one takes the rest.
fn decode_each(wire: &[u8], backend: Backend, out: &mut Vec<u8>, mut message: impl FnMut(&[u8])) -> usize {
    let (mut at, mut count) = (0, 0);
    while at < wire.len() {
        out.clear();
        let mut decoder = DataDecoder::with_backend(DataPolicies::default(), backend);
        at += decoder.decode(&wire[at..], out);
        assert!(decoder.finish().is_ok());
        message(out.as_slice());
        count += 1;
    }
    count
}

fn encode(stream: &Stream, bare_lf: BarePolicy, backend: Backend, out: &mut Vec<u8>, keep: bool) {
    let mut encoder = DataEncoder::with_backend(BarePolicy::Reject, bare_lf, backend).unwrap();
    for piece in stream.pieces() {
        if !keep {
            out.clear();
        }
        encoder.encode(piece, out).unwrap();
        black_box(&*out);
    }
    encoder.finish(out).unwrap();
}

fn receive<R: Receiver>(stream: &Stream, out: &mut Vec<u8>, keep: bool) -> bool {
    let (mut receiver, mut ended) = (R::new(), false);
    for piece in stream.pieces() {
        if !keep {
            out.clear();
        }
        ended = receiver.take(piece, out);
        black_box(&*out);
    }
    ended
}

fn copy(stream: &Stream, out: &mut [u8]) {
    for piece in stream.pieces() {
        out[..piece.len()].copy_from_slice(piece);
        black_box(&mut *out);
    }
}

/// The cases that were asked for. Those that hand out much write to the same memory.
struct Cases {
    options: Options,
    cases: Vec<Case>,
    decoded: Rc<RefCell<Vec<u8>>>,
    copied: Rc<RefCell<Vec<u8>>>,
}

impl Cases {
    /// Adds the case, of which `make` first asserts what comes out.
    fn add<F: FnMut() + 'static>(
        &mut self,
        name: String,
        octets: usize,
        messages: usize,
        make: impl FnOnce(&str) -> F,
    ) {
        if self.options.chose(&name) {
            let run = Box::new(make(&name));
            self.cases.push(Case { name, octets, messages, run });
        }
    }

    /// Adds the memcpy that the cases since `first` are held against.
    fn add_memcpy(&mut self, first: usize, place: &str, stream: &Rc<Stream>) {
        let name = format!("{place}/memcpy");
        if self.cases.len() > first || self.options.chose(&name) {
            let (stream, out, octets) = (Rc::clone(stream), Rc::clone(&self.copied), stream.len());
            let longest = stream.pieces().map(<[u8]>::len).max().unwrap_or(0);
            if out.borrow().len() < longest {
                out.borrow_mut().resize(longest, 1);
            }
            let run = Box::new(move || copy(&stream, &mut out.borrow_mut()));
            self.cases.insert(first, Case { name, octets, messages: 0, run });
        }
    }

    /// Adds each kernel, which has to give `expected`, for mail data of so many octets.
    fn add_decoders(&mut self, place: &str, stream: &Rc<Stream>, line_ends: LineEnds, expected: &[u8], size: usize) {
        let policies = DataPolicies { line_ends, ..DataPolicies::default() };
        let ends = if line_ends == LineEnds::Lf { "-lf" } else { "" };
        for backend in Backend::available() {
            let shared = Rc::clone(&self.decoded);
            self.add(format!("{place}/{}{ends}", backend.name()), stream.len(), 0, |name| {
                let mut out = Vec::new();
                let decoder = decode(stream, policies, backend, &mut out, true);
                assert!(out.as_slice() == expected, "{name}");
                assert_eq!(decoder.finish().unwrap().size, size as u64, "{name}");
                let stream = Rc::clone(stream);
                move || {
                    black_box(decode(&stream, policies, backend, &mut shared.borrow_mut(), false));
                }
            });
        }
    }

    fn add_peer<R: Receiver>(&mut self, name: String, stream: &Rc<Stream>, expected: &[u8]) {
        self.add(name, stream.len(), 0, |name| {
            let mut out = Vec::new();
            assert!(receive::<R>(stream, &mut out, true) && out == expected, "{name}");
            let stream = Rc::clone(stream);
            move || {
                black_box(receive::<R>(&stream, &mut out, false));
            }
        });
    }

    fn add_in_cache(&mut self, corpus: &str) {
        const TIMES: usize = 16;
        let Corpus { data, wire } = Corpus::new(corpus, CHUNK);
        let stream = Stream::new(&Rc::new([&wire, TERMINATOR].concat()), CHUNK, CHUNK, TIMES);
        let decoded = data.repeat(TIMES);
        let first = self.cases.len();
        let place = format!("{corpus}/cache");
        let with_lf: Vec<u8> = decoded.iter().copied().filter(|&octet| octet != b'\r').collect();
        self.add_decoders(&place, &stream, LineEnds::Crlf, &decoded, decoded.len());
        self.add_decoders(&place, &stream, LineEnds::Lf, &with_lf, decoded.len());
        // Inside a line, a dot at the start is an octet like any other.
        let first_dot: &[u8] = if data.starts_with(b".") { b"." } else { b"" };
        let expected = [first_dot, &decoded].concat();
        self.add_peer::<SmtpProto>(format!("{place}/smtp-proto"), &stream, &expected);
        let expected = [b"\r\n", &expected[..expected.len() - 2]].concat();
        self.add_peer::<SmtpProtoOctets>(format!("{place}/smtp-proto-0.1"), &stream, &expected);
        self.add_peer::<MemchrLines>(format!("{place}/memchr-lines"), &stream, &decoded);
        self.add(format!("{place}/memmem-scan"), stream.len(), 0, |name| {
            let scan = MemmemScan::new();
            let dotted = wire.windows(3).filter(|window| window == b"\r\n.").count();
            assert_eq!(scan.count(&wire), dotted, "{name}");
            let stream = Rc::clone(&stream);
            move || {
                black_box(stream.pieces().map(|piece| scan.count(black_box(piece))).sum::<usize>());
            }
        });
        self.add_memcpy(first, &place, &stream);

        if corpus == "base64" {
            let (first, length) = (self.cases.len(), data.len());
            let stream = Stream::new(&Rc::new(data.clone()), length, length, TIMES);
            for backend in Backend::available() {
                let shared = Rc::clone(&self.decoded);
                self.add(format!("{corpus}/chunk/{}", backend.name()), stream.len(), 0, |name| {
                    let mut out = Vec::new();
                    let decoder = decode_chunk(&stream, backend, &mut out, true);
                    assert!(out == decoded, "{name}");
                    assert_eq!(decoder.finish().unwrap().size, decoded.len() as u64, "{name}");
                    let stream = Rc::clone(&stream);
                    move || {
                        black_box(decode_chunk(&stream, backend, &mut shared.borrow_mut(), false));
                    }
                });
            }
            self.add_memcpy(first, &format!("{corpus}/chunk"), &stream);
        }

        let text = data.iter().copied().filter(|&octet| octet != b'\r').collect();
        self.add_encoders(&format!("{corpus}/encode"), data, BarePolicy::Reject, TIMES, &wire);
        self.add_encoders(&format!("{corpus}/encode-lf"), text, BarePolicy::Normalize, TIMES, &wire);
    }

    /// Adds each kernel, which has to give `wire` so many times for the data.
    fn add_encoders(&mut self, place: &str, data: Vec<u8>, bare_lf: BarePolicy, times: usize, wire: &[u8]) {
        let (first, length) = (self.cases.len(), data.len());
        let stream = Stream::new(&Rc::new(data), length, length, times);
        for backend in Backend::available() {
            self.add(format!("{place}/{}", backend.name()), stream.len(), 0, |name| {
                let mut out = Vec::new();
                encode(&stream, bare_lf, backend, &mut out, true);
                assert!(out == [&wire.repeat(times), TERMINATOR].concat(), "{name}");
                let stream = Rc::clone(&stream);
                let mut out = Vec::new();
                move || encode(&stream, bare_lf, backend, &mut out, false)
            });
        }
        self.add_memcpy(first, place, &stream);
    }

    fn add_from_dram(&mut self, corpus: &str) {
        let names: Vec<_> = ["memcpy"].into_iter().chain(Backend::available().map(Backend::name)).collect();
        let places =
            [("dram-chunks", CHUNK), ("dram-whole", DRAM)].map(|(place, chunk)| (format!("{corpus}/{place}"), chunk));
        let any = |place: &str| names.iter().any(|what| self.options.chose(&format!("{place}/{what}")));
        let places: Vec<_> = places.into_iter().filter(|(place, _)| any(place)).collect();
        if places.is_empty() {
            return;
        }
        let Corpus { data, mut wire } = Corpus::new(corpus, DRAM);
        wire.extend_from_slice(TERMINATOR);
        let wire = Rc::new(wire);
        for (place, chunk) in places {
            let stream = Stream::new(&wire, DRAM, chunk, 1);
            let first = self.cases.len();
            self.add_decoders(&place, &stream, LineEnds::Crlf, &data, data.len());
            self.add_memcpy(first, &place, &stream);
        }
    }

    fn add_tiny(&mut self) {
        let (messages, wire) = corpora::tiny();
        let wire = Rc::new(wire);
        for backend in Backend::available() {
            self.add(format!("tiny/cache/{}", backend.name()), wire.len(), messages.len(), |name| {
                let (mut out, mut seen) = (Vec::new(), Vec::new());
                decode_each(&wire, backend, &mut out, |message| seen.push(message.to_vec()));
                assert!(seen == messages, "{name}");
                let wire = Rc::clone(&wire);
                move || {
                    black_box(decode_each(&wire, backend, &mut out, |message| {
                        black_box(message);
                    }));
                }
            });
        }
    }
}

fn main() {
    let options = Options::of_arguments();
    corpora::check();
    let mut cases = Cases { options, cases: Vec::new(), decoded: Rc::default(), copied: Rc::default() };
    for corpus in corpora::NAMES {
        cases.add_in_cache(corpus);
    }
    for corpus in corpora::NAMES {
        cases.add_from_dram(corpus);
    }
    cases.add_tiny();
    cases.options.run(cases.cases);
}
