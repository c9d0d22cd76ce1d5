//! Fields in a frame: what binary messages are made of.
//!
//! # Shape
//! Four bytes that say what it is, then fields: a tag in two bytes, a length in four (both the higher byte first), the bytes.
//! Tags never fall, so that the same fields always give the same bytes; a tag may repeat where a message says so. A reader
//! keeps the fields it does not know.
//!
//! Invariant: reading never copies more than is there, whatever lengths the bytes claim.

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It begins with other bytes.
    #[error("the message is of another kind than was expected")]
    OtherKind,
    /// A field ends beyond the message.
    #[error("a field of the message is cut short")]
    Cut,
    /// Tags are not in order.
    #[error("the fields of the message are not in order")]
    Order,
    /// More fields than are taken.
    #[error("the message has more than {0} fields")]
    TooMany(usize),
}

/// What a message begins with.
pub(crate) type Magic = [u8; 4];

/// Writes a frame.
#[derive(Debug)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new(magic: Magic) -> Self {
        Self(magic.to_vec())
    }

    /// Adds a field; callers add them in the order of their tags.
    pub(crate) fn field(&mut self, tag: u16, bytes: &[u8]) -> &mut Self {
        let length = u32::try_from(bytes.len()).expect("invariant: fields are bounded far below 4 GiB");
        self.0.extend_from_slice(&tag.to_be_bytes());
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// One field as it stands in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) tag: u16,
    pub(crate) bytes: &'a [u8],
    /// Where the field begins in the message.
    pub(crate) at: usize,
}

/// Reads a frame of at most `fields_max` fields.
pub(crate) fn read(magic: Magic, bytes: &[u8], fields_max: usize) -> Result<Vec<Field<'_>>, FrameError> {
    let mut rest = bytes.strip_prefix(&magic).ok_or(FrameError::OtherKind)?;
    let mut fields: Vec<Field<'_>> = Vec::new();
    while !rest.is_empty() {
        let at = bytes.len().saturating_sub(rest.len());
        let (tag, tail) = rest.split_first_chunk::<2>().ok_or(FrameError::Cut)?;
        let (length, tail) = tail.split_first_chunk::<4>().ok_or(FrameError::Cut)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| FrameError::Cut)?;
        let (field, tail) = tail.split_at_checked(length).ok_or(FrameError::Cut)?;
        let tag = u16::from_be_bytes(*tag);
        if fields.last().is_some_and(|last| last.tag > tag) {
            return Err(FrameError::Order);
        }
        if fields.len() >= fields_max {
            return Err(FrameError::TooMany(fields_max));
        }
        fields.push(Field { tag, bytes: field, at });
        rest = tail;
    }
    Ok(fields)
}

/// The one field with `tag`; `None` when there is none or more than one.
pub(crate) fn single<'a>(fields: &[Field<'a>], tag: u16) -> Option<&'a [u8]> {
    let mut found = fields.iter().filter(|field| field.tag == tag);
    let first = found.next()?;
    if found.next().is_some() { None } else { Some(first.bytes) }
}

/// A field of exactly `N` bytes.
pub(crate) fn array<const N: usize>(fields: &[Field<'_>], tag: u16) -> Option<[u8; N]> {
    single(fields, tag)?.try_into().ok()
}

/// A number in eight bytes, the highest first.
pub(crate) fn number(fields: &[Field<'_>], tag: u16) -> Option<u64> {
    array(fields, tag).map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: Magic = *b"TEST";

    #[test]
    fn what_was_written_is_read_and_anything_else_refused() {
        let mut writer = Writer::new(MAGIC);
        writer.field(1, b"one").field(1, b"").field(7, b"seven");
        let bytes = writer.finish();
        let fields = read(MAGIC, &bytes, 3).unwrap();
        let seen: Vec<(u16, &[u8])> = fields.iter().map(|field| (field.tag, field.bytes)).collect();
        assert_eq!(seen, [(1, &b"one"[..]), (1, b""), (7, b"seven")]);
        assert_eq!(read(MAGIC, &bytes, 2), Err(FrameError::TooMany(2)));
        assert_eq!(read(*b"NONE", &bytes, 3), Err(FrameError::OtherKind));
        assert_eq!(single(&fields, 1), None, "a repeated field is no single one");
        assert_eq!(single(&fields, 7), Some(&b"seven"[..]));
        for cut in 5..bytes.len() {
            let whole_fields = cut == 13 || cut == 19;
            assert_eq!(read(MAGIC, &bytes[..cut], 3).is_err(), !whole_fields, "cut at {cut}");
        }
        let mut fallen = Writer::new(MAGIC);
        fallen.field(2, b"").field(1, b"");
        assert_eq!(read(MAGIC, fallen.bytes(), 3), Err(FrameError::Order));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let mut message = MAGIC.to_vec();
            message.extend_from_slice(&bytes);
            if let Ok(fields) = read(MAGIC, &message, 16) {
                let mut again = Writer::new(MAGIC);
                for field in fields {
                    again.field(field.tag, field.bytes);
                }
                proptest::prop_assert_eq!(again.finish(), message);
            }
        }
    }
}
