//! Reverse-path and forward-path (RFC 5321 §4.1.2, RFC 6531 §3.3).
//!
//! Takes a [`Cursor`] at a path, or the text that [`ReversePath::as_str`] gave; gives values that cannot hold anything
//! else than a path. A path without angle brackets is never guessed at. The local-part stays exactly as sent, quotes and
//! all; a source route is checked and dropped (RFC 5321 appendix C).

use std::fmt;

use super::address::{domain, host};
use super::cursor::{Cursor, violation};
use super::local_part::local_part;
use crate::violation::{Fault, Violation};

/// The most octets in a path, "including the punctuation and element separators" (RFC 5321 §4.5.3.1.3). Those are the
/// brackets, and the `@`, `,` and `:` of a source route: so a path is measured as it was sent, route included.
const MAX_PATH: usize = 256;

/// Who is to hear of a message that cannot be delivered; nobody, when it is null.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReversePath(Mailbox);

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ForwardPath(Mailbox);

impl ReversePath {
    /// Reads what [`ReversePath::as_str`] gives: a path without its brackets. Non-ASCII is accepted.
    ///
    /// # Errors
    /// The fault, at its offset in `text`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        bracketed(text, Fault::ReversePathSyntax, Self::scan)
    }

    /// `user@domain`, or nothing for the null reverse-path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// As sent, quotes included; nothing for the null reverse-path.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.local_part()
    }

    /// Domain or address literal, as sent; nothing for the null reverse-path.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.domain()
    }

    /// Whether it is `<>`: the reverse-path of notifications, which are not to be answered (RFC 5321 §4.5.5).
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.as_str().is_empty()
    }

    /// ```abnf
    /// Reverse-path = Path / "<>"
    /// ```
    /// Gives also whether a source route was dropped.
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Result<(Self, bool), Violation> {
        path(cursor, b"", Fault::ReversePathSyntax).map(|(mailbox, routed)| (Self(mailbox), routed))
    }
}

