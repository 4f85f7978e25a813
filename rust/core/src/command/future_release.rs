//! HOLDFOR and HOLDUNTIL on MAIL: how long a message is to be held before it is released (RFC 4865 §3).
//!
//! Takes the value of a parameter; gives seconds, or a point in time. How far it may be off is the session's business, as is
//! what time it is.

use super::cursor::violation;
use super::date_time::DateTime;
use crate::violation::{Fault, Violation};

/// ```abnf
/// hold-for-param         = "HOLDFOR=" future-release-integer
/// future-release-integer = %x31-39 *8DIGIT     ; seconds
/// ```
pub(super) fn hold_for(value: &str) -> Result<u32, Violation> {
    let wrong = match value.bytes().position(|b| !b.is_ascii_digit()) {
        Some(at) => at.min(9),
        None if value.is_empty() || value.starts_with('0') => 0,
        None if value.len() > 9 => 9,
        // Nine digits and less fit.
        None => return Ok(value.parse().unwrap_or(u32::MAX)),
    };
    Err(violation(Fault::HoldForSyntax, wrong))
}

/// ```abnf
/// hold-until-param = "HOLDUNTIL=" date-time     ; RFC 3339 section 5.6, as erratum 2040 has it
/// ```
pub(super) fn hold_until(value: &str) -> Result<DateTime, Violation> {
    DateTime::parse(value).map_err(|at| violation(Fault::HoldUntilSyntax, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        for (value, seconds) in [("1", 1), ("86400", 86_400), ("999999999", 999_999_999)] {
            assert_eq!(hold_for(value), Ok(seconds));
        }
        for (value, at) in
            [("", 0), ("0", 0), ("01", 0), ("-1", 0), ("+1", 0), ("1h", 1), ("1000000000", 9), ("123456789x", 9)]
        {
            assert_eq!(hold_for(value), Err(violation(Fault::HoldForSyntax, at)), "{value}");
        }
    }
}
