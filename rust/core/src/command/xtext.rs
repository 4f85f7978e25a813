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

/// The same where text is wanted: printable ASCII and spaces.
pub(super) fn decode_printable(text: &str) -> Result<String, usize> {
    let octets = decode(text.as_bytes())?;
    match octets.iter().position(|octet| !matches!(octet, 32..=126)) {
        Some(at) => Err(place(text, at)),
        None => Ok(octets.into_iter().map(char::from).collect()),
    }
}

/// The same where UTF-8 is taken too: no controls.
pub(super) fn decode_utf8(text: &str) -> Result<String, usize> {
    let decoded = String::from_utf8(decode(text.as_bytes())?).map_err(|e| place(text, e.utf8_error().valid_up_to()))?;
    match decoded.find(char::is_control) {
        Some(at) => Err(place(text, at)),
        None => Ok(decoded),
    }
}

/// Where in `text`, which is xtext, the octet stands that has so many before it when decoded.
pub(super) fn place(text: &str, octets: usize) -> usize {
    let encoded = text.as_bytes();
    (0..octets).fold(0, |at, _| at + if encoded.get(at) == Some(&b'+') { 3 } else { 1 })
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

    #[test]
    fn every_octet() {
        for octet in 0..=u8::MAX {
            assert_eq!(decode(format!("a+{octet:02X}b").as_bytes()), Ok(vec![b'a', octet, b'b']));
            let itself = matches!(octet, 33..=126) && !b"+=".contains(&octet);
            assert_eq!(decode(&[octet]), if itself { Ok(vec![octet]) } else { Err(0) }, "{octet}");
        }
    }

    #[test]
    fn text() {
        assert_eq!(decode_printable("a+20b+7E"), Ok("a b~".into()));
        for (text, at) in [("a+20b+7F", 5), ("+C3+A9", 0), ("+20+0A", 3), ("a+20=", 4)] {
            assert_eq!(decode_printable(text), Err(at), "{text}");
        }
        assert_eq!(decode_utf8("a+20b+C3+A9~"), Ok("a bé~".into()));
        for (text, at) in [("a+7F", 1), ("+C3+A9+C3", 6), ("+FF", 0), ("a+C2+85", 1), ("+20+0A", 3), ("a+C3=", 4)] {
            assert_eq!(decode_utf8(text), Err(at), "{text}");
        }
        assert_eq!([0, 1, 2, 3, 4, 5].map(|octets| place("a+20b+2Bc", octets)), [0, 1, 4, 5, 8, 9]);
    }
}
