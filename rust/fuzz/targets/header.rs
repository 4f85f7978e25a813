//! At any split the header check finds the same, at places inside the message, whatever the bounds; and the obvious counter agrees.

use lonedot_core::header::{HeaderContext, HeaderLimits};

use super::{Choices, chunks};
use crate::{checked, fields};

pub(super) fn run(input: &[u8]) {
    let mut choices = Choices(input);
    let default = HeaderLimits::default();
    let limits = HeaderLimits {
        max_octets: choices.one_of(&[default.max_octets, 0, 1, 100, 300]),
        max_fields: choices.one_of(&[default.max_fields, 0, 1, 3]),
        max_field: choices.one_of(&[default.max_field, 0, 1, 64, 100]),
        max_findings: choices.one_of(&[default.max_findings, 0, 1, 3]),
        max_received: choices.one_of(&[default.max_received, 0, 1]),
    };
    let context = HeaderContext { smtputf8: choices.flag() };
    let sizes = choices.sizes();
    let message = choices.0;
    let found = checked::holds(message, limits, context, 0);
    let report = checked::report(message);
    let pieces = chunks(message, &sizes);
    let again = checked::found(pieces, limits, context, lonedot_core::scan::Backend::best(), &report);
    assert_eq!(again, found);
    fields::agrees(message, &found);
}
