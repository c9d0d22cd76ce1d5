//! RFC 3339 timestamps as STIX uses them: `Z` only, any number of sub-second digits, leap seconds legal, compared exactly.
//!
//! Never goes through floats; [`Timestamp::micros`] is for clocks, not for comparing.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use base::Micros;
use base::limit::TIMESTAMP_BYTES_MAX;

use crate::quote::quoted;

/// A checked timestamp that keeps its producer's text.
///
/// Equality and order are exact and insensitive to precision: `…05Z`, `…05.0Z` and `…05.000000000Z` are equal.
///
/// # Source
/// STIX 2.1, section 2.16; RFC 3339
#[derive(Clone, Debug)]
pub struct Timestamp {
    text: Box<str>,
}

/// Why a text is not a timestamp.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Not of the form `YYYY-MM-DDTHH:mm:ss[.s+]Z`.
    #[error("timestamp {0} does not have the form YYYY-MM-DDTHH:mm:ss[.s+]Z")]
    Form(String),
    /// A month, day, hour, minute or second that does not exist.
    #[error("timestamp {0} is a moment that does not exist")]
    Range(String),
    /// Not of the form of RFC 3339, with `Z` or an offset.
    #[error("moment {0} does not have the form YYYY-MM-DDTHH:mm:ss[.s+], then Z or an offset like +09:00")]
    Offset(String),
    /// Longer than [`TIMESTAMP_BYTES_MAX`].
    #[error("a timestamp of {0} bytes is longer than the {TIMESTAMP_BYTES_MAX} that are taken")]
    Length(usize),
}

impl Timestamp {
    /// Checks a text.
    ///
    /// # Errors
    /// The text does not have the form `YYYY-MM-DDTHH:mm:ss[.s+]Z`, or names a moment that does not exist. Second 60 is
    /// legal in the last minute of a month (RFC 3339, section 5.7).
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        check(text)?;
        Ok(Self { text: text.into() })
    }

    /// A moment as people write it, with `Z` or an offset: the same in UTC, kept to the microsecond where it had an offset.
    ///
    /// Not for objects: their timestamps end with `Z`.
    ///
    /// # Errors
    /// The text does not have the form, or names a moment that does not exist, in its own place or in the years of UTC. With an offset
    /// there is no second 60.
    ///
    /// # Source
    /// RFC 3339, section 5.6, `T` and `Z` in capitals
    pub fn from_rfc3339(text: &str) -> Result<Self, TimestampError> {
        let Some((local, minutes)) = offset_of(text) else {
            return Self::parse(text).map_err(|error| match error {
                TimestampError::Form(shown) => TimestampError::Offset(shown),
                other => other,
            });
        };
        let shown = || quoted(text).to_string();
        let at = Self::parse(&format!("{local}Z")).map_err(|error| match error {
            TimestampError::Form(_) => TimestampError::Offset(shown()),
            TimestampError::Range(_) => TimestampError::Range(shown()),
            other => other,
        })?;
        let minutes = minutes.ok_or_else(|| TimestampError::Offset(shown()))?;
        let at = at.micros().0 - minutes * 60 * Micros::SECOND;
        let exists = (MICROS_MIN..=MICROS_MAX).contains(&at)
            && !local.get(16..).is_some_and(|end| end.starts_with(":60"));
        if exists { Ok(Self::from_micros(Micros(at))) } else { Err(TimestampError::Range(shown())) }
    }

    /// The moment with six sub-second digits, held at the ends of the years 0000 and 9999.
    #[must_use]
    pub fn from_micros(at: Micros) -> Self {
        let at = at.0.clamp(MICROS_MIN, MICROS_MAX);
        let (seconds, micros) = (at.div_euclid(Micros::SECOND), at.rem_euclid(Micros::SECOND));
        let (days, second) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
        let (year, month, day) = civil_of(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z");
        Self { text: text.into() }
    }

    /// The text of [`Self::from_micros`]: how this node tells its own moments, TAXII's among them.
    #[must_use]
    pub fn text_of(at: Micros) -> String {
        Self::from_micros(at).text.into()
    }

    /// The text as the producer wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same moment without `Z`, trailing zeros and a bare dot: byte order of keys is order in time.
    #[must_use]
    pub fn sort_key(&self) -> &str {
        key_of(&self.text)
    }

    /// The moment in POSIX microseconds, later digits cut off. A leap second counts as the last microsecond before it,
    /// so that the order of timestamps is never reversed.
    #[must_use]
    pub fn micros(&self) -> Micros {
        let Some((parts, fraction)) = read(&self.text) else {
            return Micros::default();
        };
        let days = days_of(parts.year, parts.month, parts.day);
        let second = parts.hour * 3600 + parts.minute * 60 + parts.second.min(59);
        let mut micros = 0;
        for at in 0..6 {
            let digit = fraction.as_bytes().get(at).map_or(0, |byte| i64::from(byte.wrapping_sub(b'0')));
            micros = micros * 10 + digit;
        }
        if parts.second == 60 {
            micros = Micros::SECOND - 1;
        }
        Micros((days * DAY_SECONDS + second) * Micros::SECOND + micros)
    }
}

