//! What holds of every command line, whatever it is.

use lonedot_core::command::{Command, Grammar, MAX_LINE, Notes, Parameter, Parameters, parse};

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
    let (rebuilt, again) = match &command {
        Command::Mail(mail) => {
            let rebuilt = line("MAIL FROM:", mail.reverse_path.as_str(), &mail.parameters);
            let mut mail = mail.clone();
            mail.notes = Notes::default();
            (rebuilt, Command::Mail(mail))
        }
        Command::Rcpt(rcpt) => {
            let rebuilt = line("RCPT TO:", rcpt.forward_path.as_str(), &rcpt.parameters);
            let mut rcpt = rcpt.clone();
            rcpt.notes = Notes::default();
            (rebuilt, Command::Rcpt(rcpt))
        }
        _ => return,
    };
    assert!(rebuilt.len() <= octets.len());
    assert_eq!(parse(rebuilt.as_bytes(), &Grammar { strict: true, ..*grammar }), Ok(again));
}

/// MAIL or RCPT as a careful client would write it.
fn line(introduction: &str, path: &str, parameters: &Parameters) -> String {
    let mut line = format!("{introduction}<{path}>");
    for parameter in parameters.all() {
        line += " ";
        line += &written(parameter);
    }
    line
}

/// A parameter as it is written.
pub(crate) fn written(parameter: &Parameter) -> String {
    match &parameter.value {
        Some(value) => format!("{}={value}", parameter.keyword),
        None => parameter.keyword.clone(),
    }
}
