//! xtext: any octets in printable ASCII (RFC 3461 §4).
//!
//! Takes it; gives the octets, or where it stops being xtext.

/// ```abnf
/// xtext   = *( xchar / hexchar )
/// xchar   = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="
/// hexchar = ASCII "+" immediately followed by two upper case hexadecimal digits
/// ```
pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let (mut octets, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(&octet) = text.get(at) {
        match octet {
            b'+' => {
                let digits = text.get(at + 1..at + 3).ok_or(at)?;
                let [high, low] = [digits[0], digits[1]].map(hex);
                octets.push(high.ok_or(at)? << 4 | low.ok_or(at)?);
                at += 3;
            }
            b'=' => return Err(at),
            33..=126 => {
                octets.push(octet);
                at += 1;
            }
            _ => return Err(at),
        }
    }
    Ok(octets)
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_and_faults() {
        assert_eq!(decode(b""), Ok(Vec::new()));
        assert_eq!(decode(b"a+2Bb+3D+00+FF~!"), Ok(b"a+b=\0\xFF~!".to_vec()));
        for (text, at) in
            [("a b", 1), ("a=", 1), ("+", 0), ("a+2", 1), ("+2b", 0), ("+G0", 0), ("\u{e9}", 0), ("a\x7F", 1)]
        {
            assert_eq!(decode(text.as_bytes()), Err(at), "{text:?}");
        }
    }
}
