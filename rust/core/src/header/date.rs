//! A date and time (RFC 5322 §3.3), and its obsolete forms (§4.3).

use super::cursor::{Cursor, Gap, Open};
use super::finding::Finding;
use super::notes::Notes;

const DAYS: [&[u8; 3]; 7] = [b"sun", b"mon", b"tue", b"wed", b"thu", b"fri", b"sat"];
const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const ZONES: [&[u8]; 10] = [b"ut", b"gmt", b"est", b"edt", b"cst", b"cdt", b"mst", b"mdt", b"pst", b"pdt"];

/// Where and how it is no date.
struct Fault(Finding, usize, usize);

/// ```abnf
/// date-time   = [ day-of-week "," ] date time [CFWS]
/// day-of-week = ([FWS] day-name) / obs-day-of-week
/// date        = day month year
/// day         = ([FWS] 1*2DIGIT FWS) / obs-day
/// year        = (FWS 4*DIGIT FWS) / obs-year
/// time        = time-of-day zone
/// time-of-day = hour ":" minute [ ":" second ]
/// zone        = (FWS ( "+" / "-" ) 4DIGIT) / obs-zone
/// ```
pub(super) fn judge(notes: &mut Notes<'_>) {
    let mut reader = Reader { cursor: Cursor::new(notes.field.without_end(), notes.field.value), obsolete: None };
    match reader.date_time(notes) {
        Ok(()) => {
            if let Some((at, end)) = reader.obsolete {
                notes.note(Finding::ObsoleteDate, at, end);
            }
        }
        Err(Fault(finding, at, end)) => notes.note_in_value(finding, at, end),
    }
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    /// The first of the obsolete forms.
    obsolete: Option<(usize, usize)>,
}

impl<'a> Reader<'a> {
    fn date_time(&mut self, notes: &mut Notes<'_>) -> Result<(), Fault> {
        self.gap(true)?;
        let weekday_at = self.cursor.at();
        let weekday = match self.cursor.peek() {
            Some(octet) if octet.is_ascii_alphabetic() => Some(self.name(&DAYS)?),
            _ => None,
        };
        let weekday_end = self.cursor.at();
        if weekday.is_some() {
            self.gap(false)?;
            self.expect(b',')?;
            self.gap(true)?;
        }
        let day_at = self.cursor.at();
        let (day, _) = self.number(1, 2)?;
        let day_end = self.cursor.at();
        self.gap_before_word()?;
        let month = self.name(&MONTHS)?;
        self.gap_before_word()?;
        let year_at = self.cursor.at();
        let (mut year, digits) = self.number(2, 9)?;
        let year_end = self.cursor.at();
        if digits < 4 {
            year += if digits == 2 && year < 50 { 2000 } else { 1900 };
            self.obsolete.get_or_insert((year_at, year_end));
        }
        self.gap_needed()?;
        self.time_of_day()?;
        self.zone(notes)?;
        self.cursor.cfws().map_err(open)?;
        if !self.cursor.is_end() {
            return Err(self.fault());
        }
        if year < 1900 {
            notes.note(Finding::DateYear, year_at, year_end);
        } else if day == 0 || day > days_of(month, year) {
            notes.note(Finding::DateDay, day_at, day_end);
        } else if weekday.is_some_and(|weekday| weekday != weekday_of(day, month, year)) {
            notes.note(Finding::DateWeekday, weekday_at, weekday_end);
        }
        Ok(())
    }

    fn time_of_day(&mut self) -> Result<(), Fault> {
        for (part, most) in [23, 59, 60].into_iter().enumerate() {
            if part > 0 {
                let before = self.cursor;
                // The gap before a zone looks like one before a colon.
                self.cursor.cfws().map_err(open)?;
                let colon = self.cursor.eat(b':');
                if !colon && part == 2 {
                    self.cursor = before;
                    return Ok(());
                }
                if !colon {
                    return Err(self.fault());
                }
                if self.cursor.at() > before.at() + 1 {
                    self.obsolete.get_or_insert((before.at(), self.cursor.at()));
                }
                self.gap(false)?;
            }
            let at = self.cursor.at();
            let (number, _) = self.number(2, 2)?;
            if number > most {
                return Err(Fault(Finding::DateTime, at, self.cursor.at()));
            }
        }
        Ok(())
    }

