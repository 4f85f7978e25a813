//! The obvious splitter and counter of header fields: whole messages, lists of lines, names as strings.

use std::collections::HashMap;

use lonedot_core::header::{Finding, HeaderFinding};

/// Name, a value that is right, and how often it may stand at least and at most (RFC 5322 section 3.6).
pub(crate) fn named_counts() -> Vec<(&'static str, &'static str, usize, usize)> {
    const ANY: usize = usize::MAX;
    let block = "b@b.example";
    vec![
        ("Return-Path", "<a@b.example>", 0, ANY),
        ("Received", "by b.example; 21 Nov 1997 10:01:22 -0600", 0, ANY),
        ("Resent-To", block, 0, ANY),
        ("Resent-Cc", block, 0, ANY),
        ("Date", "21 Nov 1997 09:55:06 -0600", 1, 1),
        ("From", "a@b.example", 1, 1),
        ("Sender", "a@b.example", 0, 1),
        ("Reply-To", "a@b.example", 0, 1),
        ("To", "a@b.example", 0, 1),
        ("Cc", "a@b.example", 0, 1),
        ("Bcc", "", 0, 1),
        ("Message-ID", "<1@b.example>", 0, 1),
        ("In-Reply-To", "<1@b.example>", 0, 1),
        ("References", "<1@b.example>", 0, 1),
        ("Subject", "x", 0, 1),
        ("Comments", "x", 0, ANY),
        ("Keywords", "x", 0, ANY),
        ("X-Optional", "x", 0, ANY),
    ]
}

/// The names of the fields, as they stand, and whether each line of the section was one or continued one.
fn names(message: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        if line == b"\r\n" || line == b"\n" {
            break;
        }
        match lines.last_mut() {
            Some(last) if line[0] == b' ' || line[0] == b'\t' => last.extend_from_slice(line),
            _ => lines.push(line.to_vec()),
        }
    }
    let mut names = Vec::new();
    for (nth, line) in lines.iter().enumerate() {
        let first_line = line.split(|&octet| octet == b'\n').next().unwrap();
        let colon = first_line.iter().position(|&octet| octet == b':');
        let name = colon.map(|colon| line[..colon].to_vec());
        let trimmed = name.map(|name| {
            let spaces = name.iter().rev().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
            name[..name.len() - spaces].to_vec()
        });
        let is_mbox = nth == 0 && line.starts_with(b"From ");
        let is_name = |name: &Vec<u8>| !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        // A sentence before a colon is none; neither are octets that may not stand in a name.
        if let Some(name) = trimmed.filter(is_name) {
            names.push(name.to_ascii_lowercase());
        } else {
            let sentence = colon.is_none_or(|colon| line[..colon].iter().any(|octet| matches!(octet, b' ' | b'\t')));
            let leading = matches!(line[0], b' ' | b'\t');
            if nth == 0 && sentence && !is_mbox && !leading {
                // No header section: the message is its body.
                return Vec::new();
            }
        }
    }
    names
}

/// Where the check and this one tell of the same things they tell the same.
pub(crate) fn agrees(message: &[u8], found: &[HeaderFinding]) {
    let show = || message.escape_ascii().to_string();
    // Past a bound nothing is told.
    let bounds = [Finding::SectionTooLarge, Finding::FieldTooLarge, Finding::TooManyFields, Finding::TooManyFindings];
    if found.iter().any(|found| bounds.contains(&found.finding)) {
        return;
    }
    let mut counts: HashMap<Vec<u8>, usize> = HashMap::new();
    for name in names(message) {
        *counts.entry(name).or_default() += 1;
    }
    let of = |name: &str| counts.get(name.to_ascii_lowercase().as_bytes()).copied().unwrap_or(0);
    let told = |finding: Finding| found.iter().filter(|found| found.finding == finding).count();
    for (name, finding) in
        [("Date", Finding::MissingDate), ("From", Finding::MissingFrom), ("Message-ID", Finding::MissingMessageId)]
    {
        assert_eq!(told(finding), usize::from(of(name) == 0), "{name}: {}", show());
    }
    let repeated: usize = named_counts().iter().map(|&(name, _, _, most)| of(name).saturating_sub(most)).sum();
    assert_eq!(told(Finding::RepeatedField), repeated, "{}", show());
    // Long lines, and what stands in the section as it stands.
    let section: Vec<_> = message
        .split_inclusive(|&octet| octet == b'\n')
        .take_while(|line| *line != b"\r\n" && *line != b"\n")
        .collect();
    if told(Finding::NoHeader) == 0 {
        let text = |line: &&[u8]| {
            line.strip_suffix(b"\n").map_or(line.len(), |line| line.strip_suffix(b"\r").unwrap_or(line).len())
        };
        let too_long = section.iter().filter(|line| text(line) > 998).count();
        assert_eq!(told(Finding::LineTooLong), too_long, "{}", show());
        let body = message.len() - section.concat().len();
        let lines = message.split_inclusive(|&octet| octet == b'\n').take(section.len() + usize::from(body > 0));
        let bare_lf = lines.filter(|line| line.ends_with(b"\n") && !line.ends_with(b"\r\n")).count();
        assert_eq!(told(Finding::BareLf), bare_lf.min(1), "{}", show());
    }
}
