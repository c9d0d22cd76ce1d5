//! Cursors: a place in a list, bound to the question that made it.
//!
//! A cursor is the place (some numbers) and a keyed tag over place and question, in hexadecimal. It holds no state here,
//! survives a restart and a restore, and is of no use with another question. It is not a secret and grants nothing: the
//! place is applied within what the viewer may see.

use index::{Fingerprint, FingerprintKey, TermKind};
use store::StoreError;

/// Hexadecimal digits of a number.
const DIGITS: usize = 16;

/// Everything that must be equal for a cursor to be taken back, as text.
#[derive(Debug)]
pub(crate) struct Question(String);

impl Question {
    /// The question that `parts` spell out.
    pub(crate) fn of(parts: &impl std::fmt::Debug) -> Self {
        Self(format!("{parts:?}"))
    }

    fn tag(&self, key: &FingerprintKey, place: &str) -> String {
        let tagged = Fingerprint::of(key, TermKind::Other, &format!("cursor\0{place}\0{}", self.0));
        hex::encode(&tagged.to_bytes()[..DIGITS / 2])
    }

    /// The cursor for `place`.
    pub(crate) fn cursor(&self, key: &FingerprintKey, place: &[i64]) -> String {
        let mut text: String = place.iter().map(|number| hex::encode(number.to_be_bytes())).collect();
        let tag = self.tag(key, &text);
        text.push_str(&tag);
        text
    }

    /// The place that `cursor` stands for.
    pub(crate) fn place<const N: usize>(
        &self,
        key: &FingerprintKey,
        cursor: &str,
    ) -> Result<[i64; N], StoreError> {
        let (place, tag) = cursor.split_at_checked(N * DIGITS).ok_or(StoreError::BadCursor)?;
        if self.tag(key, place) != tag {
            return Err(StoreError::BadCursor);
        }
        let mut numbers = [0; N];
        for (at, number) in numbers.iter_mut().enumerate() {
            let mut bytes = [0; 8];
            let digits = place.get(at * DIGITS..(at + 1) * DIGITS).ok_or(StoreError::BadCursor)?;
            hex::decode_to_slice(digits, &mut bytes).map_err(|_| StoreError::BadCursor)?;
            *number = i64::from_be_bytes(bytes);
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: FingerprintKey = FingerprintKey([7; 16]);

    #[test]
    fn is_bound_to_its_question() {
        let question = Question::of(&("page", 1, ["indicator"]));
        let cursor = question.cursor(&KEY, &[-5, i64::MAX]);
        assert_eq!(question.place::<2>(&KEY, &cursor).unwrap(), [-5, i64::MAX]);
        assert!(Question::of(&("page", 2, ["indicator"])).place::<2>(&KEY, &cursor).is_err());
        assert!(question.place::<2>(&FingerprintKey([8; 16]), &cursor).is_err());
        assert!(question.place::<1>(&KEY, &cursor).is_err());
    }

    #[test]
    fn what_we_did_not_make_is_refused() {
        let question = Question::of(&"edges");
        for bad in ["", "0", "zz", "é", &"0".repeat(48), &"é".repeat(24), &"f".repeat(100_000)] {
            assert!(question.place::<2>(&KEY, bad).is_err());
        }
    }
}
