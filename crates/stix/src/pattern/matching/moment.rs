//! Moments as exact numbers, so that windows of time can be added to them.
//!
//! A moment counts grains from the year 1970: 10^20 for a second, times [`GRAIN`] to leave room for "just before". A
//! bound that excludes its end is the end minus one; sums of several such bounds stay ordered as long as there are fewer
//! than [`GRAIN`] of them. Digits beyond the twentieth are cut off. A leap second counts as the last instant before the
//! next minute.

use crate::Timestamp;
use crate::pattern::ast::Seconds;
use base::Micros;

/// "Just before" fits this often between two neighbouring moments.
pub(super) const GRAIN: i128 = 1 << 16;
/// Sub-second digits that are kept.
const DIGITS: usize = 20;
/// Grains in a second.
const SECOND: i128 = 100_000_000_000_000_000_000 * GRAIN;
/// Longer than from the year 0 to the year 9999, in seconds.
const SECONDS_MAX: i128 = 1_000_000_000_000;

/// A moment in grains.
pub(super) type Moment = i128;
/// Before and after everything.
pub(super) const ALWAYS: (Moment, Moment) = (i128::MIN / 4, i128::MAX / 4);

/// The moment of a timestamp.
pub(super) fn moment(at: &Timestamp) -> Moment {
    let micros = at.micros().0;
    let is_leap = at.as_str().get(17..19) == Some("60");
    if is_leap {
        let next = micros.div_euclid(Micros::SECOND).saturating_add(1);
        return i128::from(next).saturating_mul(SECOND).saturating_sub(GRAIN);
    }
    let seconds = i128::from(micros.div_euclid(Micros::SECOND));
    let fraction = at.sort_key().split_once('.').map_or("", |(_, digits)| digits);
    seconds.saturating_mul(SECOND).saturating_add(grains(fraction))
}

/// The length of a window.
pub(super) fn length(seconds: &Seconds) -> Moment {
    let (whole, fraction) = seconds.as_str().split_once('.').unwrap_or((seconds.as_str(), ""));
    let whole: i128 = whole.parse().unwrap_or(SECONDS_MAX);
    let grains = whole.min(SECONDS_MAX).saturating_mul(SECOND).saturating_add(grains(fraction));
    // Shorter than the finest moment still excludes only what is not at once.
    grains.max(GRAIN)
}

/// Digits after the dot as grains.
fn grains(fraction: &str) -> i128 {
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(DIGITS);
    let number = digits.fold(0_i128, |sum, digit| {
        sum.saturating_mul(10).saturating_add(i128::from(digit.wrapping_sub(b'0')))
    });
    number.saturating_mul(GRAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        moment(&Timestamp::parse(text).unwrap())
    }

    #[test]
    fn moments_are_exact_and_ordered() {
        let ordered = [
            "0000-01-01T00:00:00Z",
            "1969-12-31T23:59:59.99999999999999999999Z",
            "1970-01-01T00:00:00Z",
            "1970-01-01T00:00:00.00000000000000000001Z",
            "2016-12-31T23:59:59.999999Z",
            "2016-12-31T23:59:60Z",
            "2017-01-01T00:00:00Z",
            "9999-12-31T23:59:59.9Z",
        ];
        for pair in ordered.windows(2) {
            assert!(at(pair[0]) < at(pair[1]), "{pair:?}");
        }
        assert_eq!(at("1970-01-01T00:00:01.5Z") * 2, SECOND * 3);
        assert_eq!(
            at("2020-01-01T00:00:05.1Z") - at("2020-01-01T00:00:05Z"),
            length(&Seconds::parse("0.1").unwrap())
        );
    }

    #[test]
    fn lengths_do_not_overflow() {
        let longest = length(&Seconds::parse(&format!("{}.0", "9".repeat(400))).unwrap());
        assert!(longest > at("9999-12-31T23:59:59Z") - at("0000-01-01T00:00:00Z"));
        assert!(longest < ALWAYS.1 / 4);
        assert_eq!(length(&Seconds::parse(&format!("0.{}1", "0".repeat(50))).unwrap()), GRAIN);
    }
}
