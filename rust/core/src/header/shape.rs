//! What a line of the section is: a field, or why it is none (RFC 5322 §2.2, §4.5).

use super::class::{FTEXT, is};

/// What a line is, with those that continue it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Octets of the name, and where the value begins.
    Field { name: usize, value: usize },
    /// There is a colon and before it, at `at`, an octet that may not be there; or nothing.
    BadName { at: usize, colon: usize },
    /// No colon, or a sentence before it.
    None,
}

impl Shape {
    /// ```abnf
    /// optional-field = field-name ":" unstructured CRLF
    /// obs-optional   = field-name *WSP ":" unstructured CRLF
    /// ```
    #[inline]
    pub(super) fn of(octets: &[u8]) -> Self {
        let name = octets.iter().position(|&octet| !is(octet, FTEXT)).unwrap_or(octets.len());
        if octets.get(name) == Some(&b':') && name > 0 {
            return Self::Field { name, value: name + 1 };
        }
        Self::other(octets, name)
    }

    #[cold]
    fn other(octets: &[u8], name: usize) -> Self {
        let is_space = |octet: &u8| matches!(octet, b' ' | b'\t');
        let spaces = octets[name..].iter().take_while(|octet| is_space(octet)).count();
        let line = octets.split(|&octet| octet == b'\n').next().unwrap_or_default();
        let Some(colon) = line.iter().position(|&octet| octet == b':') else { return Self::None };
        if colon == name + spaces && name > 0 {
            Self::Field { name, value: colon + 1 }
        } else if line[..colon].iter().any(is_space) {
            Self::None
        } else {
            Self::BadName { at: name, colon }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_at_their_colon() {
        for (octets, wanted) in [
            ("To: a", Shape::Field { name: 2, value: 3 }),
            ("To:", Shape::Field { name: 2, value: 3 }),
            ("!#$%&'*+-.^_`|~: a", Shape::Field { name: 15, value: 16 }),
            ("To \t: a", Shape::Field { name: 2, value: 5 }),
            (": a", Shape::BadName { at: 0, colon: 0 }),
            ("T\u{7f}o: a", Shape::BadName { at: 1, colon: 3 }),
            ("T\0o: a", Shape::BadName { at: 1, colon: 3 }),
            ("", Shape::None),
            ("To", Shape::None),
            ("To\r\n : a", Shape::None),
            ("I say: a", Shape::None),
            ("I\0 say: a", Shape::None),
            (" : a", Shape::None),
            (" To: a", Shape::None),
        ] {
            assert_eq!(Shape::of(octets.as_bytes()), wanted, "{octets:?}");
        }
    }
}