/// Checks that `text` is a timestamp, without keeping it.
///
/// # Errors
/// As [`Timestamp::parse`].
pub fn check(text: &str) -> Result<(), TimestampError> {
    if text.len() > TIMESTAMP_BYTES_MAX {
        return Err(TimestampError::Length(text.len()));
    }
    let Some((parts, _)) = read(text) else {
        return Err(TimestampError::Form(quoted(text).to_string()));
    };
    if parts.exist() { Ok(()) } else { Err(TimestampError::Range(quoted(text).to_string())) }
}

/// The [`Timestamp::sort_key`] of a text that has been checked.
#[must_use]
pub fn key_of(text: &str) -> &str {
    let digits = text.strip_suffix('Z').unwrap_or(text);
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// How many sub-second digits a checked text has.
#[must_use]
pub fn subsecond_digits(text: &str) -> usize {
    read(text).map_or(0, |(_, fraction)| fraction.len())
}

const DAY_SECONDS: i64 = 86_400;
/// 0000-01-01T00:00:00Z
const MICROS_MIN: i64 = -62_167_219_200 * Micros::SECOND;
/// 9999-12-31T23:59:59.999999Z
const MICROS_MAX: i64 = 253_402_300_800 * Micros::SECOND - 1;

struct Parts {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Parts {
    fn exist(&self) -> bool {
        let last = last_day(self.year, self.month);
        let leap = self.second == 60 && self.hour == 23 && self.minute == 59 && self.day == last;
        (1..=12).contains(&self.month)
            && (1..=last).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && (self.second < 60 || leap)
    }
}

/// The six numbers and the digits after the dot (empty when there is no dot); `None` where the form is wrong.
fn read(text: &str) -> Option<(Parts, &str)> {
    let (whole, rest) = text.split_at_checked(19)?;
    let fraction = match rest.strip_suffix('Z')? {
        "" => "",
        dotted => dotted.strip_prefix('.').filter(|digits| !digits.is_empty())?,
    };
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let bytes: &[u8; 19] = whole.as_bytes().try_into().ok()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', i1, i2, b':', s1, s2] = bytes else {
        return None;
    };
    let parts = Parts {
        year: pair(*y1, *y2)? * 100 + pair(*y3, *y4)?,
        month: pair(*m1, *m2)?,
        day: pair(*d1, *d2)?,
        hour: pair(*h1, *h2)?,
        minute: pair(*i1, *i2)?,
        second: pair(*s1, *s2)?,
    };
    Some((parts, fraction))
}

/// What stands before an offset, and the offset in minutes east of UTC: `None` in it where it is none that exists; `None` for a text that
/// does not end like one with an offset.
fn offset_of(text: &str) -> Option<(&str, Option<i64>)> {
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let bytes: &[u8; 6] = offset.as_bytes().try_into().ok()?;
    let [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = bytes else { return None };
    let clock = pair(*h1, *h2).zip(pair(*m1, *m2)).filter(|(hours, minutes)| *hours < 24 && *minutes < 60);
    let minutes = clock.map(|(hours, minutes)| hours * 60 + minutes);
    Some((local, minutes.map(|minutes| if *sign == b'-' { -minutes } else { minutes })))
}

fn pair(tens: u8, ones: u8) -> Option<i64> {
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return None;
    }
    Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

fn last_day(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar, counted in years that begin in March.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_of`].
fn civil_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.sort_key() == other.sort_key()
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sort_key().cmp(other.sort_key())
    }
}

impl Hash for Timestamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sort_key().hash(state);
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn equality_is_insensitive_to_precision_and_order_is_exact() {
        assert_eq!(at("2024-01-01T00:00:05Z"), at("2024-01-01T00:00:05.000000000Z"));
        assert_ne!(at("2024-01-01T00:00:05Z"), at("2024-01-01T00:00:05.0000000001Z"));
        assert!(at("2024-01-01T00:00:05.1Z") < at("2024-01-01T00:00:05.10000000000001Z"));
        assert!(at("2024-01-01T00:00:10Z") > at("2024-01-01T00:00:09.9Z"));
        assert!(at("2016-12-31T23:59:60.5Z") < at("2017-01-01T00:00:00Z"));
        assert!(at("2016-12-31T23:59:60Z") > at("2016-12-31T23:59:59.999Z"));
        assert!(at("0000-01-01T00:00:00Z") < at("9999-12-31T23:59:59Z"));
    }

    #[test]
    fn refuses_other_forms_and_moments_that_do_not_exist() {
        for bad in [
            "",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+00:00",
            "2024-01-01T00:00:00z",
            "2024-01-01t00:00:00Z",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:00Z\n",
            "2024-01-01T00:00:00,5Z",
            "2024-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:60Z",
            "2024-12-31T23:59:61Z",
            "２024-01-01T00:00:00Z",
            "20240-01-01T00:00:00Z",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Timestamp::parse("2000-02-29T00:00:00Z").is_ok());
        let digits = |count: usize| format!("2000-02-29T00:00:00.{}Z", "1".repeat(count));
        assert!(Timestamp::parse(&digits(TIMESTAMP_BYTES_MAX - 21)).is_ok());
        let long = Timestamp::parse(&digits(TIMESTAMP_BYTES_MAX - 20)).unwrap_err();
        assert_eq!(long, TimestampError::Length(TIMESTAMP_BYTES_MAX + 1));
    }

    #[test]
    fn a_moment_with_an_offset_is_the_same_in_utc() {
        for (said, utc) in [
            ("2026-12-01T09:00:00+09:00", "2026-12-01T00:00:00.000000Z"),
            ("2026-12-31T20:30:00.25-05:30", "2027-01-01T02:00:00.250000Z"),
            ("2026-12-01T09:00:00-00:00", "2026-12-01T09:00:00.000000Z"),
            ("2024-02-29T23:59:59+00:00", "2024-02-29T23:59:59.000000Z"),
            ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z"),
        ] {
            assert_eq!(Timestamp::from_rfc3339(said).unwrap().as_str(), utc, "{said}");
        }
        for bad in [
            "",
            "+09:00",
            "2026-12-01T09:00:00",
            "2026-12-01T09:00:00+0900",
            "2026-12-01T09:00:00+9:00",
            "2026-12-01T09:00:00+24:00",
            "2026-12-01T09:00:00+09:60",
            "2026-12-01T09:00:00Z+09:00",
            "2026-12-01 09:00:00+09:00",
            "2026-12-01T09:00:00\u{2212}09:00",
            "2026-02-30T09:00:00+09:00",
            "2016-12-31T23:59:60+00:00",
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
        ] {
            let refused = Timestamp::from_rfc3339(bad).unwrap_err();
            assert!(!matches!(refused, TimestampError::Form(_)), "{bad:?} {refused}");
        }
        let long = format!("2026-12-01T09:00:00.{}+09:00", "1".repeat(TIMESTAMP_BYTES_MAX));
        assert!(matches!(Timestamp::from_rfc3339(&long).unwrap_err(), TimestampError::Length(_)));
    }

    #[test]
    fn micros_go_there_and_back() {
        for text in [
            "0000-01-01T00:00:00.000000Z",
            "1969-12-31T23:59:59.999999Z",
            "1970-01-01T00:00:00.000000Z",
            "2000-02-29T12:34:56.789012Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            assert_eq!(Timestamp::from_micros(at(text).micros()).as_str(), text);
        }
        assert_eq!(at("1970-01-01T00:00:01.0000019Z").micros(), Micros(1_000_001));
        assert_eq!(at("2016-12-31T23:59:60.5Z").micros(), at("2016-12-31T23:59:59.999999Z").micros());
        assert_eq!(Timestamp::from_micros(Micros(i64::MIN)).as_str(), "0000-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::from_micros(Micros(i64::MAX)).as_str(), "9999-12-31T23:59:59.999999Z");
    }
}
