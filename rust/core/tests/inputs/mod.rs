//! Octets worth trying, for the decoder and the encoder: every short string, patterns and what stands before them, random mail.

use proptest::prelude::*;

/// Every string of up to `most` of the octets that matter, shorter ones first.
pub(crate) fn strings(most: u32) -> Vec<Vec<u8>> {
    const ALPHABET: [u8; 5] = [b'\r', b'\n', b'.', b'a', 0];
    let of_length = |length| {
        (0..ALPHABET.len().pow(length)).map(move |number| {
            (0..length).map(|place| ALPHABET[number / ALPHABET.len().pow(place) % ALPHABET.len()]).collect()
        })
    };
    (0..=most).flat_map(of_length).collect()
}

/// What may stand before: text, short lines, dotted lines, empty lines, 8-bit lines, lines that end in a bare octet.
pub(crate) const FILLINGS: [&[u8]; 6] = [b"a", b"mail data\r\n", b"..\r\n", b"\r\n", b".\xc3\xa9 \r\n", b"a\nb\r\0"];

/// So many octets of it; the last line may be cut anywhere.
pub(crate) fn fill(filling: &[u8], octets: usize) -> Vec<u8> {
    filling.iter().copied().cycle().take(octets).collect()
}

/// What stands close to an end, to a transparency dot or to a bare octet, or looks like one of them.
pub(crate) const PATTERNS: [&[u8]; 28] = [
    b"\r\n.\r\n",
    b"\r\n..\r\n",
    b"\r\n.a\r\n",
    b"\r\n.\n",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\n",
    b"\n.\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n\r\n",
    b"\xff\r\n.\xff",
    b"\r\n.\r\n\r\n.\r\n",
    b"\r\n.\r\n.\r\n",
    b"\r\n...\r\n..\r\n.",
    b"\r\n.\r.\r\n",
    b"\r\n\r\n\r\n.\r\n",
    b"\r\n.a\r\n.b\r\n.c\r\n\r\n.d\r\n",
    b"\r\n.\xe9\r\n\xe9\r\n.\r",
    b"\r",
    b"\r\r\r\n\n",
    b"\n",
    b"\n\n.\n",
    b"\0",
    b"\r\0\n.\r\n",
    b"\x8d\x8a.\x8d\x8a",
    b"\x0b.\x0c\r\n\x0e-/",
];

/// Sizes of chunks around those of blocks; each run takes the next.
pub(crate) const SIZES: [usize; 14] = [1, 64, 7, 63, 65, 127, 128, 2, 129, 191, 192, 13, 193, 256];

/// Octets as mail has them, with what matters standing close together often, in runs long enough for many blocks.
pub(crate) fn mail() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => "[ -~]{0,90}",
        1 => "\\.[ -~]{0,20}",
        1 => "[ -~]{900,1100}",
    ];
    let piece = prop_oneof![
        6 => line.prop_map(|line| format!("{line}\r\n").into_bytes()),
        2 => "[ -~]{0,90}".prop_map(String::into_bytes),
        1 => (prop::sample::select(vec!["\r\n", "..\r\n", ".a\r\n", "a\r\n", "\n", "\r", "x", "é\r\n"]), 1..300_usize)
            .prop_map(|(repeated, times)| repeated.repeat(times).into_bytes()),
        1 => prop::collection::vec(prop::sample::select(b"\r\n.a\0\xe9".to_vec()), 0..12),
        1 => prop::collection::vec(any::<u8>(), 0..4),
        1 => Just(b"\r\n.".to_vec()),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}
