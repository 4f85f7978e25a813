//! The header check: the corpus both languages read (`tests/data/headers.toml`), an obvious splitter and counter beside it, and what
//! holds of all octets.

mod checked;
#[path = "reference/fields.rs"]
mod fields;

use std::collections::HashSet;

use checked::holds;
use fields::{agrees, named_counts};
use lonedot_core::header::{Finding, HeaderContext, HeaderLimits, Severity};
use proptest::prelude::*;
use toml::{Table, Value};

#[test]
fn corpus() {
    let cases = cases();
    assert!(cases.len() >= 350);
    let mut kinds: HashSet<_> = Finding::ALL.iter().map(|finding| finding.row().name).collect();
    for finding in ["section-too-large", "too-many-fields", "field-too-large", "too-many-findings"] {
        kinds.remove(finding);
    }
    let mut wrong = Vec::new();
    for case in &cases {
        let (message, context) = (octets(case), context(case));
        let mut found: Vec<_> = holds(&message, HeaderLimits::default(), context, 0)
            .iter()
            .map(|found| (found.offset, found.finding.row().name.to_owned(), found.line, found.length))
            .collect();
        let mut wanted: Vec<_> = case.get("found").and_then(Value::as_array).into_iter().flatten().map(row).collect();
        found.sort();
        wanted.sort();
        for (_, name, ..) in &wanted {
            kinds.remove(name.as_str());
        }
        if found != wanted {
            wrong.push(format!("{}\n  found  {found:?}\n  wanted {wanted:?}", case["about"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(kinds.is_empty(), "no case has {kinds:?}");
}

#[test]
fn every_split_and_start_of_the_corpus() {
    for case in cases() {
        let (message, context) = (octets(&case), context(&case));
        holds(&message, HeaderLimits::default(), context, usize::MAX);
        for end in (0..message.len()).step_by(1 + message.len() / 200) {
            holds(&message[..end], HeaderLimits::default(), context, 0);
        }
    }
}

#[test]
fn the_obvious_one_counts_the_same() {
    for case in cases() {
        let message = octets(&case);
        agrees(&message, &holds(&message, HeaderLimits::default(), context(&case), 0));
    }
}

/// The table of RFC 5322 section 3.6, exactly: each field none, one, two and three times.
#[test]
fn every_field_may_stand_as_often_as_the_table_says() {
    for (name, value, least, most) in named_counts() {
        for times in 0..=3_usize {
            let others =
                [("Date", "21 Nov 1997 09:55:06 -0600"), ("From", "a@b.example"), ("Message-ID", "<1@b.example>")];
            let mut message = String::new();
            for (other, value) in others.iter().filter(|(other, _)| *other != name) {
                message += &format!("{other}: {value}\r\n");
            }
            message += &format!("{name}: {value}\r\n").repeat(times);
            let found = holds(message.as_bytes(), HeaderLimits::default(), HeaderContext::default(), 100);
            let errors = found.iter().filter(|found| found.finding.row().severity == Severity::Error);
            let repeated = errors.clone().filter(|found| found.finding == Finding::RepeatedField).count();
            let missing = errors.filter(|found| found.length == 0).count();
            assert_eq!(repeated, times.saturating_sub(most), "{name}, {times} times: {found:?}");
            assert_eq!(missing, usize::from(times < least), "{name}, {times} times: {found:?}");
        }
    }
}

/// Past a bound nothing is judged, wherever it is passed, and the reader holds no more than the bound.
#[test]
fn bounds_are_the_same_at_every_split() {
    let message = "Date: x\r\nSubject: a\r\n b\r\nTo: a@b.example\r\nX: y\r\n\r\nbody\r\n".as_bytes();
    let limits = HeaderLimits::default();
    for bound in 0..60 {
        for limits in [
            HeaderLimits { max_octets: bound, ..limits },
            HeaderLimits { max_field: bound, ..limits },
            HeaderLimits { max_fields: bound, ..limits },
            HeaderLimits { max_findings: bound, ..limits },
            HeaderLimits { max_octets: bound, max_field: 20, ..limits },
        ] {
            let found = holds(message, limits, HeaderContext::default(), usize::MAX);
            let bounds = [Finding::SectionTooLarge, Finding::FieldTooLarge, Finding::TooManyFields];
            let passed = found.iter().any(|found| bounds.contains(&found.finding));
            let absent = found.iter().any(|found| found.finding == Finding::MissingFrom);
            assert!(!(passed && absent), "{limits:?}");
        }
    }
}

/// What is found often leaves room for what is found once, and that there is more than is told is no error.
#[test]
fn of_each_kind_one_is_told() {
    let needed = "Date: 21 Nov 1997 09:55:06 -0600\r\nFrom: a@b.example\r\nMessage-ID: <1@b.example>\r\n";
    let many = "To: J. Doe <a@b.example>".to_owned() + &",\r\n J. Doe <a@b.example>".repeat(200) + "\r\n";
    let all = |message: String| {
        let found = holds(message.as_bytes(), HeaderLimits::default(), HeaderContext::default(), 0);
        assert_eq!(found.len(), 101);
        found.into_iter().map(|found| found.finding).collect::<Vec<_>>()
    };
    let found = all(many.clone() + needed);
    assert_eq!(found[..100], [Finding::ObsoletePhrase; 100]);
    assert!(found.iter().all(|found| found.row().severity == Severity::Advice));
    let found = all(many + "Sender:\r\nBcc: root\r\n");
    assert_eq!(found[..94], [Finding::ObsoletePhrase; 94]);
    let once = [
        Finding::EmptyOriginator,
        Finding::AddressWithoutDomain,
        Finding::BccAddresses,
        Finding::MissingDate,
        Finding::MissingFrom,
        Finding::MissingMessageId,
        Finding::TooManyFindings,
    ];
    assert_eq!(found[94..], once);
}

/// Time grows with the octets alone, however often something only begins.
#[test]
fn what_only_begins_is_not_read_through_each_time() {
    for piece in [
        "(",
        "\"",
        "=?a?q?",
        "=?a?q?\"\"",
        "<",
        "a<",
        "a@",
        "a:",
        "a,",
        "a;",
        ";a=",
        "a*0=b;",
        "\\",
        "[",
        "@a,",
        "a.",
        "a ",
        ".",
        ";",
        "J. D <a@b>,",
        "a@b c@d ",
        "\n ",
        "\r\n \r\n ",
    ] {
        for name in [
            "To",
            "References",
            "Keywords",
            "Subject",
            "Message-ID",
            "Date",
            "Content-Type",
            "Return-Path",
            "MIME-Version",
        ] {
            let times = 60_000 / piece.len();
            let message = format!("{name}: {}\r\n", piece.repeat(times));
            let found = lonedot_core::header::check(
                message.as_bytes(),
                HeaderLimits::default(),
                HeaderContext::default(),
                lonedot_core::scan::Backend::best(),
            );
            assert!(found.len() <= 101);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..300), smtputf8: bool) {
        agrees(&octets, &holds(&octets, HeaderLimits::default(), HeaderContext { smtputf8 }, 300));
    }

    #[test]
    fn any_fields(message in messages(), smtputf8: bool, few: bool) {
        let limits = HeaderLimits::default();
        let limits = if few { HeaderLimits { max_octets: 120, max_field: 70, max_fields: 4, max_findings: 3, ..limits } } else { limits };
        let found = holds(&message, limits, HeaderContext { smtputf8 }, 400);
        if !few {
            agrees(&message, &found);
        }
    }
}

/// Fields with names that there are rules for, and values near to what they take.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "Date",
        "From",
        "Sender",
        "Reply-To",
        "To",
        "Cc",
        "Bcc",
        "Message-ID",
        "In-Reply-To",
        "References",
        "Subject",
        "Comments",
        "Keywords",
        "Return-Path",
        "Received",
        "Resent-Date",
        "Resent-From",
        "Resent-To",
        "Resent-Message-ID",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
        "Content-Disposition",
        "X",
        "",
        "a b",
    ];
    let pieces = [
        " ",
        ",",
        ";",
        ":",
        "<",
        ">",
        "@",
        "\"",
        "(",
        ")",
        "\\",
        "[",
        "]",
        ".",
        "=",
        "=?utf-8?q?",
        "?=",
        "a",
        "b.example",
        "a@b.example",
        "<1@b.example>",
        "21 Nov 1997",
        "09:55:06",
        "-0600",
        "GMT",
        "Fri,",
        "text/plain",
        "multipart/mixed",
        "; boundary=",
        "name*0*=",
        "utf-8''",
        "%20",
        "1.0",
        "base64",
        "\r\n ",
        "\r\n\t",
        "\r\n \r\n ",
        "\n ",
        "\r",
        "\0",
        "\u{7}",
        "é",
        "x234567890123456789012345678901234567890123456789012345678901234567890123456789",
    ];
    let value = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..8).prop_map(|pieces| pieces.concat());
    let colon = prop::sample::select(vec![":", ": ", " : ", "", ": "]);
    let end = prop::sample::select(vec!["\r\n", "\r\n", "\r\n", "\n", "\r\n\r\n"]);
    let field = (prop::sample::select(names.to_vec()), colon, value, end);
    prop::collection::vec(field.prop_map(|(name, colon, value, end)| [name, colon, &value, end].concat()), 0..12)
        .prop_map(|fields| fields.concat().into_bytes())
}

fn cases() -> Vec<Table> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/headers.toml");
    let corpus: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let cases: Vec<_> =
        corpus["case"].as_array().unwrap().iter().map(|case| case.as_table().unwrap().clone()).collect();
    for key in cases.iter().flat_map(Table::keys) {
        assert!(["about", "message", "smtputf8", "found"].contains(&key.as_str()), "{key}");
    }
    cases
}

fn octets(case: &Table) -> Vec<u8> {
    case["message"].as_str().unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn context(case: &Table) -> HeaderContext {
    HeaderContext { smtputf8: case.get("smtputf8").is_some_and(|value| value.as_bool().unwrap()) }
}

fn row(found: &Value) -> (u64, String, u32, u32) {
    let number = |key: &str| found[key].as_integer().unwrap();
    let code = found["code"].as_str().unwrap().to_owned();
    (number("offset") as u64, code, number("line") as u32, number("length") as u32)
}
