//! At any split a PROXY header is the same, or the same fault; what is read of it can be written and read again.

use crate::header;

pub(super) fn run(input: &[u8]) {
    header::holds(input);
}
