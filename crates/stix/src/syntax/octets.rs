//! Octets written as text: hexadecimal (section 2.8) and base64 (section 2.1, RFC 4648).

use super::must;
use crate::code;
use crate::schema::Fault;

/// An even number of digits in lower case.
pub(crate) fn check_hex(text: &str) -> Result<(), Fault> {
    let good =
        text.len().is_multiple_of(2) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if good { Ok(()) } else { Err(must(code::HEX, "is not an even number of digits 0-9 and a-f")) }
}

/// Base64 with its padding, and with the unused bits of the last digit zero or not.
pub(crate) fn check_base64(text: &str) -> Result<(), Fault> {
    let digits = text.trim_end_matches('=');
    let padding = text.len().saturating_sub(digits.len());
    let good = text.len().is_multiple_of(4)
        && padding <= 2
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    if good { Ok(()) } else { Err(must(code::BINARY, "is not base64 with padding")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_even_and_lower_case() {
        assert!(check_hex("00ff").is_ok());
        for bad in ["f", "FF", "0x", "gg", "é"] {
            assert!(check_hex(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn base64_is_padded() {
        for good in ["", "VGhpcw==", "+/+/", "AAA="] {
            assert!(check_base64(good).is_ok(), "{good}");
        }
        for bad in ["AAA", "A===", "AA=A", "AA==\n", "AA-_", "===="] {
            assert!(check_base64(bad).is_err(), "{bad:?}");
        }
    }
}
