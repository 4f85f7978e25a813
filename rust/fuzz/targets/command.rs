//! Whatever a line is, it is read or refused, and what is read can be written and read again.

use lonedot_core::command::{Dialect, Grammar};

use super::Choices;
use crate::line;

pub(super) fn run(input: &[u8]) {
    let mut choices = Choices(input);
    let grammar = Grammar {
        dialect: choices.one_of(&[Dialect::Smtp, Dialect::Lmtp]),
        smtputf8: choices.flag(),
        strict: choices.flag(),
    };
    line::holds(choices.0, &grammar);
}
