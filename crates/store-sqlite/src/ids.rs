//! Identifiers in their stored form: a number for the type, and sixteen bytes for the UUID.

use rusqlite::{Connection, OptionalExtension};
use stix::id::type_of;

use crate::error::{Done, damaged};

const LOWER_HEX: &[u8; 16] = b"0123456789abcdef";

/// An identifier taken apart for storing. Text that is no identifier has an empty type and is kept whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Parts<'a> {
    /// The type, empty for what is no identifier.
    pub(crate) kind: &'a str,
    /// The UUID: 16 bytes; where it is not written in lower case, its text.
    pub(crate) uuid: Vec<u8>,
}

impl<'a> Parts<'a> {
    /// Takes an identifier apart.
    pub(crate) fn of(id: &'a str) -> Self {
        let kind = type_of(id);
        if kind.is_empty() {
            return Self { kind, uuid: id.as_bytes().to_vec() };
        }
        let digits = id.get(kind.len() + 2..).unwrap_or_default();
        let uuid = pack(digits).map_or_else(|| digits.as_bytes().to_vec(), |packed| packed.to_vec());
        Self { kind, uuid }
    }
}

fn pack(digits: &str) -> Option<[u8; 16]> {
    let digits = digits.as_bytes();
    if digits.len() != 36 {
        return None;
    }
    let mut packed = [0; 16];
    let mut nibbles = 0_usize;
    for (at, byte) in digits.iter().enumerate() {
        let nibble = match (at, byte) {
            (8 | 13 | 18 | 23, b'-') => continue,
            (8 | 13 | 18 | 23, _) => return None,
            (_, b'0'..=b'9') => byte - b'0',
            (_, b'a'..=b'f') => byte - b'a' + 10,
            _ => return None,
        };
        let slot = packed.get_mut(nibbles / 2)?;
        *slot = *slot << 4 | nibble;
        nibbles += 1;
    }
    (nibbles == 32).then_some(packed)
}

/// The identifier that was stored as `kind` and `uuid`.
pub(crate) fn text(kind: &str, uuid: &[u8]) -> String {
    let mut text = String::with_capacity(kind.len() + 38);
    if !kind.is_empty() {
        text.push_str(kind);
        text.push_str("--");
    }
    if kind.is_empty() || uuid.len() != 16 {
        text.push_str(&String::from_utf8_lossy(uuid));
        return text;
    }
    for (at, byte) in uuid.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(LOWER_HEX[usize::from(nibble)]));
        }
    }
    text
}

/// The identifier of the object with a number.
pub(crate) fn of_number(sql: &Connection, object: i64) -> Done<String> {
    let mut select = sql
        .prepare_cached("SELECT n.name, o.uuid FROM object o JOIN name n ON n.no = o.kind WHERE o.no = ?1")?;
    let found = select.query_row([object], |row| told(row, 0));
    found.optional()?.ok_or_else(|| damaged("something refers to an object that has no identifier"))
}

/// The identifier in a row: the name of its type at a column, and its UUID at the next.
pub(crate) fn told(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<String> {
    let kind = row.get_ref(at)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(text(kind, row.get_ref(at.saturating_add(1))?.as_blob().map_err(rusqlite::Error::from)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_went_in() {
        for id in [
            "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
            "x-a--b--00000000-0000-4000-8000-000000000000",
            "malware--8E2E2D2B-17d4-4cbf-938f-98ee46b3cd3f",
            "no identifier",
            "sixteen bytes ab",
            "",
        ] {
            let parts = Parts::of(id);
            assert_eq!(text(parts.kind, &parts.uuid), id, "{parts:?}");
        }
        assert_eq!(Parts::of("malware--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f").uuid.len(), 16);
    }
}
