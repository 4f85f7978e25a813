//! The command parser: the corpus both languages read (`tests/data/commands.toml`), and what holds of every line.

mod line;

use line::{holds, written};
use lonedot_core::command::{
    Command, Dialect, Extension, Extensions, ForwardPath, Grammar, Mail, Rcpt, ReversePath, Typed, parse,
};
use proptest::prelude::*;
use toml::{Table, Value};

#[test]
fn corpus() {
    let cases = cases();
    assert!(cases.len() >= 700);
    let wrong: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Every line of the corpus, cut short anywhere, under every grammar.
#[test]
fn every_start_of_every_line() {
    for case in cases() {
        let line = octets(&case);
        for end in 0..=line.len() {
            for choice in 0..16 {
                let dialect = if choice & 1 == 0 { Dialect::Smtp } else { Dialect::Lmtp };
                let extensions = if choice & 8 == 0 { Extensions::NONE } else { Extensions::ALL };
                let grammar = Grammar { dialect, smtputf8: choice & 2 != 0, strict: choice & 4 != 0, extensions };
                holds(&line[..end], &grammar);
            }
        }
    }
}

fn cases() -> Vec<Table> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/commands.toml");
    let corpus: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    corpus["case"].as_array().unwrap().iter().map(|case| case.as_table().unwrap().clone()).collect()
}

fn octets(case: &Table) -> Vec<u8> {
    text(case, "line").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

/// Compares everything a case may say; what it does not say is to be absent.
fn check(case: &Table) -> Result<(), String> {
    let flag = |key: &str| case.get(key).is_some_and(|value| value.as_bool().unwrap());
    let line = octets(case);
    if let Some(octets) = case.get("octets") {
        assert_eq!(octets.as_integer(), Some(line.len() as i64), "{case}");
    }
    let dialect = match text(case, "dialect") {
        "" | "smtp" => Dialect::Smtp,
        "lmtp" => Dialect::Lmtp,
        other => panic!("no dialect: {other}"),
    };
    let offered = case.get("extensions").map_or(&[][..], |value| value.as_array().unwrap());
    let extensions = offered.iter().map(|keyword| Extension::by_keyword(keyword.as_str().unwrap()).unwrap()).collect();
    let grammar = Grammar { dialect, smtputf8: flag("smtputf8"), strict: flag("strict"), extensions };
    let mut want = case.clone();
    for key in ["line", "octets", "dialect", "smtputf8", "strict", "extensions"] {
        want.remove(key);
    }
    let mut got = match parse(&line, &grammar) {
        Ok(command) => described(&command),
        Err(found) => Table::from_iter([
            ("fault".to_owned(), Value::from(found.fault.row().name)),
            ("offset".to_owned(), Value::from(found.offset as i64)),
        ]),
    };
    if want.contains_key("fault") && !want.contains_key("offset") {
        got.remove("offset");
    }
    if got == want {
        Ok(())
    } else {
        Err(format!("{line:?}\n  want {want:?}\n  got  {got:?}", line = text(case, "line")))
    }
}

fn text<'a>(case: &'a Table, key: &str) -> &'a str {
    case.get(key).map_or("", |value| value.as_str().unwrap())
}

/// A command in the words of the corpus.
fn described(command: &Command) -> Table {
    let mut table = Table::new();
    let mut say = |key: &str, value: Value| _ = table.insert(key.to_owned(), value);
    say("verb", command.verb().map_or("", |verb| verb.name()).into());
    let (path, parameters, notes) = match command {
        Command::Mail(mail) => (mail.reverse_path.as_str(), &mail.parameters, mail.notes),
        Command::Rcpt(rcpt) => (rcpt.forward_path.as_str(), &rcpt.parameters, rcpt.notes),
        Command::Ehlo(hello) | Command::Helo(hello) | Command::Lhlo(hello) => {
            say("name", hello.name.as_str().into());
            return table;
        }
        Command::Noop(text) | Command::Help(text) | Command::Vrfy(text) | Command::Expn(text) => {
            if !text.argument.is_empty() {
                say("argument", text.argument.as_str().into());
            }
            return table;
        }
        Command::Unknown(unknown) => {
            say("verb", unknown.verb.as_str().into());
            if !unknown.argument.is_empty() {
                say("argument", unknown.argument.as_str().into());
            }
            return table;
        }
        Command::Bdat(bdat) => {
            say("size", i64::try_from(bdat.size).unwrap().into());
            if bdat.last {
                say("last", true.into());
            }
            return table;
        }
        Command::Auth(auth) => {
            say("mechanism", auth.mechanism.as_str().into());
            if let Some(initial) = &auth.initial {
                say("initial", initial.octets().iter().copied().map(char::from).collect::<String>().into());
            }
            return table;
        }
        Command::Etrn(etrn) => {
            say("node", etrn.node.as_str().into());
            return table;
        }
        Command::Xclient(attributes) | Command::Xforward(attributes) => {
            let written = attributes.all().map(|(name, value)| match value {
                Some(value) => format!("{name}={value}"),
                None => name.to_owned(),
            });
            say("attributes", written.collect::<Vec<_>>().into());
            return table;
        }
        Command::Data | Command::Rset | Command::Quit | Command::StartTls => return table,
    };
    say("path", path.into());
    if let Some(size) = parameters.size() {
        say("size", i64::try_from(size).unwrap().into());
    }
    if let Some(body) = parameters.body() {
        say("body", body.name().into());
    }
    if let Some(ret) = parameters.ret() {
        say("ret", ret.name().into());
    }
    if let Some(envid) = parameters.envid() {
        say("envid", envid.into());
    }
    if let Some(mailbox) = parameters.auth() {
        say("auth", mailbox.into());
    }
    if parameters.requiretls() {
        say("requiretls", true.into());
    }
    if let Some(by) = parameters.by() {
        say("by", vec![Value::from(by.seconds), by.mode.name().into(), by.trace.into()].into());
    }
    if let Some(seconds) = parameters.hold_for() {
        say("hold_for", seconds.into());
    }
    if let Some(date_time) = parameters.hold_until() {
        say("hold_until", date_time.to_string().into());
    }
    if let Some(priority) = parameters.mt_priority() {
        say("mt_priority", priority.into());
    }
    if let Some(transid) = parameters.transid() {
        say("transid", transid.into());
    }
    if let Some(notify) = parameters.notify() {
        say("notify", notify.names().collect::<Vec<_>>().into());
    }
    if let Some(orcpt) = parameters.orcpt() {
        say("orcpt", vec![orcpt.addr_type.as_str(), &orcpt.address].into());
    }
    if !parameters.all().is_empty() {
        say("parameters", parameters.all().iter().map(written).collect::<Vec<_>>().into());
    }
    if !notes.is_empty() {
        say("notes", notes.names().collect::<Vec<_>>().into());
    }
    table
}

