//! What holds of every command line, whatever it is.

use lonedot_core::command::{Command, Grammar, MAX_LINE, Mail, Notes, Parameter, Parameters, Rcpt, Typed, parse};

/// What holds of every line.
pub(crate) fn holds(octets: &[u8], grammar: &Grammar) {
    let command = match parse(octets, grammar) {
        Ok(command) => command,
        Err(found) => {
            assert!(found.offset <= octets.len() as u64, "{found:?}");
            return;
        }
    };
    assert!(octets.len() + 2 <= command.verb().map_or(512, |verb| verb.max_line(grammar)));
    assert!(octets.len() + 2 <= MAX_LINE);
    // Trailing white space changes nothing, where the line has room for it.
    if octets.len() < 500 {
        assert_eq!(parse(&[octets, b" \t "].concat(), grammar), Ok(command.clone()));
    }
    let (introduction, path, parameters, again) = match &command {
        Command::Mail(mail) => {
            let again = Command::Mail(Mail { notes: Notes::default(), ..mail.clone() });
            ("MAIL FROM:", mail.reverse_path.as_str(), &mail.parameters, again)
        }
        Command::Rcpt(rcpt) => {
            let again = Command::Rcpt(Rcpt { notes: Notes::default(), ..rcpt.clone() });
            ("RCPT TO:", rcpt.forward_path.as_str(), &rcpt.parameters, again)
        }
        _ => return,
    };
    let strict = Grammar { strict: true, ..*grammar };
    let rebuilt = line(introduction, path, parameters, written);
    assert!(rebuilt.len() <= octets.len());
    assert_eq!(parse(rebuilt.as_bytes(), &strict), Ok(again));
    // What was understood says the same when it is written anew, in no more octets.
    let careful = |parameters: &Parameters| {
        line(introduction, path, parameters, |parameter| carefully_written(parameter, grammar.smtputf8))
    };
    let rebuilt = careful(parameters);
    assert!(rebuilt.len() <= octets.len(), "{rebuilt}");
    let again = parse(rebuilt.as_bytes(), &strict).unwrap();
    let (Command::Mail(Mail { parameters: read, .. }) | Command::Rcpt(Rcpt { parameters: read, .. })) = &again else {
        panic!("{rebuilt}");
    };
    assert!(said(read).eq(said(parameters)), "{rebuilt}");
    assert_eq!(careful(read), rebuilt);
}

/// MAIL or RCPT as a careful client would write it.
fn line(introduction: &str, path: &str, parameters: &Parameters, written: impl Fn(&Parameter) -> String) -> String {
    let mut line = format!("{introduction}<{path}>");
    for parameter in parameters.all() {
        line += " ";
        line += &written(parameter);
    }
    line
}

/// What parameters say, without how it was written.
fn said(parameters: &Parameters) -> impl Iterator<Item = (&str, &Typed, Option<&str>)> {
    parameters.all().iter().map(|parameter| {
        let value = (parameter.typed == Typed::Unknown).then_some(parameter.value.as_deref()).flatten();
        (parameter.keyword.as_str(), &parameter.typed, value)
    })
}

/// A parameter as it is written by one who knows only what it says.
fn carefully_written(parameter: &Parameter, smtputf8: bool) -> String {
    let value = match &parameter.typed {
        Typed::Unknown | Typed::Smtputf8 | Typed::RequireTls => return written(parameter),
        Typed::Size(octets) => octets.to_string(),
        Typed::Body(body) => body.name().to_owned(),
        Typed::Ret(ret) => ret.name().to_owned(),
        Typed::Envid(envid) => xtext(envid),
        Typed::Auth(mailbox) if mailbox.is_empty() => "<>".to_owned(),
        Typed::Auth(mailbox) => xtext(mailbox),
        Typed::By(by) => format!("{};{}{}", by.seconds, by.mode.name(), if by.trace { "T" } else { "" }),
        Typed::HoldFor(seconds) => seconds.to_string(),
        Typed::HoldUntil(date_time) => date_time.to_string(),
        Typed::MtPriority(priority) => priority.to_string(),
        Typed::Transid(transid) => transid.clone(),
        Typed::Notify(notify) => notify.names().collect::<Vec<_>>().join(","),
        Typed::Orcpt(orcpt) if orcpt.is_utf8() => format!("{};{}", orcpt.addr_type, unitext(&orcpt.address, smtputf8)),
        Typed::Orcpt(orcpt) => format!("{};{}", orcpt.addr_type, xtext(&orcpt.address)),
    };
    format!("{}={value}", parameter.keyword)
}

/// RFC 3461 section 4.
fn xtext(text: &str) -> String {
    let written = |octet| match octet {
        b'+' | b'=' | ..=b' ' | 127.. => format!("+{octet:02X}"),
        _ => char::from(octet).to_string(),
    };
    text.bytes().map(written).collect()
}

/// RFC 6533 section 3.
fn unitext(text: &str, smtputf8: bool) -> String {
    let written = |c| match c {
        ' ' | '+' | '=' | '\\' => format!("\\x{{{:X}}}", u32::from(c)),
        '\u{7F}'.. if !smtputf8 => format!("\\x{{{:X}}}", u32::from(c)),
        _ => c.to_string(),
    };
    text.chars().map(written).collect()
}

/// A parameter as it is written.
pub(crate) fn written(parameter: &Parameter) -> String {
    match &parameter.value {
        Some(value) => format!("{}={value}", parameter.keyword),
        None => parameter.keyword.clone(),
    }
}
