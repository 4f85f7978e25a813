//! CRC32c (RFC 4960 Appendix B): the checksum of a PROXY header. An octet at a time; a header has few.

/// Castagnoli's polynomial, its bits reversed.
const POLYNOMIAL: u32 = 0x82F6_3B78;

const TABLE: [u32; 256] = table();

/// What a checksum begins with. Its bits are inverted when it is done.
pub(super) const START: u32 = !0;

/// Goes on with `octets`.
pub(super) fn crc32c(crc: u32, octets: &[u8]) -> u32 {
    octets.iter().fold(crc, |crc, octet| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ octet)])
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let (mut crc, mut bit) = (octet as u32, 0);
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
            bit += 1;
        }
        table[octet] = crc;
        octet += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720 B.4, and the check value that catalogues of checksums give.
    #[test]
    fn known_values() {
        assert_eq!(!crc32c(START, b"123456789"), 0xE306_9283);
        assert_eq!(!crc32c(START, &[0; 32]), 0x8A91_36AA);
        assert_eq!(!crc32c(START, &[0xFF; 32]), 0x62A8_AB43);
        assert_eq!(!crc32c(START, b""), 0);
        assert_eq!(crc32c(crc32c(START, b"1234"), b"56789"), crc32c(START, b"123456789"));
    }
}
