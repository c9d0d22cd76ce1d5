//! Percent-decoding of paths and queries. Refuses what does not decode to UTF-8 instead of guessing.

use std::borrow::Cow;

/// How `+` reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// As itself: in paths.
    Plus,
    /// As a space: in queries, where forms write it so.
    Space,
}

/// Decodes `%XX`; `None` where a `%` is not followed by two hexadecimal digits or the result is not UTF-8.
pub(crate) fn decode(text: &str, plus: Plus) -> Option<Cow<'_, str>> {
    let is_special = |byte: &u8| *byte == b'%' || (*byte == b'+' && plus == Plus::Space);
    if !text.as_bytes().iter().any(is_special) {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => out.push(hex(bytes.next()?)? << 4 | hex(bytes.next()?)?),
            b'+' if plus == Plus::Space => out.push(b' '),
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Appends `text` so that it may stand as a query value.
pub(crate) fn encode(out: &mut String, text: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b',' | b':') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(digit(byte >> 4));
            out.push(digit(byte & 15));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_and_refuses() {
        assert_eq!(decode("a%5Bb%5d+c", Plus::Space).as_deref(), Some("a[b] c"));
        assert_eq!(decode("a+b", Plus::Plus).as_deref(), Some("a+b"));
        for bad in ["%", "%4", "%zz", "a%f", "%ff", "%C3", "%+1"] {
            assert_eq!(decode(bad, Plus::Space), None, "{bad}");
        }
    }

    #[test]
    fn encoding_reads_back() {
        let text = "a b&c=d+é%[]\0\u{10ffff}";
        let mut out = String::new();
        encode(&mut out, text);
        assert_eq!(decode(&out, Plus::Space).as_deref(), Some(text));
    }
}
