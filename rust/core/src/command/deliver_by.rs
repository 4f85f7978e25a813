//! BY on MAIL: by when a message is to be delivered (RFC 2852 §4).
//!
//! Takes the value of the parameter; gives seconds from its coming, and what is to be done when they are over. No clock runs
//! here, and the least time a server takes is its session's business.

use super::cursor::Cursor;
use crate::violation::{Fault, Violation};

/// What is done with a message that was not delivered in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ByMode {
    /// The sender is notified of the delay, and delivery goes on.
    Notify,
    /// The message is returned.
    Return,
}

impl ByMode {
    /// Its letter, in upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notify => "N",
            Self::Return => "R",
        }
    }
}

/// By when a message is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct By {
    /// Seconds from the coming of MAIL, up to nine digits; with [`ByMode::Notify`] they may be over, and at or below 0.
    pub seconds: i32,
    /// What is done then.
    pub mode: ByMode,
    /// Whether to notify the sender also where the message is relayed to a server without this extension.
    pub trace: bool,
}

impl By {
    /// ```abnf
    /// by-value = by-time ";" by-mode [by-trace]
    /// by-time  = ["-" / "+"] 1*9DIGIT     ; a negative or zero value is not allowed with a by-mode of "R"
    /// by-mode  = "N" / "R"
    /// by-trace = "T"
    /// ```
    pub(super) fn read(value: &str) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(value.as_bytes());
        let negative = cursor.eat(b'-');
        if !negative {
            cursor.eat(b'+');
        }
        let start = cursor.at();
        while cursor.at() - start < 9 && cursor.eat_if(|b| b.is_ascii_digit()) {}
        if cursor.at() == start {
            return Err(cursor.fault(Fault::BySyntax));
        }
        let magnitude = cursor.since(start).iter().fold(0, |number, digit| number * 10 + i32::from(digit - b'0'));
        let seconds = if negative { -magnitude } else { magnitude };
        if !cursor.eat(b';') {
            return Err(cursor.fault(Fault::BySyntax));
        }
        let mode = match cursor.peek() {
            Some(b'N' | b'n') => ByMode::Notify,
            Some(b'R' | b'r') => ByMode::Return,
            _ => return Err(cursor.fault(Fault::BySyntax)),
        };
        cursor.eat_word(mode.name().as_bytes());
        let trace = cursor.eat_word(b"T");
        if !cursor.is_end() {
            return Err(cursor.fault(Fault::BySyntax));
        }
        if mode == ByMode::Return && seconds <= 0 {
            return Err(Violation::new(Fault::ByTimeNotPositive, 0));
        }
        Ok(Self { seconds, mode, trace })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let by = |seconds, mode, trace| Ok(By { seconds, mode, trace });
        for (value, expected) in [
            ("120;R", by(120, ByMode::Return, false)),
            ("+120;rt", by(120, ByMode::Return, true)),
            ("-999999999;NT", by(-999_999_999, ByMode::Notify, true)),
            ("000000000;n", by(0, ByMode::Notify, false)),
        ] {
            assert_eq!(By::read(value), expected, "{value}");
        }
        for (value, at) in [
            ("", 0),
            ("R", 0),
            ("-", 1),
            ("+-1;N", 1),
            ("1", 1),
            ("1;", 2),
            ("1;T", 2),
            ("1;NR", 3),
            ("1;NTT", 4),
            ("1N", 1),
            ("1000000000;N", 9),
            ("1.5;N", 1),
        ] {
            assert_eq!(By::read(value), Err(Violation::new(Fault::BySyntax, at)), "{value}");
        }
        for value in ["0;R", "-1;R", "+000;RT", "-0;r"] {
            assert_eq!(By::read(value), Err(Violation::new(Fault::ByTimeNotPositive, 0)), "{value}");
        }
    }
}
