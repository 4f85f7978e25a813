//! Address lists (RFC 5322 §3.4) and their obsolete forms (§4.4); phrases, which name addresses (§3.2.5).
//!
//! After the first thing that is no address the rest of a field is not judged: it could be anything. A missing comma and a
//! missing domain can be passed over.

use super::addr_spec::{Fault, addr_spec, domain, plain_addr_spec};
use super::class::{DOTTED, SPACE, is};
use super::cursor::Cursor;
use super::encoded_word::{self, EncodedWord};
use super::finding::Finding;
use super::notes::Notes;

/// What stands in an address list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Addresses {
    /// Mailboxes, those in groups too.
    pub mailboxes: usize,
    pub groups: usize,
    /// Whether all of it could be read.
    pub whole: bool,
}

impl Addresses {
    pub(super) const fn is_empty(&self) -> bool {
        self.whole && self.mailboxes == 0 && self.groups == 0
    }
}

/// Judges the field's value as `address-list`.
pub(super) fn judge(notes: &mut Notes<'_>) -> Addresses {
    let cursor = Cursor::new(notes.field.without_end(), notes.field.value);
    let mut list = List { notes, cursor, addresses: Addresses::default(), empty: None };
    match list.list(None) {
        Ok(()) => list.addresses.whole = true,
        Err(Fault(at, end)) => list.notes.note_in_value(Finding::AddressSyntax, at, end),
    }
    if let Some(at) = list.empty.filter(|_| !list.addresses.is_empty()) {
        list.notes.note(Finding::ObsoleteList, at, at + 1);
    }
    list.addresses
}

/// Judges the field's value as the path of Return-Path.
///
/// ```abnf
/// path = angle-addr / ([CFWS] "<" [CFWS] ">" [CFWS])
/// ```
pub(super) fn judge_path(notes: &mut Notes<'_>) {
    let mut cursor = Cursor::new(notes.field.without_end(), notes.field.value);
    let mut read = || -> Result<bool, Fault> {
        cursor.cfws()?;
        if !cursor.eat(b'<') {
            return Ok(false);
        }
        cursor.cfws()?;
        if cursor.peek() != Some(b'>') {
            route(&mut cursor)?;
            addr_spec(&mut cursor)?;
        }
        let closed = cursor.eat(b'>');
        cursor.cfws()?;
        Ok(closed && cursor.is_end())
    };
    if !matches!(read(), Ok(true)) {
        notes.note_value(Finding::ReturnPathSyntax);
    }
}

/// Judges the field's value as the phrases of Keywords.
///
/// ```abnf
/// keywords = "Keywords:" phrase *("," phrase) CRLF
/// ```
pub(super) fn judge_keywords(notes: &mut Notes<'_>) {
    let cursor = Cursor::new(notes.field.without_end(), notes.field.value);
    let mut list = List { notes, cursor, addresses: Addresses::default(), empty: None };
    let (mut phrases, mut empty) = (0_usize, None);
    let fine = loop {
        let start = list.cursor.at();
        let Ok(words) = list.words() else { break false };
        phrases += usize::from(words.count > 0);
        if words.count > 0 {
            list.phrase(start, words);
        } else {
            // The comma after nothing, or the last one.
            empty = empty.or(Some(if list.cursor.is_end() { start.saturating_sub(1) } else { list.cursor.at() }));
        }
        if list.cursor.is_end() {
            break phrases > 0;
        }
        if !list.cursor.eat(b',') {
            break false;
        }
    };
    if !fine {
        notes.note_value(Finding::KeywordsSyntax);
    } else if let Some(at) = empty {
        notes.note(Finding::ObsoleteList, at, at + 1);
    }
}

