//! Hash values by the algorithm their key names (section 10.7).

/// Whether `value` has the form of `algorithm`; `None` where the algorithm is not in hash-algorithm-ov.
pub(crate) fn has_form(algorithm: &str, value: &str) -> Option<bool> {
    let digits = match algorithm {
        "MD5" => 32,
        "SHA-1" => 40,
        "SHA-256" | "SHA3-256" => 64,
        "SHA-512" | "SHA3-512" => 128,
        "SSDEEP" => return Some(is_ssdeep(value)),
        "TLSH" => return Some(is_tlsh(value)),
        _ => return None,
    };
    Some(is_hex(value, digits))
}

fn is_hex(value: &str, digits: usize) -> bool {
    value.len() == digits && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Block size, and two strings of base64 digits, with colons between.
fn is_ssdeep(value: &str) -> bool {
    let mut parts = value.splitn(3, ':');
    let (Some(size), Some(first), Some(second)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let coded = |part: &str| {
        part.len() <= 128
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    };
    !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit()) && coded(first) && coded(second)
}

/// 70 hexadecimal digits, or 72 characters with the version mark `T1` of later releases.
fn is_tlsh(value: &str) -> bool {
    let digits = value.strip_prefix("T1").unwrap_or(value);
    is_hex(digits, 70)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_by_algorithm() {
        assert_eq!(has_form("MD5", "d41d8cd98f00b204e9800998ecf8427e"), Some(true));
        assert_eq!(has_form("MD5", "D41D8CD98F00B204E9800998ECF8427E"), Some(true));
        assert_eq!(has_form("MD5", ""), Some(false));
        assert_eq!(has_form("SHA-256", &"a".repeat(63)), Some(false));
        assert_eq!(has_form("SHA-1", &"g".repeat(40)), Some(false));
        assert_eq!(has_form("SSDEEP", "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C"), Some(true));
        assert_eq!(has_form("SSDEEP", "x"), Some(false));
        assert_eq!(has_form("TLSH", &format!("T1{}", "A".repeat(70))), Some(true));
        assert_eq!(has_form("TLSH", &"A".repeat(69)), Some(false));
        assert_eq!(has_form("x_foo_hash", "anything"), None);
    }
}
