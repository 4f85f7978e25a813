//! The obvious encoder: whole mail data, first without bare octets, then line by line. What the real one is held against.

use lonedot_core::data::BarePolicy;
use lonedot_core::{Fault, Violation};

/// The wire's octets, and the mail data that they are; or the first bare octet that is refused.
pub(crate) fn encode(data: &[u8], bare_cr: BarePolicy, bare_lf: BarePolicy) -> Result<(Vec<u8>, Vec<u8>), Violation> {
    let mut mail_data = Vec::new();
    for (at, octet) in data.iter().enumerate() {
        let (before, after) = (&data[..at], &data[at + 1..]);
        mail_data.extend_from_slice(match octet {
            b'\r' if !after.starts_with(b"\n") => match bare_cr {
                BarePolicy::Reject => return Err(Violation::new(Fault::BareCr, at as u64)),
                _ => b" ",
            },
            b'\n' if !before.ends_with(b"\r") => match bare_lf {
                BarePolicy::Reject => return Err(Violation::new(Fault::BareLf, at as u64)),
                _ => b"\r\n",
            },
            octet => std::slice::from_ref(octet),
        });
    }
    if !mail_data.is_empty() && !mail_data.ends_with(b"\r\n") {
        mail_data.extend_from_slice(b"\r\n");
    }
    let mut wire = Vec::new();
    for line in mail_data.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    wire.extend_from_slice(b".\r\n");
    Ok((wire, mail_data))
}
