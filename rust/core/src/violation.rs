//! Everything a peer can do wrong, in one table: from fault to name, reply code, enhanced code, text and RFC section.
//!
//! Takes nothing; gives [`Fault`] (which fault), [`Fault::row`] (what is said of it) and [`Violation`] (a fault at an
//! offset). It never formats text until a reply is asked for. Codes are those of RFC 5321 §4.2 and §4.3.2, enhanced
//! codes those of RFC 3463 and its registry (RFC 5248).

use crate::reply::{Enhanced, Reply};

/// One row of the table: what is said to the peer of one fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The stable name, for logs and tests: `bare-lf`.
    pub name: &'static str,
    /// Reply code, RFC 5321 §4.2.
    pub code: u16,
    /// Enhanced status code, RFC 3463.
    pub enhanced: Enhanced,
    /// What was wrong and what to do, without its place.
    pub text: &'static str,
    /// Where the rule stands, e.g. `RFC 5321 2.3.8`.
    pub section: &'static str,
    /// Where the fault's offset points, so that a text can say it.
    pub place: Place,
}

/// What the offset of a fault counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Octets of mail data as they came over the wire, from the first after the 354 or the first BDAT, other BDATs left out.
    MailData,
    /// Octets of the command line.
    Command,
    /// The fault has no place inside octets: a sequence, a count, a clock.
    Session,
}

