//! What can be found in a header section, and one finding at its place.
//!
//! Takes nothing; gives [`Finding::row`] (what the table of `table.rs` says of it) and [`HeaderFinding`] (where it is). Text is
//! made when it is asked for.

use crate::reply::{Enhanced, Reply};

pub use super::table::Finding;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Legal, or so common that nobody refuses it, and better done otherwise.
    Advice,
    /// What a sender should not do; receivers cope.
    Warning,
    /// The message is not in the format of RFC 5322 or of MIME; a strict receiver refuses it.
    Error,
}

impl Severity {
    /// `advice`, `warning` or `error`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One row of the table: what is said of one kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The stable name, for policies, logs and tests: `missing-date`.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Reply code of a refusal, RFC 5321 §4.2.
    pub code: u16,
    /// Its enhanced status code, RFC 3463.
    pub enhanced: Enhanced,
    /// Where the rule stands, e.g. `RFC 5322 3.6.1`.
    pub section: &'static str,
    /// What is wrong.
    pub text: &'static str,
    /// What to change.
    pub help: &'static str,
    /// A message that has it. `{x*990}` stands for 990 x.
    pub wrong: &'static str,
    /// The same without any finding.
    pub right: &'static str,
}

impl Row {
    /// The reply of a receiver that refuses a message for it, without a place.
    #[must_use]
    pub fn reply(&self) -> Reply {
        Reply::from_table(self.code, self.enhanced, self.text)
    }
}

/// A finding at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderFinding {
    /// What was found.
    pub finding: Finding,
    /// Octets of mail data before the place, counted as `size` counts them. What is missing from the section has the place
    /// where it ends.
    pub offset: u64,
    /// Octets that are meant, from there; 0 where something is missing.
    pub length: u32,
    /// The line it is in, the first being 1.
    pub line: u32,
    /// The name of the field as it stands, at most [`MAX_NAME`](super::MAX_NAME) octets of it.
    pub field: Option<Box<str>>,
}

impl HeaderFinding {
    /// What is wrong and where, in one line of ASCII.
    #[must_use]
    pub fn text(&self) -> String {
        let row = self.finding.row();
        match &self.field {
            Some(field) if field.bytes().all(|octet| octet.is_ascii_graphic()) => {
                format!("{} ({field}, line {})", row.text, self.line)
            }
            _ => format!("{} (line {})", row.text, self.line),
        }
    }

    /// The reply of a receiver that refuses the message for it.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let row = self.finding.row();
        Reply::from_table(row.code, row.enhanced, self.text())
    }
}
