//! `docs/replies.md` is the table of faults, written out. `make replies` writes it; this test fails when it is out of date.

use std::fmt::Write;
use std::path::Path;

use lonedot_core::violation::{Fault, Place};

fn page() -> String {
    let mut page = "\
# What a client hears when it does something wrong

Every fault a client can commit has one row in one table, `rust/core/src/violation.rs`; this page is written from it by
`make replies`. In a reply the text is followed by the place of the fault, where it has one: `(octet 17 of the line)`. A reply is
given in step: after the whole line, after the end of the mail data, after the last octet of the chunk. `Violation.name` in
Python, and the log, call a fault by its name.
"
    .to_owned();
    for (place, title) in [
        (Place::Command, "In a command line"),
        (Place::Session, "In the order of commands, and past limits"),
        (Place::MailData, "In mail data"),
    ] {
        write!(page, "\n## {title}\n\n| name | reply | text | where the rule stands |\n|---|---|---|---|\n").unwrap();
        for fault in Fault::ALL.iter().filter(|fault| fault.row().place == place) {
            let row = fault.row();
            // Markdown would take an address in brackets for HTML.
            let text = row.text.replace('<', "\\<");
            writeln!(page, "| `{}` | {} {} | {text} | {} |", row.name, row.code, row.enhanced, row.section).unwrap();
        }
    }
    page
}

#[test]
fn the_page_is_the_table() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/replies.md"));
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "docs/replies.md is not the table of faults: `make replies` writes it");
}