macro_rules! faults {
    ($( $place:ident { $( $(#[$doc:meta])* $fault:ident = $name:literal $code:literal
        ($c:literal, $s:literal, $d:literal) $text:literal $section:literal; )+ } )+) => {
        /// A fault of the peer's. One row of the table each: see [`Fault::row`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault {
            $( $( $(#[$doc])* $fault, )+ )+
        }

        impl Fault {
            /// Every fault, in table order.
            pub const ALL: &'static [Fault] = &[ $( $( Fault::$fault, )+ )+ ];

            /// What the table says of this fault.
            #[must_use]
            pub const fn row(self) -> Row {
                match self { $( $(
                    Fault::$fault => Row {
                        name: $name, code: $code, enhanced: Enhanced::new($c, $s, $d),
                        text: $text, section: $section, place: Place::$place,
                    },
                )+ )+ }
            }
        }
    };
}

faults! {
    MailData {
        /// A CR that no LF follows.
        BareCr = "bare-cr" 550 (5, 6, 0)
            "Bare CR in mail data; end every line with CRLF" "RFC 5321 2.3.8";
        /// An LF that no CR precedes.
        BareLf = "bare-lf" 550 (5, 6, 0)
            "Bare LF in mail data; end every line with CRLF" "RFC 5321 2.3.8";
        /// A NUL octet.
        Nul = "nul" 550 (5, 6, 0)
            "NUL octet in mail data; encode binary parts" "RFC 2045 2.8";
        /// A line past the limit.
        LongLine = "long-line" 550 (5, 6, 0)
            "Line too long in mail data; fold or encode it" "RFC 5321 4.5.3.1.6";
        /// A message past the size limit.
        TooLarge = "too-large" 552 (5, 3, 4)
            "Too much mail data; send a smaller message" "RFC 1870 6.3";
        /// The octets end before the end of mail data.
        Unfinished = "unfinished" 451 (4, 4, 2)
            "Mail data ended without its CRLF.CRLF; send it again, whole" "RFC 5321 4.1.1.4";
        /// The octets end before those of the last BDAT.
        UnfinishedChunks = "unfinished-chunks" 451 (4, 4, 2)
            "Mail data ended before its last chunk did; send it again, whole" "RFC 3030 2";
        /// Octets follow the end of mail data where none may.
        OctetsAfterEnd = "octets-after-end" 503 (5, 5, 1)
            "Octets follow the end of mail data; decode them as commands" "RFC 5321 4.1.1.4";
    }
    Command {
        /// Past 512 octets and what the offered extensions add.
        CommandTooLong = "command-too-long" 500 (5, 5, 2)
            "Command line too long" "RFC 5321 4.5.3.1.4";
        /// A CR inside a command line.
        BareCrInCommand = "bare-cr-in-command" 500 (5, 5, 2)
            "Bare CR in command; commands end in CRLF" "RFC 5321 2.3.8";
        /// An LF inside a command line.
        BareLfInCommand = "bare-lf-in-command" 500 (5, 5, 2)
            "Bare LF in command; commands end in CRLF" "RFC 5321 2.3.8";
        /// A NUL inside a command line.
        NulInCommand = "nul-in-command" 500 (5, 5, 2)
            "NUL octet in command" "RFC 5321 4.1.1";
        /// An argument is missing.
        MissingArgument = "missing-argument" 501 (5, 5, 4)
            "Argument missing" "RFC 5321 4.1.1";
        /// An argument where none may stand.
        UnexpectedArgument = "unexpected-argument" 501 (5, 5, 4)
            "Command takes no argument" "RFC 5321 4.1.1";
        /// A control octet, or one over 127 without SMTPUTF8, in the text after NOOP, HELP, VRFY or EXPN.
        TextSyntax = "text-syntax" 501 (5, 5, 4)
            "Argument is not printable text" "RFC 5321 4.1.2";
        /// Not a domain or an address literal after EHLO, HELO or LHLO.
        HelloSyntax = "hello-syntax" 501 (5, 5, 4)
            "Give a domain or an address literal" "RFC 5321 4.1.1.1";
        /// What follows MAIL is not `FROM:` and a path.
        MailSyntax = "mail-syntax" 501 (5, 5, 4)
            "Say MAIL FROM:<address>" "RFC 5321 4.1.1.2";
        /// What follows RCPT is not `TO:` and a path.
        RcptSyntax = "rcpt-syntax" 501 (5, 5, 4)
            "Say RCPT TO:<address>" "RFC 5321 4.1.1.3";
        /// A space after the colon, under the strict grammar.
        SpaceAfterColon = "space-after-colon" 501 (5, 5, 2)
            "No space may follow the colon" "RFC 5321 3.3";
        /// The reverse-path is not one.
        ReversePathSyntax = "reverse-path-syntax" 501 (5, 1, 7)
            "Malformed reverse-path" "RFC 5321 4.1.2";
        /// The forward-path is not one.
        ForwardPathSyntax = "forward-path-syntax" 501 (5, 1, 3)
            "Malformed forward-path" "RFC 5321 4.1.2";
        /// A path of more than 256 octets with its brackets.
        PathTooLong = "path-too-long" 501 (5, 1, 3)
            "Path too long; at most 256 octets" "RFC 5321 4.5.3.1.3";
        /// A local-part of more than 64 octets.
        LocalPartTooLong = "local-part-too-long" 501 (5, 1, 3)
            "Local-part too long; at most 64 octets" "RFC 5321 4.5.3.1.1";
        /// A domain of more than 255 octets.
        DomainTooLong = "domain-too-long" 501 (5, 1, 3)
            "Domain too long; at most 255 octets" "RFC 5321 4.5.3.1.2";
        /// A reverse-path with octets over 127 without SMTPUTF8.
        MailNeedsSmtputf8 = "mail-needs-smtputf8" 550 (5, 6, 7)
            "Non-ASCII address; use the SMTPUTF8 extension" "RFC 6531 3.5";
        /// A forward-path with octets over 127 where MAIL had no SMTPUTF8.
        RcptNeedsSmtputf8 = "rcpt-needs-smtputf8" 553 (5, 6, 7)
            "Non-ASCII address; say SMTPUTF8 with MAIL" "RFC 6531 3.5";
        /// A parameter that is no keyword or keyword=value.
        ParameterSyntax = "parameter-syntax" 501 (5, 5, 4)
            "Malformed parameter" "RFC 5321 4.1.2";
        /// The same keyword twice.
        ParameterRepeated = "parameter-repeated" 501 (5, 5, 4)
            "Parameter given twice" "RFC 5321 4.1.1.11";
        /// SIZE without 1 to 20 digits.
        SizeSyntax = "size-syntax" 501 (5, 5, 4)
            "SIZE takes 1 to 20 digits" "RFC 1870 5";
        /// BODY with a value of no known meaning.
        BodySyntax = "body-syntax" 501 (5, 5, 4)
            "BODY takes 7BIT, 8BITMIME or BINARYMIME" "RFC 6152 2";
        /// SMTPUTF8 with a value.
        Smtputf8Syntax = "smtputf8-syntax" 501 (5, 5, 4)
            "SMTPUTF8 takes no value" "RFC 6531 3.1";
        /// RET with a value of no known meaning.
        RetSyntax = "ret-syntax" 501 (5, 5, 4)
            "RET takes FULL or HDRS" "RFC 3461 4.3";
        /// ENVID with what is not 1 to 100 octets of xtext, or not printable when decoded.
        EnvidSyntax = "envid-syntax" 501 (5, 5, 4)
            "ENVID takes up to 100 octets of printable ASCII in xtext" "RFC 3461 4.4";
        /// NOTIFY with a word of no known meaning, one twice, or NEVER beside others.
        NotifySyntax = "notify-syntax" 501 (5, 5, 4)
            "NOTIFY takes NEVER, or SUCCESS, FAILURE and DELAY with commas between, each once" "RFC 3461 4.1";
        /// ORCPT without an address type, with what is not xtext, not printable when decoded, or too long.
        OrcptSyntax = "orcpt-syntax" 501 (5, 5, 4)
            "ORCPT takes up to 500 octets: an address type, a semicolon, the address in xtext" "RFC 3461 4.2";
        /// ORCPT with an address of the type utf-8 that is not encoded as one.
        OrcptUtf8Syntax = "orcpt-utf8-syntax" 501 (5, 5, 4)
            "ORCPT with utf-8 takes an address that prints, its SP + = and \\ embedded as in \\x{2B}" "RFC 6533 3";
        /// AUTH on MAIL with neither `<>` nor a mailbox in xtext.
        AuthParameterSyntax = "auth-parameter-syntax" 501 (5, 5, 4)
            "AUTH takes <> or a mailbox in xtext" "RFC 4954 5";
        /// REQUIRETLS with a value.
        RequireTlsSyntax = "requiretls-syntax" 501 (5, 5, 4)
            "REQUIRETLS takes no value" "RFC 8689 2";
        /// BY with what is no time or no mode.
        BySyntax = "by-syntax" 501 (5, 5, 4)
            "BY takes up to 9 digits of seconds, a semicolon, N or R, and T for a trace" "RFC 2852 4";
        /// BY that returns the message at once.
        ByTimeNotPositive = "by-time-not-positive" 501 (5, 5, 4)
            "BY takes 1 second or more with R" "RFC 2852 4";
        /// HOLDFOR without 1 to 999999999.
        HoldForSyntax = "holdfor-syntax" 501 (5, 5, 4)
            "HOLDFOR takes 1 to 999999999 seconds" "RFC 4865 3";
        /// HOLDUNTIL without a date and time.
        HoldUntilSyntax = "holduntil-syntax" 501 (5, 5, 4)
            "HOLDUNTIL takes a date and time such as 2030-01-31T12:00:00Z" "RFC 4865 3";
        /// HOLDFOR and HOLDUNTIL.
        HoldRepeated = "hold-repeated" 501 (5, 5, 4)
            "Give HOLDFOR or HOLDUNTIL, not both" "RFC 4865 4.2";
        /// MT-PRIORITY without a number from -9 to 9.
        MtPrioritySyntax = "mt-priority-syntax" 501 (5, 5, 2)
            "MT-PRIORITY takes -9 to 9" "RFC 6710 4.1";
        /// TRANSID with what is no identifier, or too long.
        TransidSyntax = "transid-syntax" 501 (5, 5, 4)
            "TRANSID takes <local@host> of up to 80 octets" "RFC 1845 2";
        /// BDAT without a size, or with something else after it than LAST.
        BdatSyntax = "bdat-syntax" 501 (5, 5, 4)
            "Say BDAT and a number of octets, LAST after it for the last; closing, as what follows cannot be told from commands"
            "RFC 3030 2";
        /// The name of a mechanism is none.
        AuthSyntax = "auth-syntax" 501 (5, 5, 4)
            "Say AUTH and the name of a mechanism" "RFC 4954 4";
        /// Not base64 where it belongs.
        Base64Syntax = "base64-syntax" 501 (5, 5, 2)
            "Cannot decode this as base64" "RFC 4954 4";
        /// A line of an AUTH exchange of more than 12,288 octets.
        AuthLineTooLong = "auth-line-too-long" 500 (5, 5, 6)
            "Authentication exchange line too long; at most 12288 octets" "RFC 4954 4";
        /// The node after ETRN is none.
        EtrnSyntax = "etrn-syntax" 501 (5, 5, 4)
            "Say ETRN and a domain, with @ before it for its subdomains too" "RFC 1985 5";
        /// An attribute of XCLIENT or XFORWARD that is unknown or has not its form.
        AttributeSyntax = "attribute-syntax" 501 (5, 5, 4)
            "Unknown attribute, or a value of the wrong form" "RFC 5321 4.1.1.11";
    }
    Session {
        /// A verb nobody knows.
        UnknownCommand = "unknown-command" 500 (5, 5, 2)
            "Command not recognized" "RFC 5321 4.2.4";
        /// A verb that is known and not offered here.
        NotOffered = "not-offered" 502 (5, 5, 1)
            "Command not offered here; see the reply to EHLO" "RFC 5321 4.2.4";
        /// EHLO or HELO said to an LMTP server.
        LmtpWantsLhlo = "lmtp-wants-lhlo" 500 (5, 5, 1)
            "This is LMTP; say LHLO" "RFC 2033 4.1";
        /// A keyword of no offered extension.
        ParameterUnknown = "parameter-unknown" 555 (5, 5, 4)
            "Parameter not recognized or not offered" "RFC 5321 4.1.1.11";
        /// A request of HTTP's.
        NotMail = "not-mail" 421 (4, 7, 0)
            "This is no web server; closing" "RFC 5321 4.2.4";
        /// SIZE declared over the limit.
        SizeTooLarge = "size-too-large" 552 (5, 3, 4)
            "Message too large; see SIZE in the reply to EHLO" "RFC 1870 6.1";
        /// MAIL before EHLO.
        HelloFirst = "hello-first" 503 (5, 5, 1)
            "Say EHLO first" "RFC 5321 4.1.4";
        /// RCPT, DATA or BDAT without MAIL.
        MailFirst = "mail-first" 503 (5, 5, 1)
            "Say MAIL first" "RFC 5321 4.1.4";
        /// A second MAIL in one transaction.
        NestedMail = "nested-mail" 503 (5, 5, 1)
            "A transaction is open; end it with DATA or RSET" "RFC 5321 4.1.4";
        /// DATA or BDAT without an accepted recipient.
        NoRecipients = "no-recipients" 503 (5, 5, 1)
            "No valid recipients" "RFC 5321 3.3";
        /// What can only be said outside of a transaction.
        InTransaction = "in-transaction" 503 (5, 5, 1)
            "A transaction is open; end it first, or say RSET" "RFC 4954 4";
        /// MAIL, RCPT or DATA between two chunks.
        ChunksUnderWay = "chunks-under-way" 503 (5, 5, 1)
            "The message comes in chunks; send the rest with BDAT, or say RSET" "RFC 3030 2";
        /// Any chunk after one was refused.
        TransactionFailed = "transaction-failed" 503 (5, 5, 1)
            "A chunk of this message was refused; say RSET" "RFC 3030 2";
        /// DATA after BODY=BINARYMIME.
        BinaryNeedsBdat = "binary-needs-bdat" 503 (5, 5, 1)
            "BODY=BINARYMIME is sent with BDAT, not DATA" "RFC 3030 3";
        /// STARTTLS under TLS.
        TlsStarted = "tls-started" 503 (5, 5, 1)
            "TLS is on already" "RFC 3207 4";
        /// AUTH in the clear.
        TlsFirst = "tls-first" 538 (5, 7, 11)
            "Say STARTTLS first; passwords are not taken in the clear" "RFC 4954 4";
        /// Any command before STARTTLS, where TLS is required.
        TlsRequired = "tls-required" 530 (5, 7, 0)
            "Say STARTTLS first" "RFC 3207 4";
        /// Mail before AUTH, where that is required.
        AuthRequired = "auth-required" 530 (5, 7, 0)
            "Authentication required; say AUTH first" "RFC 4954 6";
        /// AUTH after AUTH.
        Authenticated = "authenticated" 503 (5, 5, 1)
            "You are authenticated already" "RFC 4954 4";
        /// A mechanism that is not offered.
        MechanismUnknown = "mechanism-unknown" 504 (5, 5, 4)
            "Mechanism not offered; see AUTH in the reply to EHLO" "RFC 4954 4";
        /// `*` in an AUTH exchange.
        AuthCancelled = "auth-cancelled" 501 (5, 7, 0)
            "Authentication cancelled" "RFC 4954 4";
        /// REQUIRETLS without TLS.
        RequireTlsInTheClear = "requiretls-in-the-clear" 530 (5, 7, 10)
            "REQUIRETLS takes an encrypted connection; say STARTTLS first" "RFC 8689 4.2";
        /// BY with less time than DELIVERBY offers.
        ByTooSoon = "by-too-soon" 555 (5, 5, 4)
            "That soon cannot be promised; see DELIVERBY in the reply to EHLO" "RFC 2852 4";
        /// HOLDFOR or HOLDUNTIL past what FUTURERELEASE offers.
        HoldTooLong = "hold-too-long" 501 (5, 5, 4)
            "Held no longer than FUTURERELEASE in the reply to EHLO says" "RFC 4865 5";
        /// The client did not wait for a reply it had to wait for.
        TalksEarly = "talks-early" 554 (5, 5, 1)
            "Wait for the reply before sending on; closing" "RFC 2920 3.1";
        /// Any command but QUIT after the connection was refused.
        Refused = "refused" 503 (5, 5, 1)
            "This server takes no mail from you; say QUIT" "RFC 5321 3.1";
        /// More recipients than the limit.
        TooManyRecipients = "too-many-recipients" 452 (4, 5, 3)
            "Too many recipients; send the rest in another transaction" "RFC 5321 4.5.3.1.10";
        /// More transactions than the limit.
        TooManyMessages = "too-many-messages" 421 (4, 7, 0)
            "Too many messages in one connection; connect again for the rest" "RFC 9422 4.1";
        /// More octets than the limit.
        TooManyOctets = "too-many-octets" 421 (4, 7, 0)
            "Too many octets in one connection; connect again for the rest" "RFC 5321 3.8";
        /// More faults than the limit.
        TooManyErrors = "too-many-errors" 421 (4, 7, 0)
            "Too many errors; closing" "RFC 5321 4.3.2";
        /// More octets after a limit than will be read.
        DrainExceeded = "drain-exceeded" 421 (4, 3, 1)
            "Too much mail data past its limit; closing" "RFC 5321 4.5.3.1.10";
        /// No command came in time.
        IdleTimeout = "idle-timeout" 421 (4, 4, 2)
            "No command in time; closing" "RFC 5321 4.5.3.2.7";
        /// Mail data stopped coming.
        DataTimeout = "data-timeout" 421 (4, 4, 2)
            "No mail data in time; closing, nothing was delivered" "RFC 5321 4.5.3.2.5";
    }
}

/// A fault at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Violation {
    /// Which fault.
    pub fault: Fault,
    /// Octets before the one at fault, counted as [`Row::place`] says.
    pub offset: u64,
}

impl Violation {
    /// A fault at an offset.
    #[must_use]
    pub const fn new(fault: Fault, offset: u64) -> Self {
        Self { fault, offset }
    }

    /// What was wrong, where, and what to do, in one line of ASCII.
    #[must_use]
    pub fn text(&self) -> String {
        let row = self.fault.row();
        match row.place {
            Place::MailData => format!("{} (octet {} of the mail data)", row.text, self.offset),
            Place::Command => format!("{} (octet {} of the line)", row.text, self.offset),
            Place::Session => row.text.to_owned(),
        }
    }

    /// The reply to send for it.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let row = self.fault.row();
        Reply::from_table(row.code, row.enhanced, self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn rows_are_well_formed_and_names_unique() {
        let mut names = HashSet::new();
        for fault in Fault::ALL {
            let row = fault.row();
            assert!(names.insert(row.name), "{} stands twice", row.name);
            assert!(row.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b.is_ascii_digit()));
            assert_eq!(u16::from(row.enhanced.class()), row.code / 100, "{}", row.name);
            assert!(row.section.starts_with("RFC "), "{}", row.name);
            assert!(!row.text.ends_with('.'), "{}", row.name);
            let checked = Reply::new(row.code, Some(row.enhanced), Violation::new(*fault, u64::MAX).text());
            assert_eq!(checked.unwrap(), Violation::new(*fault, u64::MAX).reply());
        }
    }

    #[test]
    fn the_text_says_where() {
        assert_eq!(
            Violation::new(Fault::BareLf, 17).reply().to_string(),
            "550 5.6.0 Bare LF in mail data; end every line with CRLF (octet 17 of the mail data)\r\n"
        );
    }
}
