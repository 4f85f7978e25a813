//! The targets, for the binaries.

#![allow(dead_code, reason = "the modules have parts that only tests use")]

// What the tests of lonedot-core hold it against, and the targets they share with it.
#[path = "../../core/tests/checked/mod.rs"]
mod checked;
#[path = "../../core/tests/client/mod.rs"]
mod client;
#[path = "../../core/tests/connection/mod.rs"]
mod connection;
#[path = "../../core/tests/conversation/mod.rs"]
mod conversation;
#[path = "../../core/tests/feed/mod.rs"]
mod feed;
#[path = "../../core/tests/reference/fields.rs"]
mod fields;
#[path = "../../core/tests/header/mod.rs"]
mod header;
#[path = "../../core/tests/line/mod.rs"]
mod line;
#[path = "../../core/tests/placed/mod.rs"]
mod placed;
#[path = "../../core/tests/reference/mod.rs"]
mod reference;
#[path = "../../core/tests/reference/chunk.rs"]
mod reference_chunk;
#[path = "../../core/tests/reference/encode.rs"]
mod reference_encode;
#[path = "../targets/mod.rs"]
mod targets;

/// Runs the target of that name.
pub fn run(name: &str, octets: &[u8]) {
    let (_, run) = targets::TARGETS.iter().find(|(of, _)| *of == name).expect("a target of that name");
    run(octets);
}
