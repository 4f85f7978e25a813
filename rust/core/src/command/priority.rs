//! MT-PRIORITY on MAIL: how urgent a message is (RFC 6710 §3, §7).
//!
//! Takes the value of the parameter; gives a number from -9 to 9, the highest the most urgent.

use super::cursor::violation;
use crate::violation::{Fault, Violation};

/// ```abnf
/// priority-value = (["-"] NZDIGIT) / "0"
/// ```
pub(super) fn priority(value: &str) -> Result<i8, Violation> {
    let number = |digit: &u8| (*digit - b'0') as i8;
    match value.as_bytes() {
        [digit @ b'0'..=b'9'] => Ok(number(digit)),
        [b'-', digit @ b'1'..=b'9'] => Ok(-number(digit)),
        _ => Err(violation(Fault::MtPrioritySyntax, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities() {
        for number in -9..=9 {
            assert_eq!(priority(&number.to_string()), Ok(number));
        }
        for value in ["", "-", "-0", "+1", "00", "01", "10", "-10", "1x", "high"] {
            assert_eq!(priority(value), Err(violation(Fault::MtPrioritySyntax, 0)), "{value}");
        }
    }
}
