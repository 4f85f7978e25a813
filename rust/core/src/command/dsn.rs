//! What MAIL and RCPT ask of delivery status notifications: RET, ENVID and NOTIFY (RFC 3461 §4). ORCPT is in
//! [`orcpt`](super::orcpt).
//!
//! Takes the value of a parameter; gives what it asks for. Nothing here sends a notification.

use super::cursor::violation;
use super::xtext;
use crate::violation::{Fault, Violation};

/// The most octets of ENVID's value (RFC 3461 §4.4), as sent.
const MAX_ENVID: usize = 100;

/// What of a message a notification of failure returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ret {
    /// All of it.
    Full,
    /// Its header section.
    Headers,
}

impl Ret {
    /// The parameter's value, in upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Headers => "HDRS",
        }
    }

    /// ```abnf
    /// ret-value = "FULL" / "HDRS"     ; RFC 3461 section 4.3
    /// ```
    pub(super) fn read(value: &str) -> Result<Self, Violation> {
        [Self::Full, Self::Headers]
            .into_iter()
            .find(|ret| value.eq_ignore_ascii_case(ret.name()))
            .ok_or(violation(Fault::RetSyntax, 0))
    }
}

/// When the sender is to be notified of what became of one recipient. Never, where nothing is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Notify {
    /// Of its delivery.
    pub success: bool,
    /// Of its failure.
    pub failure: bool,
    /// Of its delay.
    pub delay: bool,
}

impl Notify {
    /// `NEVER`, or those of `SUCCESS`, `FAILURE` and `DELAY` that are set, in this order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let never = self == Self::default();
        [(never, "NEVER"), (self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")]
            .into_iter()
            .filter_map(|(set, name)| set.then_some(name))
    }

    /// ```abnf
    /// notify-esmtp-value  = "NEVER" / 1#notify-list-element     ; RFC 3461 section 4.1
    /// notify-list-element = "SUCCESS" / "FAILURE" / "DELAY"
    /// ```
    /// of which none is repeated, and none empty, as RFC 822's `#` would have it.
    pub(super) fn read(value: &str) -> Result<Self, Violation> {
        let (mut notify, mut at) = (Self::default(), 0);
        if value.eq_ignore_ascii_case("NEVER") {
            return Ok(notify);
        }
        for element in value.split(',') {
            let set = match element.to_ascii_uppercase().as_str() {
                "SUCCESS" => &mut notify.success,
                "FAILURE" => &mut notify.failure,
                "DELAY" => &mut notify.delay,
                _ => return Err(violation(Fault::NotifySyntax, at)),
            };
            if std::mem::replace(set, true) {
                return Err(violation(Fault::NotifySyntax, at));
            }
            at += element.len() + 1;
        }
        Ok(notify)
    }
}

/// ```abnf
/// envid-parameter = "ENVID=" xtext     ; RFC 3461 section 4.4
/// ```
/// Gives it decoded, as a notification names it.
pub(super) fn envid(value: &str) -> Result<String, Violation> {
    let decoded = match value.len() {
        0 => Err(0),
        1..=MAX_ENVID => xtext::decode_printable(value),
        _ => Err(MAX_ENVID),
    };
    decoded.map_err(|at| violation(Fault::EnvidSyntax, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications() {
        for (text, names) in [
            ("never", "NEVER"),
            ("Success", "SUCCESS"),
            ("DELAY,FAILURE", "FAILURE,DELAY"),
            ("failure,SUCCESS,delay", "SUCCESS,FAILURE,DELAY"),
        ] {
            assert_eq!(Notify::read(text).unwrap().names().collect::<Vec<_>>().join(","), names);
        }
        for (text, at) in [
            ("", 0),
            (",", 0),
            ("SUCCES", 0),
            ("SUCCESS,", 8),
            ("SUCCESS,,DELAY", 8),
            ("SUCCESS,NEVER", 8),
            ("NEVER,DELAY", 0),
            ("DELAY,SUCCESS,DELAY", 14),
            ("SUCCESS;DELAY", 0),
        ] {
            assert_eq!(Notify::read(text), Err(violation(Fault::NotifySyntax, at)), "{text}");
        }
    }

    #[test]
    fn envelope_identifiers() {
        assert_eq!(envid("QQ+20314+2B"), Ok("QQ 314+".into()));
        assert_eq!(envid(&"e".repeat(100)), Ok("e".repeat(100)));
        let hex = format!("{}e", "+2B".repeat(33));
        assert_eq!(envid(&hex), Ok(format!("{}e", "+".repeat(33))));
        for (text, at) in [("", 0), (&*"e".repeat(101), 100), ("a+0A", 1), ("é", 0), ("a+2b", 1)] {
            assert_eq!(envid(text), Err(violation(Fault::EnvidSyntax, at)), "{text}");
        }
    }
}
