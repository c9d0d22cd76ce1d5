//! Octets as pattern literals and observables write them: base64 and hexadecimal.
//!
//! Padding is required; unused bits of the last base64 character are not looked at (RFC 4648 section 3.5 leaves that
//! open); hexadecimal digits may be of either case, as the grammar allows.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Decodes base64; `None` when the text is not base64.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

/// Decodes base64 that may hold line feeds (STIX 2.1, section 9.2, binary constants).
pub(super) fn from_base64_lines(text: &str) -> Option<Vec<u8>> {
    if text.contains('\n') { from_base64(&text.replace('\n', "")) } else { from_base64(text) }
}

/// Encodes base64 with padding.
pub(super) fn to_base64(octets: &[u8]) -> String {
    BASE64.encode(octets)
}

/// Decodes pairs of hexadecimal digits; `None` when the text is not that.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok()
}

/// A text whose code points all lie below U+0100 as octets, code point for octet (STIX 2.1, section 9.2, string).
pub(super) fn from_text(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(character).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_needs_padding_and_ignores_unused_bits() {
        assert_eq!(from_base64("ABI=").unwrap(), [0x00, 0x12]);
        assert_eq!(from_base64("AB==").unwrap(), [0x00]);
        assert_eq!(from_base64("").unwrap(), [0_u8; 0]);
        assert_eq!(from_base64_lines("AA\nAA\n").unwrap(), [0, 0, 0]);
        for bad in ["AA", "A===", "====", "AA== ", "AA==AA==", "AAA", "é===", "AA\nAA", "-_-_", "A"] {
            assert_eq!(from_base64(bad), None, "{bad}");
        }
        assert_eq!(from_base64_lines("AA\r\nAA"), None);
    }

    #[test]
    fn text_is_octets_below_u0100_only() {
        assert_eq!(from_text("aÿ\0").unwrap(), [0x61, 0xff, 0x00]);
        assert_eq!(from_text("€"), None);
        assert_eq!(from_hex("ffD8").unwrap(), [0xff, 0xd8]);
        assert_eq!(from_hex("ffd"), None);
    }
}
