//! Words of message header fields: which of them are still encoded (RFC 2047, section 2).

/// Longest encoded word, delimiters included.
const WORD_BYTES_MAX: usize = 75;

/// Whether a header field's text has an encoded word, `=?charset?B or Q?text?=`, anywhere.
pub(crate) fn has_encoded_word(text: &str) -> bool {
    text.match_indices("=?").any(|(at, _)| text.get(at..).is_some_and(begins_encoded))
}

fn begins_encoded(text: &str) -> bool {
    let mut parts = text.splitn(5, '?');
    let (Some("="), Some(charset), Some(encoding), Some(coded), Some(rest)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let bytes = charset.len().saturating_add(coded.len()).saturating_add("=??B??=".len());
    is_charset(charset)
        && matches!(encoding, "B" | "b" | "Q" | "q")
        && coded.bytes().all(|byte| byte.is_ascii_graphic())
        && rest.starts_with('=')
        && bytes <= WORD_BYTES_MAX
}

/// The name of a character set, with the language that RFC 2231 lets stand behind it.
fn is_charset(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+*".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_encoded_words_and_nothing_else() {
        for encoded in [
            "=?iso-8859-1?q?this=20is=20some=20text?=",
            "Re: =?UTF-8?B?4oKs?= and more",
            "=?us-ascii*en?Q?a?=",
            "=?= =?utf-8?q?a?=",
        ] {
            assert!(has_encoded_word(encoded), "{encoded}");
        }
        let long = format!("=?utf-8?q?{}?=", "a".repeat(WORD_BYTES_MAX));
        for plain in [
            "",
            "=?",
            "a =?= b",
            "=?utf-8?x?a?=",
            "=?utf-8?q?a b?=",
            "=?utf-8?q?a?",
            "=??q?a?=",
            "what=?so=?",
            long.as_str(),
        ] {
            assert!(!has_encoded_word(plain), "{plain}");
        }
    }
}
