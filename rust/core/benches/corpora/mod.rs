//! The mail data that decoders are judged by, the same octets here and in `benches/corpora.py`.
//!
//! A corpus is whole lines, cut so that they take a given number of octets on the wire: it can be fed again and again as the
//! chunks of one message. `benches/corpora.txt` holds the CRC-32 of each, which both languages assert.

/// The corpora whose throughput is measured. The messages of [`tiny`] are the sixth.
pub(crate) const NAMES: [&str; 5] = ["base64", "mixed", "dots", "empty", "long"];

/// Octets of a chunk.
pub(crate) const CHUNK: usize = 64 * 1024;

/// What ends mail data behind a CRLF.
pub(crate) const TERMINATOR: &[u8] = b".\r\n";

/// How many messages [`tiny`] holds, and the octets of each.
pub(crate) const TINY: (usize, usize) = (100, 400);

/// Octets that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn letters(&mut self, count: u64) -> Vec<u8> {
        const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        (0..count).map(|_| BASE64[self.below(64) as usize]).collect()
    }

    /// A line of the corpus of that name, as mail data, without its CRLF.
    fn line(&mut self, name: &str) -> Vec<u8> {
        match name {
            "base64" => self.letters(76),
            "mixed" => {
                let count = 10 + self.below(69);
                let mut line: Vec<u8> = (0..count).map(|_| b" etaoin.shrdlu,-"[self.below(16) as usize]).collect();
                line[0] = if self.below(100) == 0 { b'.' } else { b'T' };
                line
            }
            "dots" => b".ab".to_vec(),
            "empty" => Vec::new(),
            "long" => self.letters(998),
            _ => unreachable!("no corpus has the name {name}"),
        }
    }
}

/// Mail data, and the same with transparency dots, as it comes over the wire.
pub(crate) struct Corpus {
    pub(crate) data: Vec<u8>,
    pub(crate) wire: Vec<u8>,
}

impl Corpus {
    /// Lines that take so many octets on the wire, without a terminator.
    #[must_use]
    pub(crate) fn new(name: &str, octets: usize) -> Self {
        Self::filled(name, octets, &mut Random(SEED))
    }

    fn filled(name: &str, octets: usize, random: &mut Random) -> Self {
        let mut corpus = Self { data: Vec::with_capacity(octets), wire: Vec::with_capacity(octets + TERMINATOR.len()) };
        while corpus.wire.len() < octets {
            let room = octets - corpus.wire.len();
            let mut line = random.line(name);
            let dotted = line.first() == Some(&b'.');
            let length = line.len() + usize::from(dotted) + 2;
            // The last line takes what room is left, which has to be that of a CRLF at least.
            let last = length != room && length + 2 > room;
            if last {
                line = vec![b'x'; room - 2];
            } else if dotted {
                corpus.wire.push(b'.');
            }
            for part in [&mut corpus.data, &mut corpus.wire] {
                part.extend_from_slice(&line);
                part.extend_from_slice(b"\r\n");
            }
        }
        corpus
    }
}

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Messages of text as in `mixed`, each with its terminator: what they hold, and their wires back to back.
#[must_use]
pub(crate) fn tiny() -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut random, mut messages, mut wire) = (Random(SEED), Vec::new(), Vec::new());
    for _ in 0..TINY.0 {
        let corpus = Corpus::filled("mixed", TINY.1 - TERMINATOR.len(), &mut random);
        messages.push(corpus.data);
        wire.extend_from_slice(&corpus.wire);
        wire.extend_from_slice(TERMINATOR);
    }
    (messages, wire)
}

/// Asserts that each corpus is what the list that Python reads too says.
pub(crate) fn check() {
    for entry in include_str!("../../../../benches/corpora.txt").lines().filter(|line| !line.starts_with('#')) {
        let [name, octets, crc]: [&str; 3] = entry.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let wire = if name == "tiny" { tiny().1 } else { Corpus::new(name, CHUNK).wire };
        let found = format!("{name} {} {:08x}", wire.len(), crc32(&wire));
        assert_eq!(found, format!("{name} {octets} {crc}"));
    }
}

fn crc32(octets: &[u8]) -> u32 {
    !octets.iter().fold(u32::MAX, |crc, &octet| {
        (0..8).fold(crc ^ u32::from(octet), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}
