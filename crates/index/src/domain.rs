//! Domain names: reading and canonical form (lower-case A-labels without the dot at the end).
//!
//! Wider than the host names of RFC 1123, since malware is: underscores, and hyphens anywhere. Narrower at the end: two labels or
//! more, and the last one is letters only or an A-label, so that file versions and addresses are not taken for names. Whether a
//! top-level domain exists is not asked: that takes a list.

use idna::AsciiDenyList;

/// Longest name in letters, without the dot at the end (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;
/// Longest text that can become a name: one letter of UTF-8 for each of ASCII.
const TEXT_BYTES_MAX: usize = NAME_BYTES_MAX * 4;

/// Appends the canonical form of a domain name; on `None` nothing was appended. `*.` and `.` before the name fall away.
pub(crate) fn write_domain(out: &mut String, text: &str) -> Option<()> {
    let text = text.strip_prefix('*').unwrap_or(text);
    let text = text.strip_prefix('.').unwrap_or(text);
    let start = out.len();
    let written = if text.is_ascii() { write_ascii(out, text) } else { write_international(out, text) };
    if written.is_none() || !out.get(start..).is_some_and(is_domain) {
        out.truncate(start);
        return None;
    }
    Some(())
}

fn write_ascii(out: &mut String, text: &str) -> Option<()> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.len() > NAME_BYTES_MAX {
        return None;
    }
    let start = out.len();
    out.push_str(text);
    out.get_mut(start..)?.make_ascii_lowercase();
    Some(())
}

/// UTS #46 as browsers apply it (non-transitional), which also reads full-width letters and the ideographic full stop.
fn write_international(out: &mut String, text: &str) -> Option<()> {
    if text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_whitespace) {
        return None;
    }
    let name = idna::domain_to_ascii_cow(text.as_bytes(), AsciiDenyList::URL).ok()?;
    out.push_str(name.strip_suffix('.').unwrap_or(&name));
    Some(())
}

/// Whether a lower-case ASCII text has the form of a domain name.
pub(crate) fn is_domain(name: &str) -> bool {
    if name.len() > NAME_BYTES_MAX {
        return false;
    }
    let (mut label, mut letters, mut dots) = (0_usize, 0_usize, 0_usize);
    let mut a_label = false;
    let bytes = name.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'.' if label == 0 => return false,
            b'.' => {
                (label, letters) = (0, 0);
                dots = dots.saturating_add(1);
                a_label = bytes.get(at.saturating_add(1)..).is_some_and(|rest| rest.starts_with(b"xn--"));
                continue;
            }
            b'a'..=b'z' => letters = letters.saturating_add(1),
            b'0'..=b'9' | b'-' | b'_' => {}
            _ => return false,
        }
        label = label.saturating_add(1);
        if label > LABEL_BYTES_MAX {
            return false;
        }
    }
    dots > 0 && label >= 2 && (letters == label || a_label)
}

/// The names above a canonical one, nearest first, without the top-level domain alone.
pub(crate) fn parents(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        rest = rest.split_once('.')?.1;
        rest.contains('.').then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Option<String> {
        let mut out = String::new();
        write_domain(&mut out, text).map(|()| out)
    }

    #[test]
    fn names_have_one_form() {
        for (given, name) in [
            ("Evil.Example.COM", "evil.example.com"),
            ("evil.example.com.", "evil.example.com"),
            ("*.evil.com", "evil.com"),
            (".evil.com", "evil.com"),
            ("_dmarc.evil-.com", "_dmarc.evil-.com"),
            ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
            ("ПРИМЕР.РФ", "xn--e1afmkfd.xn--p1ai"),
            ("xn--e1afmkfd.XN--P1AI", "xn--e1afmkfd.xn--p1ai"),
            ("ｅｖｉｌ．ｃｏｍ", "evil.com"),
            ("例子。中国", "xn--fsqu00a.xn--fiqs8s"),
            ("faß.de", "xn--fa-hia.de"),
        ] {
            assert_eq!(canonical(given).as_deref(), Some(name), "{given}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let label = "a".repeat(64);
        let long = "abc.".repeat(64);
        for bad in [
            "",
            ".",
            "..",
            "com",
            "localhost",
            "1.2.3.4",
            "a..com",
            "a.b.",
            "evil.com..",
            "ev il.com",
            "evil.c0m",
            "evil.com:80",
            "evil.com/",
            "T1059.001",
            "a@b.com",
            "é .fr",
            "a.c-m",
            &format!("{label}.com"),
            &format!("{long}com"),
            "１.２.３.４",
            "..evil.com",
        ] {
            assert_eq!(canonical(bad), None, "{bad}");
        }
        assert!(canonical(&format!("{}.com", "a".repeat(63))).is_some());
        assert!(canonical(&format!("{}c", "ab.".repeat(84))).is_none());
        assert!(canonical(&format!("{}cd", "abc.".repeat(62))).is_some());
    }

    #[test]
    fn parents_stop_before_the_top() {
        assert_eq!(parents("a.b.co.uk").collect::<Vec<_>>(), ["b.co.uk", "co.uk"]);
        assert_eq!(parents("evil.com").count(), 0);
        assert_eq!(parents("com").count(), 0);
    }
}