/// ```abnf
/// obs-route = *(CFWS / ",") "@" domain *("," [CFWS] ["@" domain]) ":"
/// ```
/// or nothing. Whether there was one.
fn route(cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
    if !matches!(cursor.peek(), Some(b'@' | b',')) {
        return Ok(false);
    }
    let (mut any, mut comma) = (false, true);
    loop {
        cursor.cfws()?;
        if cursor.eat(b',') {
            comma = true;
        } else if comma && cursor.eat(b'@') {
            domain(cursor)?;
            (any, comma) = (true, false);
        } else if any && cursor.eat(b':') {
            return Ok(true);
        } else {
            return Err(Fault(cursor.at(), cursor.at() + 1));
        }
    }
}

struct List<'n, 'f, 'a> {
    notes: &'n mut Notes<'f>,
    cursor: Cursor<'a>,
    addresses: Addresses,
    /// The first comma with nothing before it or after it.
    empty: Option<usize>,
}

/// Words that stand one after the other.
#[derive(Debug, Clone, Copy, Default)]
struct Words {
    count: usize,
    /// Where the first begins and the last ends.
    start: usize,
    end: usize,
    /// Whether there is a dot outside of quotes, or anything that may be an encoded-word.
    look: bool,
}

impl List<'_, '_, '_> {
    /// ```abnf
    /// address-list     = (address *("," address)) / obs-addr-list
    /// group            = display-name ":" [group-list] ";" [CFWS]
    /// ```
    /// a list up to its end, or the members of the group that begins at `group` up to the semicolon.
    fn list(&mut self, group: Option<usize>) -> Result<(), Fault> {
        let (mut since_comma, mut comma) = (false, None);
        loop {
            self.cursor.cfws()?;
            let at = self.cursor.at();
            match self.cursor.peek() {
                None | Some(b';') if comma.is_some() && !since_comma => {
                    self.empty = self.empty.or(comma);
                    comma = None;
                    continue;
                }
                None => return group.map_or(Ok(()), |start| Err(Fault(start, at.max(start + 1)))),
                Some(b';') if group.is_some() => {
                    self.cursor.eat(b';');
                    return Ok(());
                }
                Some(b',') => {
                    if !since_comma {
                        self.empty = self.empty.or(Some(at));
                    }
                    (comma, since_comma) = (Some(at), false);
                    self.cursor.eat(b',');
                }
                // Between addresses, as some write lists.
                Some(b';') if since_comma => {
                    self.notes.note(Finding::MissingComma, at, at + 1);
                    since_comma = false;
                    self.cursor.eat(b';');
                }
                Some(_) => {
                    if since_comma {
                        self.notes.note(Finding::MissingComma, at, at + 1);
                    }
                    self.address(group.is_some())?;
                    since_comma = true;
                }
            }
        }
    }

    /// ```abnf
    /// address      = mailbox / group
    /// mailbox      = name-addr / addr-spec
    /// name-addr    = [display-name] angle-addr
    /// ```
    fn address(&mut self, in_group: bool) -> Result<(), Fault> {
        let start = self.cursor.at();
        let mut plain = self.cursor;
        if plain_addr_spec(&mut plain) && matches!(plain.peek(), None | Some(b',')) {
            self.cursor = plain;
            self.addresses.mailboxes += 1;
            return Ok(());
        }
        let words = self.words()?;
        match self.cursor.peek() {
            Some(b'@') if words.count > 0 => {
                self.cursor.go_to(start);
                let obsolete = addr_spec(&mut self.cursor)?;
                if obsolete {
                    self.notes.note(Finding::ObsoleteAddress, start, self.trimmed(start));
                }
                if self.cursor.peek() == Some(b'<') {
                    // An address for a name, and no quotes.
                    return Err(Fault(start, self.trimmed(start)));
                }
                self.addresses.mailboxes += 1;
            }
            Some(b'<') => {
                self.phrase(start, words);
                self.angle()?;
                self.addresses.mailboxes += 1;
            }
            Some(b':') if words.count > 0 && !in_group => {
                self.phrase(start, words);
                self.cursor.eat(b':');
                self.addresses.groups += 1;
                self.list(Some(start))?;
            }
            None | Some(b',' | b';') if words.count > 0 => {
                self.notes.note(Finding::AddressWithoutDomain, words.start, words.end);
                self.addresses.mailboxes += 1;
            }
            _ => return Err(Fault(self.cursor.at(), self.cursor.at() + 1)),
        }
        Ok(())
    }

    /// ```abnf
    /// angle-addr = [CFWS] "<" addr-spec ">" [CFWS] / obs-angle-addr
    /// ```
    fn angle(&mut self) -> Result<(), Fault> {
        let start = self.cursor.at();
        self.cursor.eat(b'<');
        let mut plain = self.cursor;
        if plain_addr_spec(&mut plain) && plain.eat(b'>') {
            self.cursor = plain;
            return Ok(());
        }
        self.cursor.cfws()?;
        let route_at = self.cursor.at();
        if route(&mut self.cursor)? {
            self.notes.note(Finding::ObsoleteRoute, route_at, self.cursor.at());
        }
        let at = self.cursor.at();
        let obsolete = addr_spec(&mut self.cursor)?;
        if obsolete {
            self.notes.note(Finding::ObsoleteAddress, at, self.trimmed(at));
        }
        if self.cursor.eat(b'>') { Ok(()) } else { Err(Fault(start, self.cursor.at().max(start + 1))) }
    }

    /// Where what began at `start` ends, without white space.
    fn trimmed(&self, start: usize) -> usize {
        start + self.cursor.since(start).trim_ascii_end().len()
    }

    /// ```abnf
    /// phrase     = 1*word / obs-phrase
    /// obs-phrase = word *(word / "." / CFWS)
    /// ```
    /// or none: up to what is no part of one.
    fn words(&mut self) -> Result<Words, Fault> {
        let mut words = Words { start: self.cursor.at(), ..Words::default() };
        loop {
            self.cursor.cfws()?;
            let at = self.cursor.at();
            match self.cursor.peek() {
                Some(b'"') => words.look |= self.cursor.quoted()?.contains(&b'='),
                Some(b'=') => {
                    words.look = true;
                    match encoded_word::read(self.cursor.rest()) {
                        Some(word) if word.ends => self.cursor.go_to(at + word.length),
                        _ => drop(self.cursor.eat_dotted()),
                    }
                }
                // No phrase begins with a dot.
                Some(octet) if is(octet, DOTTED) && (octet != b'.' || words.count > 0) => {
                    words.look |= self.cursor.eat_dotted().contains(&b'.');
                }
                _ => return Ok(words),
            }
            if words.count == 0 {
                words.start = at;
            }
            words.count += 1;
            words.end = self.cursor.at();
        }
    }

    /// Judges words that turned out to name something.
    fn phrase(&mut self, start: usize, words: Words) {
        if !words.look {
            return;
        }
        let after = self.cursor;
        self.cursor.go_to(start);
        let mut dots = false;
        while self.cursor.at() < words.end {
            // All of it was read before, so that nothing is open.
            if self.cursor.cfws().is_err() {
                break;
            }
            let at = self.cursor.at();
            match self.cursor.peek() {
                Some(b'"') => {
                    if self.cursor.quoted().is_ok_and(encoded_word::any) {
                        self.notes.note(Finding::EncodedWordQuoted, at, self.cursor.at());
                    }
                }
                _ => {
                    if let Some(word) = encoded_word::read(self.cursor.rest()) {
                        self.encoded_word(at, word);
                        continue;
                    }
                    let dotted = self.cursor.eat_dotted().contains(&b'.');
                    if dotted && !dots {
                        self.notes.note(Finding::ObsoletePhrase, words.start, words.end);
                    }
                    dots |= dotted;
                    if self.cursor.at() == at {
                        break;
                    }
                }
            }
        }
        self.cursor = after;
    }

    fn encoded_word(&mut self, at: usize, word: EncodedWord) {
        if word.ends {
            self.cursor.go_to(at + word.length);
        } else {
            self.cursor.eat_dotted();
        }
        let joined = self.cursor.peek().is_some_and(|octet| !is(octet, SPACE) && octet != b',');
        encoded_word::judge(self.notes, at, word, true, joined);
    }
}