fn grammars() -> impl Strategy<Value = Grammar> {
    let extensions = prop::sample::select(vec![Extensions::NONE, Extensions::USUAL, Extensions::ALL]);
    (any::<bool>(), any::<bool>(), any::<bool>(), extensions).prop_map(|(lmtp, smtputf8, strict, extensions)| Grammar {
        dialect: if lmtp { Dialect::Lmtp } else { Dialect::Smtp },
        smtputf8,
        strict,
        extensions,
    })
}

/// Lines made of what lines are made of, so that many are right and the others nearly so.
fn near_lines() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        2 => "[a-zA-Z0-9._+-]{1,12}".prop_map(String::into_bytes),
        1 => any::<u8>().prop_map(|octet| vec![octet]),
    ];
    let start = prop::sample::select(&["", "MAIL FROM:<", "RCPT TO:<", "mail from: <", "EHLO ", "VRFY ", "X "][..]);
    (start, prop::collection::vec(piece, 0..24))
        .prop_map(|(start, pieces)| [start.as_bytes(), &pieces.concat()].concat())
}

const PIECES: &[&str] = &[
    "MAIL",
    "RCPT",
    "FROM:",
    "TO:",
    " ",
    "\t",
    "<",
    ">",
    "@",
    "@",
    ".",
    ",",
    ":",
    "\"",
    "\\",
    "[",
    "]",
    "=",
    "-",
    "a",
    "b.example",
    "<>",
    "Postmaster",
    "192.0.2.1",
    "IPv6:",
    "::",
    "fe80",
    "> SIZE=",
    "> BODY=7BIT",
    " SMTPUTF8",
    "> X=",
    "é",
    "例え",
    "\u{85}",
    "@a:",
    "@b.example>",
    "\"a b\"",
    "12345678901234567890",
    "> RET=FULL",
    " ENVID=",
    " AUTH=",
    " AUTH=<>",
    " REQUIRETLS",
    " BY=120;R",
    ";NT",
    " HOLDFOR=60",
    " HOLDUNTIL=2030-01-01T00:00:00Z",
    " MT-PRIORITY=-",
    " TRANSID=<",
    "> NOTIFY=DELAY",
    ",SUCCESS",
    " ORCPT=rfc822;",
    " ORCPT=utf-8;",
    "+2B",
    "\\x{E9}",
];

