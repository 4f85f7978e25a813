//! Whatever a line is, it is read or refused, and what is read can be written and read again.

use lonedot_core::command::{Dialect, Extensions, Grammar};

use super::Choices;
use crate::line;

pub(super) fn run(input: &[u8]) {
    let mut choices = Choices(input);
    let (dialect, smtputf8) = (choices.one_of(&[Dialect::Smtp, Dialect::Lmtp]), choices.flag());
    // One octet for two choices: so an input found before there was the second still means the same line.
    let octet = choices.octet();
    let extensions = [Extensions::NONE, Extensions::ALL, Extensions::USUAL][usize::from(octet >> 1) % 3];
    let grammar = Grammar { dialect, smtputf8, strict: octet & 1 == 1, extensions };
    line::holds(choices.0, &grammar);
}
