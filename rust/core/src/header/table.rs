//! Everything that can be found in a header section, in one table: from finding to name, severity, reply, section, text, help
//! and an example of what is wrong and of what is right.
//!
//! An error breaks the format: a MUST, or the grammar that senders have to keep. A warning breaks a SHOULD, or something
//! that receivers cope with. An advice is an obsolete form, which receivers have to take (RFC 5322 §4), or a matter of taste. Mail
//! of well-behaved software has neither errors nor warnings.

use super::finding::{Row, Severity};
use crate::reply::Enhanced;

/// The fields nobody can do without, before those of an example.
macro_rules! message {
    ($($more:expr),*) => {
        concat!(
            "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n",
            "From: Ann <ann@a.example>\r\n",
            "Message-ID: <1234@a.example>\r\n",
            $($more),*
        )
    };
}

macro_rules! findings {
    ($( $(#[$doc:meta])* $finding:ident = $severity:ident $name:literal $code:literal ($c:literal, $s:literal, $d:literal)
        $section:literal $text:literal help $help:literal wrong $wrong:expr, right $right:expr; )+) => {
        /// A kind of finding. One row of the table each: see [`Finding::row`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Finding {
            $( $(#[$doc])* $finding, )+
        }

        impl Finding {
            /// Every kind, in table order.
            pub const ALL: &'static [Finding] = &[ $( Finding::$finding, )+ ];

            /// What the table says of it.
            #[must_use]
            pub const fn row(self) -> Row {
                match self { $(
                    Finding::$finding => Row {
                        name: $name, severity: Severity::$severity, code: $code, enhanced: Enhanced::new($c, $s, $d),
                        section: $section, text: $text, help: $help, wrong: $wrong, right: $right,
                    },
                )+ }
            }
        }
    };
}

findings! {
    // The section and its lines.
    /// The message does not begin with a field.
    NoHeader = Error "no-header" 550 (5, 6, 0) "RFC 5322 3.5"
        "The message does not begin with a header field"
        help "Begin with the header section, an empty line behind it, then the body"
        wrong "Hello,\r\nsee you at ten.\r\n",
        right message!("\r\nHello,\r\nsee you at ten.\r\n");
    /// A line of a mbox before the first field.
    MboxLine = Error "mbox-line" 550 (5, 6, 0) "RFC 4155 A"
        "The first line is one of a mbox file and no header field"
        help "Take the line that begins with 'From ' away; it belongs to the file, not to the message"
        wrong concat!("From ann@a.example Fri Nov 21 09:55:06 1997\r\n", message!()),
        right message!();
    /// The first line begins with white space.
    LeadingSpace = Error "leading-space" 550 (5, 6, 0) "RFC 5322 2.2.3"
        "The first line begins with white space, and there is no field that it could continue"
        help "Begin the first line with the name of a field"
        wrong concat!(" Subject: hello\r\n", message!()),
        right concat!("Subject: hello\r\n", message!());
    /// A line that is no field.
    NoColon = Error "no-colon" 550 (5, 6, 0) "RFC 5322 2.2"
        "A line of the header section is no field: no name with a colon after it"
        help "Write a name, a colon and the value; before the body, an empty line"
        wrong message!("Hello there\r\nSubject: hello\r\n"),
        right message!("Subject: hello\r\n\r\nHello there\r\n");
    /// A name that holds what it may not, or nothing.
    FieldName = Error "field-name" 550 (5, 6, 0) "RFC 5322 2.2"
        "The name of a field holds an octet that is not allowed in it, or is empty"
        help "Use printable US-ASCII without space and colon for the name of a field"
        wrong message!("X-Gr\u{f6}\u{df}e: 3\r\n"),
        right message!("X-Size: 3\r\n");
    /// White space between name and colon.
    SpaceBeforeColon = Warning "space-before-colon" 550 (5, 6, 0) "RFC 5322 4.5"
        "White space stands between the name of a field and its colon, an obsolete form"
        help "Write the colon right after the name"
        wrong message!("Subject : hello\r\n"),
        right message!("Subject: hello\r\n");
    /// A folded line of nothing but white space.
    BlankFold = Warning "blank-fold" 550 (5, 6, 0) "RFC 5322 4.2"
        "A line of a folded field holds nothing but white space, an obsolete form that others take for the end of the header"
        help "Fold only where something visible comes before and after"
        wrong message!("Subject: hello\r\n \r\n again\r\n"),
        right message!("Subject: hello\r\n again\r\n");
    /// A line of more than 998 octets.
    LineTooLong = Error "line-too-long" 550 (5, 6, 0) "RFC 5322 2.1.1"
        "A line of the header section has more than 998 octets"
        help "Fold the field before white space"
        wrong message!("Subject: {x*500} {y*500}\r\n"),
        right message!("Subject: {x*50}\r\n {y*50}\r\n");
    /// A line of more than 78 characters.
    LongLine = Advice "long-line" 550 (5, 6, 0) "RFC 5322 2.1.1"
        "A line of the header section has more than 78 characters"
        help "Fold the field before white space; this is said of the first such line only"
        wrong message!("Subject: {x*50} {y*50}\r\n"),
        right message!("Subject: {x*50}\r\n {y*50}\r\n");
    /// A CR that no LF follows.
    BareCr = Error "bare-cr" 550 (5, 6, 0) "RFC 5322 2.2"
        "A CR without LF stands in a field"
        help "End lines with CRLF and use CR nowhere else"
        wrong message!("Subject: hello\rthere\r\n"),
        right message!("Subject: hello there\r\n");
    /// An LF that no CR precedes.
    BareLf = Error "bare-lf" 550 (5, 6, 0) "RFC 5322 2.2"
        "A line of the header section ends in LF without CR"
        help "End all lines with CRLF; this is said of the first such line only"
        wrong message!("Subject: hello\n"),
        right message!("Subject: hello\r\n");
    /// A NUL octet.
    Nul = Error "nul" 550 (5, 6, 0) "RFC 5322 4.1"
        "A field holds a NUL octet"
        help "Take it away"
        wrong message!("Subject: hello\u{0}\r\n"),
        right message!("Subject: hello\r\n");
    /// Another control character than those of line ends and tabs.
    ControlOctet = Warning "control-octet" 550 (5, 6, 0) "RFC 5322 4.1"
        "A field holds a control character, an obsolete form"
        help "Take it away, or encode it as RFC 2047 says"
        wrong message!("Subject: hello\u{7}\r\n"),
        right message!("Subject: hello\r\n");
    /// An octet over 127 without SMTPUTF8.
    EightBit = Error "eight-bit" 550 (5, 6, 0) "RFC 5322 2.2"
        "A field holds octets over 127, and SMTPUTF8 was not said"
        help "Encode text as RFC 2047 says, parameters as RFC 2231 says; addresses take SMTPUTF8"
        wrong message!("Subject: gr\u{fc}n\r\n"),
        right message!("Subject: =?utf-8?q?gr=C3=BCn?=\r\n");
    /// What is no UTF-8, with SMTPUTF8.
    InvalidUtf8 = Error "invalid-utf8" 550 (5, 6, 0) "RFC 6532 3.1"
        "A field holds octets over 127 that are not UTF-8"
        help "Encode the field in UTF-8"
        wrong message!("Subject: gr\u{fc}n\r\n"),
        right message!("Subject: gr\u{c3}\u{bc}n\r\n");

    // How often a field stands.
    /// No Date.
    MissingDate = Error "missing-date" 550 (5, 6, 0) "RFC 5322 3.6.1"
        "There is no Date field"
        help "Add one with the time at which the message was completed"
        wrong "From: Ann <ann@a.example>\r\nMessage-ID: <1234@a.example>\r\n",
        right message!();
    /// No From.
    MissingFrom = Error "missing-from" 550 (5, 6, 0) "RFC 5322 3.6.2"
        "There is no From field"
        help "Add one with the mailbox of the author"
        wrong "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: <1234@a.example>\r\n",
        right message!();
    /// No Message-ID.
    MissingMessageId = Warning "missing-message-id" 550 (5, 6, 0) "RFC 5322 3.6.4"
        "There is no Message-ID field"
        help "Add one with an identifier that nobody else uses, such as <random@your.domain>"
        wrong "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: Ann <ann@a.example>\r\n",
        right message!();
    /// A field that may stand once stands again.
    RepeatedField = Error "repeated-field" 550 (5, 6, 0) "RFC 5322 3.6"
        "A field that may stand once stands again"
        help "Keep one of them; put several addresses or identifiers into it"
        wrong message!("To: bob@b.example\r\nTo: eve@b.example\r\n"),
        right message!("To: bob@b.example, eve@b.example\r\n");
    /// A field of MIME stands again.
    RepeatedMimeField = Error "repeated-mime-field" 550 (5, 6, 0) "RFC 2045 3"
        "A field of MIME stands again"
        help "Keep the one that describes the body"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: text/html\r\n");
    /// Several mailboxes in From and no Sender.
    SenderRequired = Error "sender-required" 550 (5, 6, 0) "RFC 5322 3.6.2"
        "From has several mailboxes, and there is no Sender field"
        help "Add a Sender field with the one mailbox that sent the message"
        wrong "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example, bob@b.example\r\nMessage-ID: <1@a.example>\r\n",
        right concat!("Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example, bob@b.example\r\n",
            "Sender: ann@a.example\r\nMessage-ID: <1@a.example>\r\n");
    /// A resent block without Resent-Date.
    MissingResentDate = Error "missing-resent-date" 550 (5, 6, 0) "RFC 5322 3.6.6"
        "A block of resent fields has no Resent-Date"
        help "Add a Resent-Date with the time at which the message was sent again"
        wrong concat!("Resent-From: bob@b.example\r\nResent-Message-ID: <2@b.example>\r\n", message!()),
        right concat!("Resent-Date: Sat, 22 Nov 1997 09:55:06 -0600\r\nResent-From: bob@b.example\r\n",
            "Resent-Message-ID: <2@b.example>\r\n", message!());
    /// A resent block without Resent-From.
    MissingResentFrom = Error "missing-resent-from" 550 (5, 6, 0) "RFC 5322 3.6.6"
        "A block of resent fields has no Resent-From"
        help "Add a Resent-From with the mailbox of who sent the message again"
        wrong concat!("Resent-Date: Sat, 22 Nov 1997 09:55:06 -0600\r\nResent-To: eve@b.example\r\n",
            "Resent-Message-ID: <2@b.example>\r\n", message!()),
        right concat!("Resent-Date: Sat, 22 Nov 1997 09:55:06 -0600\r\nResent-From: bob@b.example\r\n",
            "Resent-To: eve@b.example\r\nResent-Message-ID: <2@b.example>\r\n", message!());
    /// A resent block without Resent-Message-ID.
    MissingResentMessageId = Advice "missing-resent-message-id" 550 (5, 6, 0) "RFC 5322 3.6.6"
        "A block of resent fields has no Resent-Message-ID"
        help "Add one with an identifier that nobody else uses"
        wrong concat!("Resent-Date: Sat, 22 Nov 1997 09:55:06 -0600\r\nResent-From: bob@b.example\r\n", message!()),
        right concat!("Resent-Date: Sat, 22 Nov 1997 09:55:06 -0600\r\nResent-From: bob@b.example\r\n",
            "Resent-Message-ID: <2@b.example>\r\n", message!());
    /// Several mailboxes in Resent-From and no Resent-Sender.
    ResentSenderRequired = Error "resent-sender-required" 550 (5, 6, 0) "RFC 5322 3.6.6"
        "Resent-From has several mailboxes, and its block has no Resent-Sender"
        help "Add a Resent-Sender with the one mailbox that sent the message again"
        wrong concat!("Resent-Date: Sat, 22 Nov 1997 09:55:06 -0600\r\nResent-From: bob@b.example, eve@b.example\r\n",
            "Resent-Message-ID: <2@b.example>\r\n", message!()),
        right concat!("Resent-Date: Sat, 22 Nov 1997 09:55:06 -0600\r\nResent-From: bob@b.example, eve@b.example\r\n",
            "Resent-Sender: bob@b.example\r\nResent-Message-ID: <2@b.example>\r\n", message!());
    /// Resent fields below those of the message.
    ResentBelow = Advice "resent-below" 550 (5, 6, 0) "RFC 5322 3.6.6"
        "A block of resent fields stands below fields of the message it was added to"
        help "Put resent fields before all that was there"
        wrong message!("Resent-Date: Sat, 22 Nov 1997 09:55:06 -0600\r\nResent-From: bob@b.example\r\n",
            "Resent-Message-ID: <2@b.example>\r\n"),
        right concat!("Resent-Date: Sat, 22 Nov 1997 09:55:06 -0600\r\nResent-From: bob@b.example\r\n",
            "Resent-Message-ID: <2@b.example>\r\n", message!());
    /// Resent-Reply-To.
    ObsoleteField = Advice "obsolete-field" 550 (5, 6, 0) "RFC 5322 4.5.6"
        "Resent-Reply-To is an obsolete field"
        help "Leave it out; nobody is to reply to who sent a message again"
        wrong concat!("Resent-Date: Sat, 22 Nov 1997 09:55:06 -0600\r\nResent-From: bob@b.example\r\n",
            "Resent-Reply-To: bob@b.example\r\nResent-Message-ID: <2@b.example>\r\n", message!()),
        right concat!("Resent-Date: Sat, 22 Nov 1997 09:55:06 -0600\r\nResent-From: bob@b.example\r\n",
            "Resent-Message-ID: <2@b.example>\r\n", message!());
    /// Two Return-Path fields in one trace block.
    RepeatedReturnPath = Warning "repeated-return-path" 550 (5, 6, 0) "RFC 5322 3.6.7"
        "Return-Path stands again without a Received between"
        help "Keep the first, which the last delivery added; take others away when a message is sent on"
        wrong concat!("Return-Path: <bob@b.example>\r\nReturn-Path: <ann@a.example>\r\n",
            "Received: from a.example by b.example; Fri, 21 Nov 1997 10:01:22 -0600\r\n", message!()),
        right concat!("Return-Path: <ann@a.example>\r\n",
            "Received: from a.example by b.example; Fri, 21 Nov 1997 10:01:22 -0600\r\n", message!());
    /// Return-Path without Received.
    ReturnPathAlone = Advice "return-path-alone" 550 (5, 6, 0) "RFC 5322 3.6.7"
        "Return-Path has no Received below it, as a trace has"
        help "Leave Return-Path to the server that delivers the message"
        wrong concat!("Return-Path: <ann@a.example>\r\n", message!()),
        right concat!("Return-Path: <ann@a.example>\r\n",
            "Received: from a.example by b.example; Fri, 21 Nov 1997 10:01:22 -0600\r\n", message!());
    /// A trace field below those of the message.
    TraceBelow = Advice "trace-below" 550 (5, 6, 0) "RFC 5322 3.6"
        "A trace field stands below fields of the message it was added to"
        help "Put trace fields before all that was there; this is said once"
        wrong message!("Received: from a.example by b.example; Fri, 21 Nov 1997 10:01:22 -0600\r\n"),
        right concat!("Received: from a.example by b.example; Fri, 21 Nov 1997 10:01:22 -0600\r\n", message!());
    /// More than 100 Received fields.
    TooManyReceived = Error "too-many-received" 554 (5, 4, 6) "RFC 5321 6.3"
        "There are more Received fields than a message gets that does not go round in a loop"
        help "Look for two servers that forward to each other"
        wrong concat!("Received: by b.example; Fri, 21 Nov 1997 10:01:24 -0600\r\n",
            "Received: by a.example; Fri, 21 Nov 1997 10:01:23 -0600\r\n",
            "Received: by b.example; Fri, 21 Nov 1997 10:01:22 -0600\r\n", message!()),
        right concat!("Received: by b.example; Fri, 21 Nov 1997 10:01:22 -0600\r\n", message!());

    // Dates.
    /// A date that cannot be read.
    DateSyntax = Error "date-syntax" 550 (5, 6, 0) "RFC 5322 3.3"
        "This is no date and time"
        help "Write it as in Fri, 21 Nov 1997 09:55:06 -0600"
        wrong "Date: 1997-11-21 09:55:06\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n",
        right "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n";
    /// A day that the month does not have.
    DateDay = Error "date-day" 550 (5, 6, 0) "RFC 5322 3.3"
        "The month does not have this day"
        help "Give a day that there was"
        wrong "Date: 31 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n",
        right "Date: 30 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n";
    /// A year before 1900.
    DateYear = Error "date-year" 550 (5, 6, 0) "RFC 5322 3.3"
        "The year is before 1900"
        help "Give the year with four digits"
        wrong "Date: 21 Nov 1897 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n",
        right "Date: 21 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n";
    /// A time of day that there is not.
    DateTime = Error "date-time" 550 (5, 6, 0) "RFC 5322 3.3"
        "There is no such time of day"
        help "Give hours up to 23, minutes up to 59, seconds up to 60"
        wrong "Date: Fri, 21 Nov 1997 24:00:00 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n",
        right "Date: Fri, 21 Nov 1997 23:59:60 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n";
    /// A zone that is none, or missing.
    DateZone = Error "date-zone" 550 (5, 6, 0) "RFC 5322 3.3"
        "The zone is missing, or is none"
        help "End with the offset from Universal Time, as in +0100; -0000 where nothing is known of the place"
        wrong "Date: Fri, 21 Nov 1997 09:55:06 CET\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n",
        right "Date: Fri, 21 Nov 1997 09:55:06 +0100\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n";
    /// A weekday that is not the date's.
    DateWeekday = Error "date-weekday" 550 (5, 6, 0) "RFC 5322 3.3"
        "The date was on another day of the week"
        help "Give the date's own weekday, or none"
        wrong "Date: Mon, 21 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n",
        right "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n";
    /// A zone with a name.
    ObsoleteZone = Advice "obsolete-zone" 550 (5, 6, 0) "RFC 5322 4.3"
        "The zone is a name, an obsolete form"
        help "Write the offset in digits; GMT is +0000"
        wrong "Date: Fri, 21 Nov 1997 09:55:06 GMT\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n",
        right "Date: Fri, 21 Nov 1997 09:55:06 +0000\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n";
    /// A year of two or three digits, or comments and spaces where none belong.
    ObsoleteDate = Advice "obsolete-date" 550 (5, 6, 0) "RFC 5322 4.3"
        "The date has a year of two or three digits, or comments or white space inside, an obsolete form"
        help "Write it as in Fri, 21 Nov 1997 09:55:06 -0600"
        wrong "Date: 21 Nov 97 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n",
        right "Date: 21 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <1@a.example>\r\n";

    // Identifiers.
    /// What is no msg-id.
    MsgIdSyntax = Error "msg-id-syntax" 550 (5, 6, 0) "RFC 5322 3.6.4"
        "This is not one identifier of the form <left@right>"
        help "Write one identifier in angle brackets, an @ in it and no spaces"
        wrong "Date: 21 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: 1234@a.example\r\n",
        right "Date: 21 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <1234@a.example>\r\n";
    /// A msg-id with quotes, comments or spaces inside.
    ObsoleteMsgId = Advice "obsolete-msg-id" 550 (5, 6, 0) "RFC 5322 4.5.4"
        "The identifier holds a quoted string, comments or white space, an obsolete form"
        help "Use letters, digits and single dots on both sides of the @"
        wrong "Date: 21 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <\"12 34\"@a.example>\r\n",
        right "Date: 21 Nov 1997 09:55:06 -0600\r\nFrom: ann@a.example\r\nMessage-ID: <12.34@a.example>\r\n";
    /// References or In-Reply-To without identifiers.
    ReferencesSyntax = Warning "references-syntax" 550 (5, 6, 0) "RFC 5322 3.6.4"
        "This is no list of identifiers of the form <left@right>"
        help "Copy the Message-ID of what is replied to, white space between several; or leave the field out"
        wrong message!("References: <\r\n"),
        right message!("References: <1@b.example> <2@b.example>\r\n");
    /// An identifier in References that is none.
    ReferencedId = Advice "referenced-id" 550 (5, 6, 0) "RFC 5322 3.6.4"
        "An identifier that is referred to is not of the form <left@right>"
        help "Nothing, when the message that is replied to has it so"
        wrong message!("In-Reply-To: <1@2@b.example>\r\n"),
        right message!("In-Reply-To: <1.2@b.example>\r\n");
    /// Phrases between identifiers.
    ObsoleteReferences = Advice "obsolete-references" 550 (5, 6, 0) "RFC 5322 4.5.4"
        "Words or commas stand beside the identifiers, an obsolete form"
        help "Keep the identifiers alone, white space between them"
        wrong message!("In-Reply-To: Your message of Friday <1@b.example>\r\n"),
        right message!("In-Reply-To: <1@b.example>\r\n");

    // Addresses.
    /// What is no address.
    AddressSyntax = Error "address-syntax" 550 (5, 6, 0) "RFC 5322 3.4"
        "This is no address"
        help "Write local-part@domain, or Name <local-part@domain> with quotes around a name that has other than words"
        wrong message!("To: Bob [Sales] <bob@b.example>\r\n"),
        right message!("To: \"Bob [Sales]\" <bob@b.example>\r\n");
    /// A mailbox without a domain.
    AddressWithoutDomain = Error "address-without-domain" 550 (5, 6, 0) "RFC 5322 3.4.1"
        "An address has no @ and no domain"
        help "Write local-part@domain"
        wrong message!("To: root\r\n"),
        right message!("To: root@b.example\r\n");
    /// Addresses without commas between.
    MissingComma = Error "missing-comma" 550 (5, 6, 0) "RFC 5322 3.4"
        "Addresses are not separated by commas"
        help "Write a comma between two addresses"
        wrong message!("To: bob@b.example; eve@b.example\r\n"),
        right message!("To: bob@b.example, eve@b.example\r\n");
    /// To or Cc without an address.
    EmptyDestination = Error "empty-destination" 550 (5, 6, 0) "RFC 5322 3.6.3"
        "A destination field has no address"
        help "Leave the field out, or name a group without members, as in undisclosed-recipients:;"
        wrong message!("Cc:\r\n"),
        right message!("To: undisclosed-recipients:;\r\n");
    /// From, Sender or Reply-To without an address.
    EmptyOriginator = Error "empty-originator" 550 (5, 6, 0) "RFC 5322 3.6.2"
        "An originator field has no address"
        help "Give a mailbox; leave Sender or Reply-To out where there is none to give"
        wrong message!("Reply-To:\r\n"),
        right message!("Reply-To: sales@a.example\r\n");
    /// An empty Bcc.
    EmptyBcc = Advice "empty-bcc" 550 (5, 6, 0) "RFC 5322 3.6.3"
        "An empty Bcc tells that there were others"
        help "Leave the field out"
        wrong message!("To: bob@b.example\r\nBcc:\r\n"),
        right message!("To: bob@b.example\r\n");
    /// A Bcc with addresses.
    BccAddresses = Warning "bcc-addresses" 550 (5, 6, 0) "RFC 5322 3.6.3"
        "Bcc tells every recipient who was not to be seen"
        help "Take the field away before the message is sent"
        wrong message!("To: bob@b.example\r\nBcc: eve@b.example\r\n"),
        right message!("To: bob@b.example\r\n");
    /// More or less than one mailbox in Sender.
    SenderSeveral = Error "sender-several" 550 (5, 6, 0) "RFC 5322 3.6.2"
        "Sender has several addresses"
        help "Name the one mailbox that sent the message"
        wrong message!("Sender: ann@a.example, bob@b.example\r\n"),
        right message!("Sender: bob@b.example\r\n");
    /// A group in From or Sender.
    GroupInOriginator = Advice "group-in-originator" 550 (5, 6, 0) "RFC 6854 3"
        "A group names the author, which is meant for special cases"
        help "Give a mailbox"
        wrong "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: Staff:;\r\nMessage-ID: <1@a.example>\r\n",
        right "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: Staff <staff@a.example>\r\nMessage-ID: <1@a.example>\r\n";
    /// `<@a,@b:c@d>`.
    ObsoleteRoute = Advice "obsolete-route" 550 (5, 6, 0) "RFC 5322 4.4"
        "The address has a route, an obsolete form"
        help "Take away what stands before the local-part"
        wrong message!("To: <@a.example:bob@b.example>\r\n"),
        right message!("To: <bob@b.example>\r\n");
    /// A dot in a name without quotes.
    ObsoletePhrase = Advice "obsolete-phrase" 550 (5, 6, 0) "RFC 5322 4.1"
        "A name holds a dot without quotes, an obsolete form"
        help "Put the name in quotes"
        wrong message!("To: Bob Q. Public <bob@b.example>\r\n"),
        right message!("To: \"Bob Q. Public\" <bob@b.example>\r\n");
    /// White space or comments inside an address, or quotes in a part of it.
    ObsoleteAddress = Advice "obsolete-address" 550 (5, 6, 0) "RFC 5322 4.4"
        "The address has white space, comments or quotes between its dots, an obsolete form"
        help "Write local-part@domain in one word"
        wrong message!("To: bob . public@b . example\r\n"),
        right message!("To: bob.public@b.example\r\n");
    /// Commas with nothing between.
    ObsoleteList = Advice "obsolete-list" 550 (5, 6, 0) "RFC 5322 4.4"
        "The list has a comma with nothing before or after it, an obsolete form"
        help "Write one comma between two"
        wrong message!("To: bob@b.example,, eve@b.example,\r\n"),
        right message!("To: bob@b.example, eve@b.example\r\n");
    /// Return-Path that is no path.
    ReturnPathSyntax = Warning "return-path-syntax" 550 (5, 6, 0) "RFC 5322 3.6.7"
        "Return-Path is no address in angle brackets"
        help "Write <local-part@domain>, or <> for none"
        wrong concat!("Return-Path: ann@a.example\r\n",
            "Received: from a.example by b.example; Fri, 21 Nov 1997 10:01:22 -0600\r\n", message!()),
        right concat!("Return-Path: <ann@a.example>\r\n",
            "Received: from a.example by b.example; Fri, 21 Nov 1997 10:01:22 -0600\r\n", message!());
    /// Keywords that are no phrases.
    KeywordsSyntax = Warning "keywords-syntax" 550 (5, 6, 0) "RFC 5322 3.6.5"
        "Keywords is no list of words with commas between"
        help "Give words, quotes around what is other; or leave the field out"
        wrong message!("Keywords: a; b\r\n"),
        right message!("Keywords: a, b\r\n");

    // Encoded words.
    /// Begins as an encoded-word and is none.
    EncodedWordSyntax = Warning "encoded-word-syntax" 550 (5, 6, 0) "RFC 2047 2"
        "This begins as an encoded-word does and is none; readers will see it as it stands"
        help "Write =?charset?q?text?= or =?charset?b?base64?= without spaces inside"
        wrong message!("Subject: =?utf-8?q?gr=C3=BCn und blau?=\r\n"),
        right message!("Subject: =?utf-8?q?gr=C3=BCn_und_blau?=\r\n");
    /// Base64 that is none.
    EncodedWordBase64 = Warning "encoded-word-base64" 550 (5, 6, 0) "RFC 2047 4.1"
        "The text of an encoded-word is not base64"
        help "Encode whole characters, each word for itself, padding included"
        wrong message!("Subject: =?utf-8?b?Z3LDvG4?=\r\n"),
        right message!("Subject: =?utf-8?b?Z3LDvG4=?=\r\n");
    /// An encoded-word of more than 75 characters.
    EncodedWordLength = Advice "encoded-word-length" 550 (5, 6, 0) "RFC 2047 2"
        "An encoded-word has more than 75 characters"
        help "Make several of it, a space or a folded line between them"
        wrong message!("Subject:\r\n =?utf-8?q?{x*65}?=\r\n"),
        right message!("Subject: =?utf-8?q?{x*30}?=\r\n =?utf-8?q?{x*35}?=\r\n");
    /// An encoded-word with something else in the same word.
    EncodedWordJoined = Advice "encoded-word-joined" 550 (5, 6, 0) "RFC 2047 5"
        "An encoded-word has no white space before or after it; readers may see it as it stands"
        help "Write a space between"
        wrong message!("Subject: =?utf-8?q?gr=C3=BCn?=!\r\n"),
        right message!("Subject: =?utf-8?q?gr=C3=BCn!?=\r\n");
    /// An encoded-word in quotes.
    EncodedWordQuoted = Warning "encoded-word-quoted" 550 (5, 6, 0) "RFC 2047 5"
        "An encoded-word stands in quotes; readers will see it as it stands"
        help "Take the quotes away"
        wrong message!("To: \"=?utf-8?q?J=C3=BCrgen?=\" <j@b.example>\r\n"),
        right message!("To: =?utf-8?q?J=C3=BCrgen?= <j@b.example>\r\n");
    /// An encoded-word in a name with octets that are not allowed there.
    EncodedWordInPhrase = Advice "encoded-word-in-phrase" 550 (5, 6, 0) "RFC 2047 5"
        "An encoded-word in a name holds more than letters, digits and ! * + - / = _"
        help "Encode the others too"
        wrong message!("To: =?utf-8?q?J=C3=BCrgen(B.)?= <j@b.example>\r\n"),
        right message!("To: =?utf-8?q?J=C3=BCrgen=28B=2E=29?= <j@b.example>\r\n");
    /// An encoded-word in a parameter.
    EncodedWordInParameter = Advice "encoded-word-in-parameter" 550 (5, 6, 0) "RFC 2047 5"
        "An encoded-word stands in a parameter"
        help "Encode the parameter as RFC 2231 says, with name*=utf-8''gr%C3%BCn"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: text/plain; name=\"=?utf-8?q?gr=C3=BCn?=\"\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: text/plain; name*=utf-8''gr%C3%BCn\r\n");

    // MIME.
    /// Fields of MIME without MIME-Version.
    MissingMimeVersion = Warning "missing-mime-version" 550 (5, 6, 0) "RFC 2045 4"
        "There are fields of MIME and no MIME-Version"
        help "Add MIME-Version: 1.0; without it others may take the body for plain text"
        wrong message!("Content-Type: text/html\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: text/html\r\n");
    /// A MIME-Version that is not 1.0.
    MimeVersion = Warning "mime-version" 550 (5, 6, 0) "RFC 2045 4"
        "MIME-Version is not 1.0, the only one there is"
        help "Write MIME-Version: 1.0"
        wrong message!("MIME-Version: 1\r\n"),
        right message!("MIME-Version: 1.0\r\n");
    /// Not a type and a subtype.
    ContentTypeSyntax = Error "content-type-syntax" 550 (5, 6, 0) "RFC 2045 5.1"
        "Content-Type is no type and subtype with a slash between"
        help "Write it as in text/plain; charset=utf-8"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: text\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: text/plain\r\n");
    /// Not a disposition.
    ContentDispositionSyntax = Warning "content-disposition-syntax" 550 (5, 6, 0) "RFC 2183 2"
        "Content-Disposition does not begin with a word"
        help "Write it as in attachment; filename=\"a.txt\""
        wrong message!("MIME-Version: 1.0\r\nContent-Disposition: ; filename=a.txt\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Disposition: attachment; filename=a.txt\r\n");
    /// Not a parameter.
    ParameterSyntax = Warning "parameter-syntax" 550 (5, 6, 0) "RFC 2045 5.1"
        "This is no parameter: a name, an equals sign and a value, in quotes where it is not one word"
        help "Write it as in name=value or name=\"a value\", semicolons between"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: text/plain; name=a b.txt\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: text/plain; name=\"a b.txt\"\r\n");
    /// A semicolon with nothing behind it.
    EmptyParameter = Advice "empty-parameter" 550 (5, 6, 0) "RFC 2045 5.1"
        "No parameter follows a semicolon"
        help "Take the semicolon away"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: text/plain;\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: text/plain\r\n");
    /// A parameter given twice.
    RepeatedParameter = Warning "repeated-parameter" 550 (5, 6, 0) "RFC 2045 5.1"
        "A parameter is given again"
        help "Keep the one that is right"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8; charset=us-ascii\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n");
    /// A part of a parameter that does not fit the others, or an encoding that is none.
    ExtendedParameter = Warning "extended-parameter" 550 (5, 6, 0) "RFC 2231 3"
        "A parameter with an asterisk is not encoded as RFC 2231 says, or a part of it is missing"
        help "Number the parts from 0; begin the encoded value with a charset and two apostrophes"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: text/plain; name*=gr%C3%BCn\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: text/plain; name*=utf-8''gr%C3%BCn\r\n");
    /// An encoded parameter in quotes.
    QuotedExtendedParameter = Advice "quoted-extended-parameter" 550 (5, 6, 0) "RFC 2231 7"
        "An encoded parameter stands in quotes"
        help "Take the quotes away"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: text/plain; name*=\"utf-8''gr%C3%BCn\"\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: text/plain; name*=utf-8''gr%C3%BCn\r\n");
    /// multipart without a boundary.
    MissingBoundary = Error "missing-boundary" 550 (5, 6, 0) "RFC 2046 5.1.1"
        "A multipart type has no boundary"
        help "Add the parameter boundary with the text that stands between the parts"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_1\"\r\n");
    /// A boundary that is none.
    BoundarySyntax = Error "boundary-syntax" 550 (5, 6, 0) "RFC 2046 5.1.1"
        "A boundary takes 1 to 70 letters, digits, spaces and ' ( ) + _ , - . / : = ?, and no space at its end"
        help "Make it of 40 random letters and digits"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"a*b\"\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"a=b\"\r\n");
    /// A Content-Transfer-Encoding nobody knows.
    TransferEncoding = Warning "transfer-encoding" 550 (5, 6, 0) "RFC 2045 6.1"
        "Content-Transfer-Encoding names none that is known"
        help "Use 7bit, 8bit, binary, quoted-printable or base64"
        wrong message!("MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8-bit\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n");
    /// base64 or quoted-printable over several parts.
    EncodedComposite = Error "encoded-composite" 550 (5, 6, 0) "RFC 2045 6.4"
        "A multipart or message type may not be encoded as a whole"
        help "Use 7bit, 8bit or binary here, and encode the parts inside"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n");
    /// Octets over 127 in a body of 7bit.
    EightBitBody = Warning "eight-bit-body" 550 (5, 6, 0) "RFC 2045 6.2"
        "The body holds octets over 127, and its encoding is 7bit, quoted-printable or base64"
        help "Say 8bit in Content-Transfer-Encoding, with the charset in Content-Type; or encode all of the body"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ngr\u{c3}\u{bc}n\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n",
            "Content-Transfer-Encoding: 8bit\r\n\r\ngr\u{c3}\u{bc}n\r\n");
    /// Octets over 127 in parts of a multipart of 7bit.
    EightBitMultipart = Advice "eight-bit-multipart" 550 (5, 6, 0) "RFC 2045 6.4"
        "Parts hold octets over 127, and the encoding of the whole is 7bit"
        help "Say 8bit in the Content-Transfer-Encoding of the message too"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\ngr\u{c3}\u{bc}n\r\n--b--\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n",
            "Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\n",
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\ngr\u{c3}\u{bc}n\r\n--b--\r\n");
    /// Base64 in lines of more than 76 characters.
    Base64Line = Warning "base64-line" 550 (5, 6, 0) "RFC 2045 6.8"
        "The body is base64 and has a line of more than 76 characters"
        help "End lines after 76 characters"
        wrong message!("MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n{A*80}\r\n"),
        right message!("MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n{A*76}\r\n{A*4}\r\n");

    // Bounds.
    /// More octets of header section than are read.
    SectionTooLarge = Error "section-too-large" 552 (5, 3, 4) "RFC 5321 4.5.3.1"
        "The header section is larger than is read here; the rest of it was not judged"
        help "Send fewer and shorter fields"
        wrong message!("Subject: {x*190}\r\n"),
        right message!("Subject: x\r\n");
    /// More fields than are read.
    TooManyFields = Error "too-many-fields" 552 (5, 3, 4) "RFC 5321 4.5.3.1"
        "There are more fields than are read here; the rest was not judged"
        help "Send fewer fields"
        wrong message!("Comments: a\r\nComments: b\r\n"),
        right message!("Comments: a\r\n");
    /// A field longer than is read.
    FieldTooLarge = Error "field-too-large" 552 (5, 3, 4) "RFC 5321 4.5.3.1"
        "A field is longer than is read here; the rest of the section was not judged"
        help "Send a shorter field"
        wrong message!("Subject: {x*60}\r\n"),
        right message!("Subject: x\r\n");
    /// More findings than are told.
    TooManyFindings = Advice "too-many-findings" 550 (5, 6, 0) "RFC 5322 2.2"
        "There are more findings than are told, of kinds that are"
        help "Change what is told, and check again"
        wrong message!("To:\r\nCc:\r\nReply-To:\r\nMIME-Version: 2.0\r\n"),
        right message!("To: bob@b.example\r\n");
}