    fn zone(&mut self, notes: &mut Notes<'_>) -> Result<(), Fault> {
        let gap = self.gap(true)?;
        let at = self.cursor.at();
        match self.cursor.peek() {
            // A comment is not enough.
            Some(b'+' | b'-') if self.cursor.follows_space() => {
                self.cursor.go_to(at + 1);
                let none = |reader: &Self| Fault(Finding::DateZone, at, reader.cursor.at());
                let Ok((number, _)) = self.number(4, 4) else {
                    while self.cursor.peek().is_some_and(|octet| octet.is_ascii_alphanumeric() || octet == b':') {
                        self.cursor.go_to(self.cursor.at() + 1);
                    }
                    return Err(none(self));
                };
                if number % 100 > 59 { Err(none(self)) } else { Ok(()) }
            }
            Some(octet) if octet.is_ascii_alphabetic() => {
                let zone = self.letters();
                let military = matches!(zone, [letter] if !letter.eq_ignore_ascii_case(&b'j'));
                if !military && !ZONES.iter().any(|name| name.eq_ignore_ascii_case(zone)) {
                    return Err(Fault(Finding::DateZone, at, self.cursor.at()));
                }
                notes.note(Finding::ObsoleteZone, at, self.cursor.at());
                Ok(())
            }
            None => Err(Fault(Finding::DateZone, at, at)),
            Some(_) if gap == Gap::None => Err(self.fault()),
            Some(_) => Err(Fault(Finding::DateZone, at, at + self.cursor.rest().len())),
        }
    }

    /// A name of three letters; which one, from 0.
    fn name<const N: usize>(&mut self, names: &[&[u8; 3]; N]) -> Result<i64, Fault> {
        let at = self.cursor.at();
        let word = self.letters();
        match names.iter().position(|name| word.eq_ignore_ascii_case(*name)) {
            Some(which) => Ok(which as i64),
            None => Err(Fault(Finding::DateSyntax, at, self.cursor.at().max(at + 1))),
        }
    }

    fn letters(&mut self) -> &'a [u8] {
        let at = self.cursor.at();
        while self.cursor.peek().is_some_and(|octet| octet.is_ascii_alphabetic()) {
            self.cursor.go_to(self.cursor.at() + 1);
        }
        self.cursor.since(at)
    }

    /// A number of so many digits, and how many it has.
    fn number(&mut self, least: usize, most: usize) -> Result<(i64, usize), Fault> {
        let (at, mut number) = (self.cursor.at(), 0);
        while let Some(octet) = self.cursor.peek().filter(u8::is_ascii_digit) {
            if self.cursor.at() - at == most {
                return Err(self.fault());
            }
            number = number * 10 + i64::from(octet - b'0');
            self.cursor.go_to(self.cursor.at() + 1);
        }
        let digits = self.cursor.at() - at;
        if digits < least { Err(self.fault()) } else { Ok((number, digits)) }
    }

    /// White space that may be there; a comment, and any white space where none is `allowed`, is obsolete.
    fn gap(&mut self, allowed: bool) -> Result<Gap, Fault> {
        let at = self.cursor.at();
        let gap = self.cursor.cfws().map_err(open)?;
        if gap == Gap::Comment || gap == Gap::Space && !allowed {
            self.obsolete.get_or_insert((at, self.cursor.at()));
        }
        Ok(gap)
    }

    /// White space between the parts of a date, which may be missing in obsolete ones.
    fn gap_before_word(&mut self) -> Result<(), Fault> {
        if self.gap(true)? == Gap::None {
            let at = self.cursor.at();
            if !self.cursor.peek().is_some_and(|octet| octet.is_ascii_alphanumeric()) {
                return Err(self.fault());
            }
            self.obsolete.get_or_insert((at - 1, at + 1));
        }
        Ok(())
    }

    fn gap_needed(&mut self) -> Result<(), Fault> {
        if self.gap(true)? == Gap::None { Err(self.fault()) } else { Ok(()) }
    }

    fn expect(&mut self, octet: u8) -> Result<(), Fault> {
        if self.cursor.eat(octet) { Ok(()) } else { Err(self.fault()) }
    }

    /// No date, from this place on.
    fn fault(&self) -> Fault {
        let at = self.cursor.at();
        Fault(Finding::DateSyntax, at, at + self.cursor.rest().len())
    }
}

fn open(Open(at): Open) -> Fault {
    Fault(Finding::DateSyntax, at, at + 1)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month, January being 0.
fn days_of(month: i64, year: i64) -> i64 {
    match month {
        1 => 28 + i64::from(is_leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

/// The day of the week in the Gregorian calendar, Sunday being 0.
fn weekday_of(day: i64, month: i64, year: i64) -> i64 {
    const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400;
    let leap_day = i64::from(is_leap(year) && month > 1);
    // The first of January of the year 1 was a Monday.
    (before * 365 + leap_days + BEFORE_MONTH[usize::try_from(month).unwrap_or(0).min(11)] + leap_day + day) % 7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_follow_each_other_from_1900_on() {
        // The first of January 1900 was a Monday.
        let mut weekday = 1;
        for year in 1900..2500 {
            for month in 0..12 {
                for day in 1..=days_of(month, year) {
                    assert_eq!(weekday_of(day, month, year), weekday, "{year}-{}-{day}", month + 1);
                    weekday = (weekday + 1) % 7;
                }
            }
        }
        assert_eq!(weekday_of(21, 10, 1997), 5);
    }
}