impl ForwardPath {
    /// Reads what [`ForwardPath::as_str`] gives: a path without its brackets. Non-ASCII is accepted.
    ///
    /// # Errors
    /// The fault, at its offset in `text`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        bracketed(text, Fault::ForwardPathSyntax, Self::scan)
    }

    /// `user@domain`, or `Postmaster` in the case it was sent in.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// As sent, quotes included.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.local_part()
    }

    /// Domain or address literal, as sent; nothing for `Postmaster` alone.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.domain()
    }

    /// ```abnf
    /// rcpt          = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) …
    /// Forward-path  = Path
    /// ```
    /// Gives also whether a source route was dropped.
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Result<(Self, bool), Violation> {
        path(cursor, b"Postmaster", Fault::ForwardPathSyntax).map(|(mailbox, routed)| (Self(mailbox), routed))
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What stands between the brackets, without the source route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Mailbox {
    text: String,
    /// Octets in the local-part. What follows is nothing, or `@` and the domain.
    local_part: usize,
}

impl Mailbox {
    fn local_part(&self) -> &str {
        &self.text[..self.local_part]
    }

    fn domain(&self) -> &str {
        self.text.get(self.local_part + 1..).unwrap_or("")
    }
}

/// ```abnf
/// Path = "<" [ A-d-l ":" ] Mailbox ">"
/// ```
/// or `bare`, in any case, between the brackets.
fn path(cursor: &mut Cursor<'_>, bare: &[u8], syntax: Fault) -> Result<(Mailbox, bool), Violation> {
    let start = cursor.at();
    let too_long = violation(Fault::PathTooLong, start + MAX_PATH);
    match path_of_any_length(cursor, bare, syntax) {
        Ok(_) if cursor.at() - start > MAX_PATH => Err(too_long),
        // Whatever is wrong past the limit, the limit came first.
        Err(found) if found.fault == syntax && found.offset >= too_long.offset => Err(too_long),
        verdict => verdict,
    }
}

fn path_of_any_length(cursor: &mut Cursor<'_>, bare: &[u8], syntax: Fault) -> Result<(Mailbox, bool), Violation> {
    expect(cursor, b'<', syntax)?;
    let start = cursor.at();
    let is_bare = cursor.rest().get(bare.len()) == Some(&b'>') && cursor.eat_word(bare);
    if is_bare {
        let mailbox = Mailbox { text: cursor.text_since(start), local_part: bare.len() };
        expect(cursor, b'>', syntax)?;
        return Ok((mailbox, false));
    }
    let routed = cursor.peek() == Some(b'@');
    if routed {
        source_route(cursor, syntax)?;
    }
    let mailbox = mailbox(cursor, syntax)?;
    expect(cursor, b'>', syntax)?;
    Ok((mailbox, routed))
}

/// ```abnf
/// A-d-l      = At-domain *( "," At-domain )
/// At-domain  = "@" Domain
/// ```
/// and the colon after it.
fn source_route(cursor: &mut Cursor<'_>, syntax: Fault) -> Result<(), Violation> {
    loop {
        expect(cursor, b'@', syntax)?;
        domain(cursor, syntax)?;
        if !cursor.eat(b',') {
            return expect(cursor, b':', syntax);
        }
    }
}

/// ```abnf
/// Mailbox = Local-part "@" ( Domain / address-literal )
/// ```
fn mailbox(cursor: &mut Cursor<'_>, syntax: Fault) -> Result<Mailbox, Violation> {
    let start = cursor.at();
    local_part(cursor, syntax)?;
    let local_part = cursor.at() - start;
    expect(cursor, b'@', syntax)?;
    host(cursor, syntax)?;
    Ok(Mailbox { text: cursor.text_since(start), local_part })
}

fn expect(cursor: &mut Cursor<'_>, octet: u8, syntax: Fault) -> Result<(), Violation> {
    if cursor.eat(octet) { Ok(()) } else { Err(cursor.fault(syntax)) }
}

/// Reads a path from text that lacks the brackets, all of it.
fn bracketed<P>(
    text: &str,
    syntax: Fault,
    scan: impl Fn(&mut Cursor<'_>) -> Result<(P, bool), Violation>,
) -> Result<P, Violation> {
    let sent = format!("<{text}>");
    let mut cursor = Cursor::new(sent.as_bytes());
    let verdict = scan(&mut cursor).and_then(|(path, routed)| match () {
        () if routed => Err(violation(syntax, 1)),
        () if cursor.is_end() => Ok(path),
        () => Err(cursor.fault(syntax)),
    });
    verdict.map_err(|found| Violation::new(found.fault, found.offset.saturating_sub(1).min(text.len() as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reverse(text: &str) -> Result<(String, bool, usize), (Fault, u64)> {
        let mut cursor = Cursor::new(text.as_bytes());
        let (path, routed) = ReversePath::scan(&mut cursor).map_err(|v| (v.fault, v.offset))?;
        assert_eq!(ReversePath::parse(path.as_str()), Ok(path.clone()));
        Ok((path.to_string(), routed, cursor.at()))
    }

    fn forward(text: &str) -> Result<String, (Fault, u64)> {
        let (path, _) = ForwardPath::scan(&mut Cursor::new(text.as_bytes())).map_err(|v| (v.fault, v.offset))?;
        assert_eq!(ForwardPath::parse(path.as_str()), Ok(path.clone()));
        Ok(path.to_string())
    }

    #[test]
    fn parts() {
        let path = ReversePath::parse(r#""a@b >"@[IPv6:::1]"#).unwrap();
        assert_eq!((path.local_part(), path.domain(), path.is_null()), (r#""a@b >""#, "[IPv6:::1]", false));
        let null = ReversePath::parse("").unwrap();
        assert_eq!((null.as_str(), null.local_part(), null.domain(), null.is_null()), ("", "", "", true));
        let postmaster = ForwardPath::parse("postMaster").unwrap();
        assert_eq!(
            (postmaster.as_str(), postmaster.local_part(), postmaster.domain()),
            ("postMaster", "postMaster", "")
        );
    }

    #[test]
    fn what_may_stand_alone() {
        assert_eq!(reverse("<> x"), Ok((String::new(), false, 2)));
        assert_eq!(reverse("<Postmaster>"), Err((Fault::ReversePathSyntax, 11)));
        assert_eq!(forward("<>"), Err((Fault::ForwardPathSyntax, 1)));
        assert_eq!(forward("<POSTmaster>"), Ok("POSTmaster".into()));
        assert_eq!(forward("<Postmaster@a>"), Ok("Postmaster@a".into()));
        assert_eq!(forward("<\"Postmaster\">"), Err((Fault::ForwardPathSyntax, 13)));
        assert_eq!(forward("<@a:Postmaster>"), Err((Fault::ForwardPathSyntax, 14)));
        assert_eq!(forward("<Postmasters>"), Err((Fault::ForwardPathSyntax, 12)));
        assert_eq!(forward("<user>"), Err((Fault::ForwardPathSyntax, 5)));
    }

    #[test]
    fn source_routes_are_checked_and_dropped() {
        assert_eq!(reverse("<@a:u@b>"), Ok(("u@b".into(), true, 8)));
        assert_eq!(reverse("<@a.example,@b.example:u@c>"), Ok(("u@c".into(), true, 27)));
        let bad = [("<@:u@b>", 2), ("<@a>", 3), ("<@a:>", 4), ("<@a,b:u@c>", 4), ("<@a,:u@c>", 4), ("<@a,@b,u@c>", 7)];
        for (text, offset) in bad {
            assert_eq!(reverse(text), Err((Fault::ReversePathSyntax, offset)), "{text}");
        }
        assert_eq!(reverse("<@[1.2.3.4]:u@b>"), Err((Fault::ReversePathSyntax, 2)));
        assert_eq!(ReversePath::parse("@a:u@b"), Err(violation(Fault::ReversePathSyntax, 0)));
    }

    #[test]
    fn a_path_may_have_256_octets() {
        let path = |route: &str, octets: usize| {
            let domain = "d234567.".repeat(32);
            let user = format!("<{route}u@");
            format!("{user}{}x>", &domain[..octets - user.len() - 2])
        };
        let too_long = Err((Fault::PathTooLong, 256));
        assert_eq!(path("", 256).len(), 256);
        assert!(forward(&path("", 256)).is_ok());
        assert_eq!(forward(&path("", 257)), too_long);
        assert!(forward(&path("@a:", 256)).is_ok());
        assert_eq!(forward(&path("@a:", 257)), too_long);
        // Wrong past the limit: too long.
        assert_eq!(forward(&path("", 257).replace('>', "")), too_long);
        assert_eq!(forward(&path("", 256).replace('>', "_")), Err((Fault::ForwardPathSyntax, 255)));
        assert_eq!(forward(&format!("<u@{}>", "d".repeat(256))), Err((Fault::DomainTooLong, 258)));
        assert_eq!(ForwardPath::parse(&path("", 257)[1..256]), Err(violation(Fault::PathTooLong, 255)));
    }

    #[test]
    fn text_that_is_no_path_is_no_path() {
        for text in ["u", "u@", "@b", "u@b>", "<u@b>", "u@b ", " u@b", "u@b\r\n", "u@b>\0", "u@@b", "u@b@c", "u\r@b"] {
            assert!(ReversePath::parse(text).is_err(), "{text:?}");
            assert!(ForwardPath::parse(text).is_err(), "{text:?}");
        }
        assert!(ForwardPath::parse("").is_err());
        // The bracket that is added may be read as part of it, but is no place in it.
        assert_eq!(ReversePath::parse("\"u"), Err(violation(Fault::ReversePathSyntax, 2)));
    }
}
