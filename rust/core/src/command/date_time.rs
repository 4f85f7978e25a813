//! A point in time as the Internet writes it (RFC 3339 §5.6), in UTC.
//!
//! Takes text with any offset from UTC; gives a value that compares by time, and writes it in one form. What has a fraction
//! of a second is the next whole one, so that what is held until then is not released before. No clock is read here.

use std::fmt;

use super::cursor::Cursor;

/// Days of a year before each of its months, without a leap day.
const BEFORE_MONTH: [i64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
const DAY: i64 = 86_400;

/// A second in UTC, in the years 0000 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DateTime {
    /// Since the start of the year 0000 in the Gregorian calendar.
    seconds: i64,
}

impl DateTime {
    /// Seconds since the start of 1970, leap seconds left out.
    #[must_use]
    pub const fn unix_time(self) -> i64 {
        self.seconds - days_before(1970, 1) * DAY
    }

    /// ```abnf
    /// date-time      = full-date "T" full-time
    /// full-date      = 4DIGIT "-" 2DIGIT "-" 2DIGIT
    /// full-time      = 2DIGIT ":" 2DIGIT ":" 2DIGIT ["." 1*DIGIT] time-offset
    /// time-offset    = "Z" / ( ("+" / "-") 2DIGIT ":" 2DIGIT )
    /// ```
    /// all of `text`. A second 60 is read at the end of a month in UTC alone, where leap seconds stand (§5.7), and is the
    /// first of the next month.
    ///
    /// # Errors
    /// Octets before the one, or the number, at fault; 0 for what is in no year that can be written in UTC.
    pub fn parse(text: &str) -> Result<Self, usize> {
        let mut cursor = Cursor::new(text.as_bytes());
        let year = number(&mut cursor, 4, 0, 9999)?;
        expect(&mut cursor, b"-")?;
        let month = number(&mut cursor, 2, 1, 12)?;
        expect(&mut cursor, b"-")?;
        let day = number(&mut cursor, 2, 1, days_before(year, month + 1) - days_before(year, month))?;
        expect(&mut cursor, b"T")?;
        let hour = number(&mut cursor, 2, 0, 23)?;
        expect(&mut cursor, b":")?;
        let minute = number(&mut cursor, 2, 0, 59)?;
        expect(&mut cursor, b":")?;
        let second_at = cursor.at();
        let second = number(&mut cursor, 2, 0, 60)?;
        let fraction = fraction(&mut cursor)?;
        let offset = offset(&mut cursor)?;
        if !cursor.is_end() {
            return Err(cursor.at());
        }
        let days = days_before(year, month) + day - 1;
        let whole = Self { seconds: days * DAY + (hour * 60 + minute - offset) * 60 + second };
        if second == 60 && !(whole.is_in_range() && whole.starts_a_month()) {
            return Err(second_at);
        }
        let date_time = Self { seconds: whole.seconds + i64::from(fraction) };
        if date_time.is_in_range() { Ok(date_time) } else { Err(0) }
    }

    fn is_in_range(self) -> bool {
        (0..days_before(10_000, 1) * DAY).contains(&self.seconds)
    }

    fn starts_a_month(self) -> bool {
        let (_, _, day) = self.date();
        self.seconds % DAY == 0 && day == 1
    }

    /// Year, month and day.
    fn date(self) -> (i64, i64, i64) {
        let days = self.seconds / DAY;
        // At most 27 years short of it, for no year has more than 366 days.
        let mut year = days / 366;
        while days_before(year + 1, 1) <= days {
            year += 1;
        }
        let month = (2..=12).rev().find(|&month| days_before(year, month) <= days).unwrap_or(1);
        (year, month, days - days_before(year, month) + 1)
    }
}

