//! `local-part@domain` (RFC 5322 §3.4.1), its obsolete forms (§4.4), and `msg-id`, which looks alike (§3.6.4).

use super::class::{ATEXT, DTEXT, SPACE, is};
use super::cursor::{Cursor, Gap, Open};

/// Where it is none: from, to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault(pub(super) usize, pub(super) usize);

impl From<Open> for Fault {
    fn from(Open(at): Open) -> Self {
        Self(at, at + 1)
    }
}

/// Whether an obsolete form was used.
pub(super) type Obsolete = bool;

/// ```abnf
/// addr-spec = local-part "@" domain
/// ```
/// with CFWS before and after it, which is eaten.
pub(super) fn addr_spec(cursor: &mut Cursor<'_>) -> Result<Obsolete, Fault> {
    let start = *cursor;
    if plain_addr_spec(cursor) {
        cursor.cfws()?;
        if cursor.peek() != Some(b'.') {
            return Ok(false);
        }
    }
    *cursor = start;
    let local_part = words(cursor, true)?;
    if !cursor.eat(b'@') {
        return Err(here(cursor));
    }
    Ok(domain(cursor)? | local_part)
}

/// As almost all are, without CFWS or quotes: so many go by that they have a way of their own.
#[inline]
pub(super) fn plain_addr_spec(cursor: &mut Cursor<'_>) -> bool {
    cursor.eat_dot_atom() && cursor.eat(b'@') && cursor.eat_dot_atom()
}

/// ```abnf
/// domain = dot-atom / domain-literal / obs-domain
/// ```
/// with CFWS before and after it.
pub(super) fn domain(cursor: &mut Cursor<'_>) -> Result<Obsolete, Fault> {
    cursor.cfws()?;
    if cursor.peek() != Some(b'[') {
        return words(cursor, false);
    }
    let obsolete = literal(cursor)?;
    cursor.cfws()?;
    Ok(obsolete)
}

/// ```abnf
/// domain-literal = [CFWS] "[" *([FWS] dtext) [FWS] "]" [CFWS]
/// ```
/// from its bracket to its bracket. A quoted-pair is obsolete.
fn literal(cursor: &mut Cursor<'_>) -> Result<Obsolete, Fault> {
    let (start, mut obsolete) = (cursor.at(), false);
    cursor.eat(b'[');
    loop {
        cursor.eat_class(DTEXT | SPACE);
        if cursor.eat(b']') {
            return Ok(obsolete);
        }
        if !cursor.eat(b'\\') || cursor.is_end() {
            return Err(Fault(start, start + 1));
        }
        cursor.go_to(cursor.at() + 1);
        obsolete = true;
    }
}

/// ```abnf
/// dot-atom-text  = 1*atext *("." 1*atext)
/// obs-local-part = word *("." word)
/// obs-domain     = atom *("." atom)
/// ```
/// with CFWS before and after it. One quoted string is a local-part, several words with one among them are an obsolete one.
fn words(cursor: &mut Cursor<'_>, quotes: bool) -> Result<Obsolete, Fault> {
    cursor.cfws()?;
    let (mut obsolete, mut quoted, mut words) = (false, false, 0_usize);
    loop {
        if quotes && cursor.peek() == Some(b'"') {
            cursor.quoted()?;
            quoted = true;
        } else if cursor.eat_class(ATEXT) == 0 {
            return Err(here(cursor));
        }
        words += 1;
        let before = cursor.cfws()?;
        if !cursor.eat(b'.') {
            return Ok(obsolete || quoted && words > 1);
        }
        let after = cursor.cfws()?;
        obsolete |= before != Gap::None || after != Gap::None;
    }
}

fn here(cursor: &Cursor<'_>) -> Fault {
    Fault(cursor.at(), cursor.at() + 1)
}

/// What form an identifier has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MsgId {
    /// As it should.
    Plain,
    Obsolete,
    /// In brackets, and not `left@right`.
    Other,
    /// Not even brackets.
    None,
}

