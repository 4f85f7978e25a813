//! Which octets may stand where: the character classes of RFC 5322, RFC 2045 and RFC 2046, in one table.
//!
//! Octets over 127 count as text wherever RFC 6532 lets UTF-8 stand, and in tokens: that they are not allowed without SMTPUTF8 is
//! said once for a field, elsewhere.

/// `atext` (RFC 5322 §3.2.3), with `UTF8-non-ascii`.
pub(super) const ATEXT: u16 = 1;
/// `dtext` (RFC 5322 §3.4.1), with `UTF8-non-ascii`.
pub(super) const DTEXT: u16 = 2;
/// An octet of `token` (RFC 2045 §5.1), or one over 127.
pub(super) const TOKEN: u16 = 4;
/// `ftext` (RFC 5322 §3.6.8).
pub(super) const FTEXT: u16 = 8;
/// `bchars` (RFC 2046 §5.1.1).
pub(super) const BCHARS: u16 = 16;
/// What an encoded-word in a phrase may hold (RFC 2047 §5 (3)).
pub(super) const PHRASE: u16 = 32;
/// The digits of base64, without the padding.
pub(super) const BASE64: u16 = 64;
/// What folding white space is made of, line ends among it: inside a field white space follows them.
pub(super) const SPACE: u16 = 128;
/// `atext` and dots.
pub(super) const DOTTED: u16 = 256;

const CLASSES: [u16; 256] = {
    let mut classes = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let o = octet as u8;
        let word = o.is_ascii_alphanumeric();
        let graphic = o.is_ascii_graphic();
        let mut class = 0;
        let atext = matches!(
            o,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?' | b'^' | b'_' | b'`' | b'{'..=b'~' | 128..
        );
        if word || atext {
            class |= ATEXT;
        }
        if word || atext || o == b'.' {
            class |= DOTTED;
        }
        if o >= 128 || graphic && !matches!(o, b'[' | b']' | b'\\') {
            class |= DTEXT;
        }
        let special = matches!(
            o,
            b'(' | b')' | b'<' | b'>' | b'@' | b',' | b';' | b':' | b'\\' | b'"' | b'/' | b'[' | b']' | b'?' | b'='
        );
        if o >= 128 || graphic && !special {
            class |= TOKEN;
        }
        if graphic && o != b':' {
            class |= FTEXT;
        }
        if word || matches!(o, b'\'' | b'(' | b')' | b'+'..=b'/' | b':' | b'=' | b'?' | b'_' | b' ') {
            class |= BCHARS;
        }
        if word || matches!(o, b'!' | b'*' | b'+' | b'-' | b'/' | b'=' | b'_') {
            class |= PHRASE;
        }
        if word || matches!(o, b'+' | b'/') {
            class |= BASE64;
        }
        if matches!(o, b' ' | b'\t' | b'\r' | b'\n') {
            class |= SPACE;
        }
        classes[octet] = class;
        octet += 1;
    }
    classes
};

/// Whether the octet is of one of the classes.
#[inline(always)]
pub(super) const fn is(octet: u8, classes: u16) -> bool {
    CLASSES[octet as usize] & classes != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_their_sections_list() {
        let of = |class| (0..128_u8).filter(|&o| is(o, class)).map(char::from).collect::<String>();
        let words = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let listed = |more: &str| {
            let mut all: Vec<char> = words.chars().chain(more.chars()).collect();
            all.sort_unstable();
            all.into_iter().collect::<String>()
        };
        assert_eq!(of(ATEXT), listed("!#$%&'*+-/=?^_`{|}~"));
        assert_eq!(of(DOTTED), listed("!#$%&'*+-./=?^_`{|}~"));
        assert_eq!(of(BCHARS), listed("'()+_,-./:=? "));
        assert_eq!(of(PHRASE), listed("!*+-/=_"));
        assert_eq!(of(BASE64), listed("+/"));
        assert_eq!(of(SPACE), "\t\n\r ");
        let graphic = |but: &str| (33..127_u8).map(char::from).filter(|c| !but.contains(*c)).collect::<String>();
        assert_eq!(of(FTEXT), graphic(":"));
        assert_eq!(of(DTEXT), graphic("[]\\"));
        assert_eq!(of(TOKEN), graphic("()<>@,;:\\\"/[]?="));
        assert!((128..=255).all(|o| is(o, ATEXT) && is(o, DTEXT) && is(o, TOKEN) && !is(o, FTEXT | BCHARS | PHRASE)));
    }
}