impl fmt::Display for DateTime {
    /// As in `2030-01-31T12:00:00Z`, which compares as text as it does as time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), second) = (self.date(), self.seconds % DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Days from the start of the year 0000 to that of a month, of 1 to 12; 13 is the next year's first.
const fn days_before(year: i64, month: i64) -> i64 {
    // Of the years before this one, those that have a leap day; 0000 is one of them.
    let leap_days = (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    year * 365 + leap_days + BEFORE_MONTH[month as usize - 1] + (leap_year && month > 2) as i64
}

/// A number of so many digits, within bounds; otherwise its place.
fn number(cursor: &mut Cursor<'_>, digits: usize, least: i64, most: i64) -> Result<i64, usize> {
    let start = cursor.at();
    while cursor.at() - start < digits {
        if !cursor.eat_if(|b| b.is_ascii_digit()) {
            return Err(cursor.at());
        }
    }
    let number = cursor.since(start).iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    if (least..=most).contains(&number) { Ok(number) } else { Err(start) }
}

/// The fraction of a second: whether there is more than nothing of it.
fn fraction(cursor: &mut Cursor<'_>) -> Result<bool, usize> {
    if !cursor.eat(b'.') {
        return Ok(false);
    }
    let start = cursor.at();
    cursor.eat_while(|b| b.is_ascii_digit());
    let digits = cursor.since(start);
    if digits.is_empty() { Err(start) } else { Ok(digits.iter().any(|&digit| digit != b'0')) }
}

/// Minutes that local time is ahead of UTC.
fn offset(cursor: &mut Cursor<'_>) -> Result<i64, usize> {
    if cursor.eat_word(b"Z") {
        return Ok(0);
    }
    let behind = cursor.eat(b'-');
    if !behind && !cursor.eat(b'+') {
        return Err(cursor.at());
    }
    let hours = number(cursor, 2, 0, 23)?;
    expect(cursor, b":")?;
    let minutes = hours * 60 + number(cursor, 2, 0, 59)?;
    Ok(if behind { -minutes } else { minutes })
}

/// Letters in any case: RFC 3339 §5.6 has "t" and "z" too.
fn expect(cursor: &mut Cursor<'_>, word: &[u8]) -> Result<(), usize> {
    if cursor.eat_word(word) { Ok(()) } else { Err(cursor.at()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<String, usize> {
        let date_time = DateTime::parse(text)?;
        assert_eq!(DateTime::parse(&date_time.to_string()), Ok(date_time), "{text}");
        Ok(date_time.to_string())
    }

    #[test]
    fn every_day_is_written_as_it_is_read() {
        // The first and the last years, and 400, after which the calendar repeats itself.
        for (first, last, days) in [(0, 3, 1461), (1800, 2199, 146_097), (9996, 9999, 1461)] {
            let mut seen = Vec::new();
            for year in first..=last {
                for (month, day) in (1..=12).flat_map(|month| (1..=31).map(move |day| (month, day))) {
                    let text = format!("{year:04}-{month:02}-{day:02}T23:59:59Z");
                    let Ok(date_time) = DateTime::parse(&text) else { continue };
                    assert_eq!(date_time.to_string(), text);
                    seen.push(date_time.seconds);
                }
            }
            assert_eq!(seen.len(), days);
            assert!(seen.windows(2).all(|pair| pair[1] - pair[0] == DAY));
        }
    }

    #[test]
    fn what_is_written_otherwise() {
        for (text, utc) in [
            ("2030-01-31t12:00:00z", "2030-01-31T12:00:00Z"),
            ("2030-01-01T00:30:00+01:00", "2029-12-31T23:30:00Z"),
            ("2029-12-31T23:30:00-00:30", "2030-01-01T00:00:00Z"),
            ("2030-01-01T00:00:00-00:00", "2030-01-01T00:00:00Z"),
            ("2024-02-29T12:00:00.000Z", "2024-02-29T12:00:00Z"),
            ("2024-02-28T23:59:59.001Z", "2024-02-29T00:00:00Z"),
            ("1990-12-31T23:59:60Z", "1991-01-01T00:00:00Z"),
            ("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00Z"),
        ] {
            assert_eq!(written(text).as_deref(), Ok(utc), "{text}");
        }
        assert_eq!(DateTime::parse("1970-01-01T00:00:01Z").unwrap().unix_time(), 1);
        assert_eq!(DateTime::parse("2038-01-19T03:14:08Z").unwrap().unix_time(), 1 << 31);
        assert_eq!(DateTime::parse("1969-12-31T23:59:59Z").unwrap().unix_time(), -1);
    }

    #[test]
    fn what_is_none() {
        for (text, at) in [
            ("", 0),
            ("30-01-01T00:00:00Z", 2),
            ("2030-1-01T00:00:00Z", 6),
            ("2030-13-01T00:00:00Z", 5),
            ("2030-00-01T00:00:00Z", 5),
            ("2030-02-29T00:00:00Z", 8),
            ("2100-02-29T00:00:00Z", 8),
            ("2030-01-00T00:00:00Z", 8),
            ("2030-01-01", 10),
            ("2030-01-01 00:00:00Z", 10),
            ("2030-01-01T24:00:00Z", 11),
            ("2030-01-01T00:60:00Z", 14),
            ("2030-01-01T00:00:61Z", 17),
            ("2030-01-01T00:00:60Z", 17),
            ("2030-01-31T23:58:60Z", 17),
            ("2030-01-30T23:59:60Z", 17),
            ("2030-01-01T00:00:00", 19),
            ("2030-01-01T00:00:00.Z", 20),
            ("2030-01-01T00:00:00+0100", 22),
            ("2030-01-01T00:00:00+24:00", 20),
            ("2030-01-01T00:00:00+01:60", 23),
            ("2030-01-01T00:00:00Zx", 20),
            ("0000-01-01T00:00:00+00:01", 0),
            ("9999-12-31T23:59:59-00:01", 0),
            ("9999-12-31T23:59:59.1Z", 0),
            ("9999-12-31T23:59:60Z", 17),
            ("+030-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(written(text), Err(at), "{text}");
        }
    }
}