/// ```abnf
/// msg-id         = [CFWS] "<" id-left "@" id-right ">" [CFWS]
/// id-left        = dot-atom-text / obs-id-left
/// id-right       = dot-atom-text / no-fold-literal / obs-id-right
/// ```
/// from its bracket to its bracket.
pub(super) fn msg_id(cursor: &mut Cursor<'_>) -> MsgId {
    let start = *cursor;
    if plain(cursor) {
        return MsgId::Plain;
    }
    *cursor = start;
    if cursor.eat(b'<') && addr_spec(cursor).is_ok() && cursor.eat(b'>') {
        return MsgId::Obsolete;
    }
    *cursor = start;
    if !cursor.eat(b'<') {
        return MsgId::None;
    }
    while let Some(octet) = cursor.peek() {
        if octet == b'<' || is(octet, SPACE) {
            break;
        }
        cursor.go_to(cursor.at() + 1);
        if octet == b'>' {
            // `<>` holds nothing that could be referred to.
            return if cursor.since(start.at()).len() > 2 { MsgId::Other } else { MsgId::None };
        }
    }
    *cursor = start;
    MsgId::None
}

fn plain(cursor: &mut Cursor<'_>) -> bool {
    if !(cursor.eat(b'<') && cursor.eat_dot_atom() && cursor.eat(b'@')) {
        return false;
    }
    if cursor.eat(b'[') {
        cursor.eat_class(DTEXT);
        return cursor.eat(b']') && cursor.eat(b'>');
    }
    cursor.eat_dot_atom() && cursor.eat(b'>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_their_obsolete_forms() {
        for (octets, wanted, at) in [
            ("a@b", Ok(false), 3),
            ("a.b@c.d,", Ok(false), 7),
            (" (c) a (c) @ (c) b (c) x", Ok(false), 23),
            ("\"a b\"@c", Ok(false), 7),
            ("a@[1.2.3.4]", Ok(false), 11),
            ("a@[ 1.2 ]", Ok(false), 9),
            ("a@[1\\]2]", Ok(true), 8),
            ("a .b@c", Ok(true), 6),
            ("a. b@c", Ok(true), 6),
            ("a.\"b\"@c", Ok(true), 7),
            ("a@b . c", Ok(true), 7),
            ("a@b. (c) c", Ok(true), 10),
            ("a", Err(Fault(1, 2)), 1),
            ("@b", Err(Fault(0, 1)), 0),
            ("a@", Err(Fault(2, 3)), 2),
            (".a@b", Err(Fault(0, 1)), 0),
            ("a.@b", Err(Fault(2, 3)), 2),
            ("a..b@c", Err(Fault(2, 3)), 2),
            ("a@b.", Err(Fault(4, 5)), 4),
            ("a@\"b\"", Err(Fault(2, 3)), 2),
            ("a b@c", Err(Fault(2, 3)), 2),
            ("a@[b", Err(Fault(2, 3)), 4),
            ("a@[b[c]", Err(Fault(2, 3)), 4),
            ("a@[b\\", Err(Fault(2, 3)), 5),
            ("\"a@b", Err(Fault(0, 1)), 4),
            ("a(@b", Err(Fault(1, 2)), 4),
        ] {
            let mut cursor = Cursor::new(octets.as_bytes(), 0);
            assert_eq!((addr_spec(&mut cursor), cursor.at()), (wanted, at), "{octets}");
        }
    }

    #[test]
    fn identifiers() {
        for (octets, wanted, at) in [
            ("<a@b> ", MsgId::Plain, 5),
            ("<a.b!#$@c.d>", MsgId::Plain, 12),
            ("<a@[1.2.3.4]>", MsgId::Plain, 13),
            ("<a@[]>", MsgId::Plain, 6),
            ("<\"a\"@b>", MsgId::Obsolete, 7),
            ("< a@b >", MsgId::Obsolete, 7),
            ("<a@[ b]>", MsgId::Obsolete, 8),
            ("<a>", MsgId::Other, 3),
            ("<a..b@c>", MsgId::Other, 8),
            ("<a.@c>", MsgId::Other, 6),
            ("<a@b@c>", MsgId::Other, 7),
            ("<a@b.>", MsgId::Other, 6),
            ("<>", MsgId::None, 2),
            ("<a b>", MsgId::None, 0),
            ("<a", MsgId::None, 0),
            ("<a<b@c>", MsgId::None, 0),
            ("a@b", MsgId::None, 0),
            ("", MsgId::None, 0),
        ] {
            let mut cursor = Cursor::new(octets.as_bytes(), 0);
            assert_eq!((msg_id(&mut cursor), cursor.at()), (wanted, at), "{octets}");
        }
    }
}
