//! The table of findings: its examples are true, and `docs/findings.md` is the table written out. `make findings` writes it; the
//! test fails when it is out of date.

mod checked;

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;

use lonedot_core::header::{Finding, HeaderContext, HeaderLimits, Severity};

/// An example's octets: each character stands for the octet of its number, `{x*990}` for 990 x.
fn octets(example: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = example;
    while let Some((before, (what, times, after))) = rest.split_once('{').and_then(|(before, inside)| {
        let (inside, after) = inside.split_once('}')?;
        let (what, times) = inside.split_once('*')?;
        Some((before, (what, times.parse::<usize>().ok()?, after)))
    }) {
        octets.extend(before.chars().map(|c| u8::try_from(c).unwrap()));
        octets.extend(what.as_bytes().repeat(times));
        rest = after;
    }
    octets.extend(rest.chars().map(|c| u8::try_from(c).unwrap()));
    octets
}

/// Bounds are shown with small ones.
fn limits(finding: Finding) -> HeaderLimits {
    let limits = HeaderLimits::default();
    match finding {
        Finding::SectionTooLarge => HeaderLimits { max_octets: 200, ..limits },
        Finding::TooManyFields => HeaderLimits { max_fields: 4, ..limits },
        Finding::FieldTooLarge => HeaderLimits { max_field: 64, ..limits },
        Finding::TooManyFindings => HeaderLimits { max_findings: 3, ..limits },
        Finding::TooManyReceived => HeaderLimits { max_received: 2, ..limits },
        _ => limits,
    }
}

fn context(finding: Finding) -> HeaderContext {
    HeaderContext { smtputf8: finding == Finding::InvalidUtf8 }
}

#[test]
fn what_is_wrong_is_found_and_what_is_right_is_not() {
    for &finding in Finding::ALL {
        let row = finding.row();
        let (limits, context) = (limits(finding), context(finding));
        let wrong = checked::holds(&octets(row.wrong), limits, context, 300);
        assert!(wrong.iter().any(|found| found.finding == finding), "{}: {wrong:?}", row.name);
        let right = checked::holds(&octets(row.right), limits, context, 300);
        assert!(right.is_empty(), "{}: {right:?}", row.name);
    }
}

/// Nothing else is found in what is wrong, where one thing can be wrong alone.
#[test]
fn one_thing_is_wrong() {
    for &finding in Finding::ALL {
        let row = finding.row();
        let wrong = checked::holds(&octets(row.wrong), limits(finding), context(finding), 0);
        let others: Vec<_> = wrong.iter().map(|found| found.finding).filter(|&other| other != finding).collect();
        let wanted: &[Finding] = match finding {
            Finding::NoHeader => &[Finding::MissingDate, Finding::MissingFrom, Finding::MissingMessageId],
            Finding::TooManyFindings => &[Finding::EmptyDestination, Finding::EmptyOriginator, Finding::MimeVersion],
            _ => &[],
        };
        assert_eq!(others, wanted, "{}", row.name);
    }
}

#[test]
fn rows_are_well_formed_and_names_unique() {
    let mut names = HashSet::new();
    for finding in Finding::ALL {
        let row = finding.row();
        assert!(names.insert(row.name), "{} stands twice", row.name);
        assert!(row.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b.is_ascii_digit()));
        assert_eq!(u16::from(row.enhanced.class()), row.code / 100, "{}", row.name);
        assert!(row.section.starts_with("RFC "), "{}", row.name);
        for text in [row.text, row.help] {
            assert!(!text.ends_with('.') && text.bytes().all(|b| b.is_ascii_graphic() || b == b' '), "{}", row.name);
        }
        assert!(row.wrong != row.right, "{}", row.name);
    }
}

/// Control characters and octets over 127 as readers of the page can see them.
fn shown(example: &str) -> String {
    example.split_inclusive("\r\n").fold(String::new(), |mut text, line| {
        let (line, end) = line.strip_suffix("\r\n").map_or((line, ""), |line| (line, "\n"));
        for c in line.chars() {
            match c {
                '\n' => text.push_str("⟨LF⟩\n"),
                '\r' => text.push_str("⟨CR⟩"),
                ' '..='~' => text.push(c),
                _ => write!(text, "⟨{:02X}⟩", u32::from(c)).unwrap(),
            }
        }
        text + end
    })
}

fn page() -> String {
    let mut page = "\
# What is found in a header section

Every finding of the header check has one row in one table, `rust/core/src/header/table.rs`; this page is written from it by
`make findings`. An error breaks the format of RFC 5322 or of MIME, and a strict receiver refuses the message for it; a warning is what
a sender should not do; an advice is an obsolete form, or a matter of taste. Mail of well-behaved software has neither errors nor
warnings.

Each example is a whole header section, and a test. `{x*990}` stands for 990 x, `⟨FC⟩` for the octet of that number. Bounds are shown
with small ones.

| finding | severity | reply | where the rule stands |
|---|---|---|---|
"
    .to_owned();
    for finding in Finding::ALL {
        let row = finding.row();
        let (name, severity) = (row.name, row.severity.name());
        writeln!(page, "| [`{name}`](#{name}) | {severity} | {} {} | {} |", row.code, row.enhanced, row.section)
            .unwrap();
    }
    for finding in Finding::ALL {
        let row = finding.row();
        let article = if row.severity == Severity::Warning { "A" } else { "An" };
        write!(
            page,
            "\n## {}\n\n{article} {}, {}. {}.\n{}.\n",
            row.name,
            row.severity.name(),
            row.section,
            row.text,
            row.help
        )
        .unwrap();
        for (title, example) in [("Wrong", row.wrong), ("Right", row.right)] {
            write!(page, "\n{title}:\n\n```text\n{}```\n", shown(example)).unwrap();
        }
    }
    page
}

#[test]
fn the_page_is_the_table() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/findings.md"));
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "docs/findings.md is not the table of findings: `make findings` writes it");
}