/// Parameters of MAIL, then of RCPT, each right by construction.
fn good_parameters() -> impl Strategy<Value = String> {
    let mail = (
        "( SIZE=[0-9]{1,20})?( BODY=(7bit|BINARYMIME))?( ret=(FULL|Hdrs))?( REQUIRETLS)?( MT-PRIORITY=(0|-?[1-9]))?",
        "( ENVID=([!-*,-<>-~]|\\+[2-6][0-9A-F]){1,30})?( auth=(<>|[a-z](\\+2B|[a-z0-9]){0,9}@[a-z]{1,9}))?",
        "( BY=([+-]?[0-9]{1,9};[Nn]|\\+?[1-9][0-9]{0,8};[Rr])[Tt]?)?",
        "( HOLD(FOR=[1-9][0-9]{0,8}|\
          UNTIL=[0-9]{4}-(0[1-9]|1[0-2])-[01][1-9][Tt][01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,3})?([zZ]|[+-]00:00)))?",
        "( TRANSID=<[a-z!#$%&'*+^_`{|}~-]{1,9}(\\.[A-Z0-9]{1,9})?@[a-z]{1,9}>)?",
    )
        .prop_map(|(a, b, c, d, e)| format!("MAIL FROM:<>{a}{b}{c}{d}{e}"));
    let rcpt = (
        "( NOTIFY=(never|SUCCESS(,delay)?(,failure)?|DELAY,FAILURE|failure))?",
        prop_oneof![
            " ORCPT=[a-zA-Z0-9-]{1,3};([!-*,-<>-~]|\\+[2-6][0-9A-F]){0,30}",
            " orcpt=(utf-8|UTF-8);([!-*,-<>-\\[\\]-~]|é|例|\\\\x\\{(20|2b|3D|5C|E9|[A-F]{3}|[1-9A-C][0-9a-f]{3,4})\\}){1,30}",
            "",
        ],
    )
        .prop_map(|(notify, orcpt)| format!("RCPT TO:<a@b>{notify}{orcpt}"));
    prop_oneof![mail, rcpt]
}

/// A line of each, right by construction.
fn good_mail() -> impl Strategy<Value = String> {
    let local =
        prop_oneof!["[a-z!#$%&'*+/=?^_`{|}~é-]{1,8}(\\.[a-z0-9é]{1,8}){0,3}", "\"([ !a-z@<>é]|\\\\[ -~]){0,10}\""];
    let host = prop_oneof![
        "[a-z0-9]([a-z0-9é-]{0,10}[a-z0-9])?(\\.[a-z0-9]{1,9}){0,4}",
        "\\[25[0-5]\\.1?[0-9]\\.0{1,3}\\.2\\]",
        "\\[IPv6:([0-9a-fA-F]{1,4}:){7}[0-9a-f]{1,4}\\]",
        "\\[IPv6:([0-9a-f]{1,4}:){1,4}:[0-9a-f]{1,4}\\]",
    ];
    (
        "(@a:|@b\\.c,@d:)?",
        local,
        host,
        "( {1,2}SIZE=[0-9]{1,20})?( BODY=(7bit|8BITMIME))?( [A-Z][A-Z0-9-]{9,12}(=[!-<>-~é]{1,9})?)?",
    )
        .prop_map(|(route, local, host, parameters)| format!("MAIL FROM:<{route}{local}@{host}> SMTPUTF8{parameters}"))
}

proptest! {
    #[test]
    fn any_octets_never_panic(line in prop::collection::vec(any::<u8>(), 0..1500), grammar in grammars()) {
        holds(&line, &grammar);
    }

    #[test]
    fn near_lines_never_panic(line in near_lines(), grammar in grammars()) {
        holds(&line, &grammar);
    }

    #[test]
    fn good_mail_is_read(line in good_mail()) {
        let grammar = Grammar { smtputf8: true, strict: true, ..Grammar::default() };
        prop_assert!(matches!(parse(line.as_bytes(), &grammar), Ok(Command::Mail(_))), "{:?}", parse(line.as_bytes(), &grammar));
        holds(line.as_bytes(), &grammar);
    }

    #[test]
    fn good_parameters_are_read(line in good_parameters()) {
        let grammar = Grammar { smtputf8: true, strict: true, extensions: Extensions::ALL, ..Grammar::default() };
        let command = parse(line.as_bytes(), &grammar);
        let (Ok(Command::Mail(Mail { parameters, .. })) | Ok(Command::Rcpt(Rcpt { parameters, .. }))) = &command else {
            return Err(TestCaseError::fail(format!("{command:?}")));
        };
        prop_assert!(parameters.all().iter().all(|parameter| parameter.typed != Typed::Unknown), "{:?}", parameters);
        holds(line.as_bytes(), &grammar);
    }

    #[test]
    fn ipv6_as_the_standard_library_writes_it_is_read(groups in prop::array::uniform8(prop_oneof![Just(0), any::<u16>()])) {
        prop_assert!(is_ipv6(&std::net::Ipv6Addr::from(groups).to_string()), "{groups:x?}");
    }

    #[test]
    fn ipv6_that_is_read_is_read_by_the_standard_library(text in "([0-9a-f]{1,4}|:|:|:|::|192\\.0\\.2\\.1){1,15}") {
        prop_assert!(!is_ipv6(&text) || text.parse::<std::net::Ipv6Addr>().is_ok(), "{text}");
    }

    #[test]
    fn text_becomes_the_path_it_is_or_none(text in prop_oneof![any::<String>(), "[a@\"<>. \\\\é]{0,12}"]) {
        if let Ok(path) = ReversePath::parse(&text) {
            prop_assert_eq!(path.as_str(), &text);
        }
        if let Ok(path) = ForwardPath::parse(&text) {
            prop_assert_eq!(path.as_str(), &text);
            prop_assert!(ReversePath::parse(&text).is_ok() || path.domain().is_empty());
        }
    }
}

fn is_ipv6(address: &str) -> bool {
    ForwardPath::parse(&format!("u@[IPv6:{address}]")).is_ok()
}
