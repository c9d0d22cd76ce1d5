//! What sort of value a text is, and its canonical form: the one reading that indexing and look-up share.
//!
//! The text is judged by its form alone, never by who says what it is: an address in a domain's place is an address. What has
//! the form of nothing is text.

use std::net::IpAddr;

use crate::address::{Network, read_address, read_network, write_address, write_network};
use crate::domain::write_domain;
use crate::fold::folded;
use crate::url::{Host, Scheme, scheme_of, write_url};

/// What a text has the form of; all but `Text` come with a canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Address(IpAddr),
    Range(Network),
    Domain,
    /// With its host.
    Url(Host),
    /// Domain or address, a port or a path, and no scheme.
    BareUrl(Host),
    Hash,
    /// With where in the canonical form the domain begins.
    Email(usize),
    /// An identifier whose form alone says so: CVE numbers, AS numbers.
    Reference,
    /// A hardware address.
    Mac,
    Text,
}

/// Which characters a text is made of: one bit for each sort that occurs.
#[derive(Clone, Copy)]
struct Marks(u8);

const COLON: u8 = 1;
const SLASH: u8 = 1 << 1;
const AT: u8 = 1 << 2;
const DOT: u8 = 1 << 3;
const SPACE: u8 = 1 << 4;
const HEX_LETTER: u8 = 1 << 5;
/// Neither a hexadecimal digit nor a dot.
const BEYOND: u8 = 1 << 6;

/// The bits of each byte; those beyond ASCII may be a full stop of another script.
const BITS: [u8; 256] = {
    let mut bits = [BEYOND; 256];
    let mut at: u8 = 0;
    loop {
        bits[at as usize] = match at {
            b'0'..=b'9' => 0,
            b'a'..=b'f' | b'A'..=b'F' => HEX_LETTER,
            b'.' => DOT,
            b':' => COLON | BEYOND,
            b'/' => SLASH | BEYOND,
            b'@' => AT | BEYOND,
            b'\t'..=b'\r' | b' ' => SPACE | BEYOND,
            0x80.. => DOT | BEYOND,
            _ => BEYOND,
        };
        if at == u8::MAX {
            break bits;
        }
        at += 1;
    }
};

impl Marks {
    fn of(text: &str) -> Self {
        Self(text.bytes().fold(0, |marks, byte| marks | BITS[usize::from(byte)]))
    }

    const fn has(self, any: u8) -> bool {
        self.0 & any != 0
    }
}

/// Reads a trimmed text; `out` then holds the canonical form, and is empty for `Text`.
pub(crate) fn read(text: &str, out: &mut String) -> Shape {
    out.clear();
    let marks = Marks::of(text);
    if !marks.has(DOT | BEYOND) {
        return if is_hash_length(text.len()) { lowered(text, out, Shape::Hash) } else { Shape::Text };
    }
    let shape = if !marks.has(HEX_LETTER | BEYOND) {
        read_dotted(text, out).or_else(|| read_mac_in_dots(text, out))
    } else if marks.has(COLON | SLASH) {
        read_marked(text, marks, out)
    } else if marks.has(AT) {
        read_email(text, out)
    } else if marks.has(DOT) && !marks.has(SPACE) {
        read_mac_in_dots(text, out).or_else(|| write_domain(out, text).map(|()| Shape::Domain))
    } else {
        read_reference(text, out).or_else(|| read_mac(text, out))
    };
    shape.unwrap_or_else(|| {
        out.clear();
        Shape::Text
    })
}

/// Lengths in hexadecimal digits of MD5, SHA-1 and RIPEMD-160, SHA-224, SHA-256, SHA-384, SHA-512.
const fn is_hash_length(digits: usize) -> bool {
    matches!(digits, 32 | 40 | 56 | 64 | 96 | 128)
}

fn lowered(text: &str, out: &mut String, shape: Shape) -> Shape {
    out.push_str(text);
    out.make_ascii_lowercase();
    shape
}

/// Dotted decimal has one text only, so the text is canonical when it can be read.
fn read_dotted(text: &str, out: &mut String) -> Option<Shape> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let address = read_address(text)?;
    out.push_str(text);
    Some(Shape::Address(address))
}

/// With a colon or a slash: URL, network, IPv6 address, hash with its name, hardware address, or a URL without scheme.
fn read_marked(text: &str, marks: Marks, out: &mut String) -> Option<Shape> {
    if let Some((scheme, rest)) = scheme_of(text) {
        return write_url(out, Scheme::Given(scheme), rest).map(Shape::Url);
    }
    if marks.has(SPACE) {
        return None;
    }
    if marks.has(SLASH)
        && let Some(network) = read_network(text)
    {
        return Some(match network {
            Ok(network) => {
                write_network(out, network);
                Shape::Range(network)
            }
            Err(address) => written(address, out),
        });
    }
    if marks.has(COLON) {
        // In brackets, as URLs have it.
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Some(address) = read_address(bare) {
            return Some(written(address, out));
        }
        if let Some(shape) = read_mac(text, out).or_else(|| read_labelled(text, out)) {
            return Some(shape);
        }
    }
    write_url(out, Scheme::Absent, text).map(Shape::BareUrl)
}

fn written(address: IpAddr, out: &mut String) -> Shape {
    write_address(out, address);
    Shape::Address(address)
}

/// `sha256:…`, `mailto:…`: a word before the colon that says what follows.
fn read_labelled(text: &str, out: &mut String) -> Option<Shape> {
    const HASHES: [&str; 7] = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha-1"];
    let (label, rest) = text.split_once(':')?;
    if HASHES.iter().any(|name| label.eq_ignore_ascii_case(name)) || label.eq_ignore_ascii_case("sha-256") {
        let digits = rest.bytes().all(|byte| byte.is_ascii_hexdigit()) && is_hash_length(rest.len());
        return digits.then(|| lowered(rest, out, Shape::Hash));
    }
    if label.eq_ignore_ascii_case("mailto") {
        return read_email(rest, out);
    }
    None
}

/// Longest e-mail address (RFC 5321, section 4.5.3.1: 64 letters, `@`, and a domain), in bytes of UTF-8.
const EMAIL_BYTES_MAX: usize = 1024;

/// The part before `@` is lower-cased too: whatever the standard allows, no provider in practice tells `Joe` from `joe`.
fn read_email(text: &str, out: &mut String) -> Option<Shape> {
    let (local, domain) = text.rsplit_once('@')?;
    let odd =
        |letter: char| letter.is_whitespace() || letter.is_control() || "@<>()[]\\,;:\"/".contains(letter);
    if local.is_empty()
        || text.len() > EMAIL_BYTES_MAX
        || local.contains(odd)
        || domain.starts_with(['*', '.'])
    {
        return None;
    }
    if local.is_ascii() {
        lowered(local, out, Shape::Text);
    } else {
        out.extend(folded(local.chars()));
    }
    if out.contains(odd) {
        return None;
    }
    out.push('@');
    let at = out.len();
    write_domain(out, domain).map(|()| Shape::Email(at))
}

/// `CVE-2024-1234`, `AS64496` and `ASN64496`.
fn read_reference(text: &str, out: &mut String) -> Option<Shape> {
    let head = |length: usize| text.get(..length).filter(|head| head.is_ascii());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if head(4).is_some_and(|head| head.eq_ignore_ascii_case("cve-")) {
        let (year, number) = text.get(4..)?.split_once('-')?;
        if year.len() != 4 || number.len() < 4 || number.len() > 19 || !digits(year) || !digits(number) {
            return None;
        }
        out.push_str("CVE-");
        out.push_str(text.get(4..)?);
        return Some(Shape::Reference);
    }
    if head(2)?.eq_ignore_ascii_case("as") {
        let number = text.get(2..)?;
        let number = number.strip_prefix(['n', 'N']).unwrap_or(number);
        if number.len() > 10 || !digits(number) {
            return None;
        }
        out.push_str("AS");
        out.push_str(match number.trim_start_matches('0') {
            "" => "0",
            number => number,
        });
        return Some(Shape::Reference);
    }
    None
}

/// Six octets as switches of one maker write them: three groups of four digits, `aabb.cc00.1122`. Where the last is of letters alone it is a domain,
/// as `dead.beef.cafe` is.
fn read_mac_in_dots(text: &str, out: &mut String) -> Option<Shape> {
    let bytes = text.as_bytes();
    let fits = bytes.len() == 14
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 9 => *byte == b'.',
            _ => byte.is_ascii_hexdigit(),
        })
        && bytes.iter().skip(10).any(u8::is_ascii_digit);
    if !fits {
        return None;
    }
    for (at, digit) in text.chars().filter(|letter| *letter != '.').enumerate() {
        if at > 0 && at % 2 == 0 {
            out.push(':');
        }
        out.push(digit.to_ascii_lowercase());
    }
    Some(Shape::Mac)
}

/// Six octets as `aa:bb:…` or `aa-bb-…`, written with colons in lower case.
fn read_mac(text: &str, out: &mut String) -> Option<Shape> {
    let bytes = text.as_bytes();
    let separator = *bytes.get(2).filter(|byte| matches!(byte, b':' | b'-'))?;
    let fits = bytes.len() == 17
        && bytes.iter().enumerate().all(|(at, byte)| match at % 3 {
            2 => *byte == separator,
            _ => byte.is_ascii_hexdigit(),
        });
    fits.then(|| {
        out.extend(text.chars().map(|letter| if letter == '-' { ':' } else { letter.to_ascii_lowercase() }));
        Shape::Mac
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (String, String) {
        let mut out = "left over".to_owned();
        let shape = format!("{:?}", read(text, &mut out));
        (shape.split(['(', ' ']).next().unwrap().to_owned(), out)
    }

    #[test]
    fn reads_each_sort() {
        for (given, shape, canonical) in [
            ("1.2.3.4", "Address", "1.2.3.4"),
            ("1.2.3.4.", "Address", "1.2.3.4"),
            ("1.2.3.4/32", "Address", "1.2.3.4"),
            ("::FFFF:1.2.3.4", "Address", "1.2.3.4"),
            ("2001:DB8::1", "Address", "2001:db8::1"),
            ("[2001:DB8::1]", "Address", "2001:db8::1"),
            ("[2001:db8::1]:443", "BareUrl", "[2001:db8::1]:443/"),
            ("FE80::1%eth0", "Address", "fe80::1"),
            ("10.1.2.3/8", "Range", "10.0.0.0/8"),
            ("2001:db8::/32", "Range", "2001:db8::/32"),
            ("Evil.COM", "Domain", "evil.com"),
            ("пример.рф", "Domain", "xn--e1afmkfd.xn--p1ai"),
            ("HTTP://evil.com", "Url", "http://evil.com/"),
            ("evil.com/a", "BareUrl", "evil.com/a"),
            ("evil.com:443", "BareUrl", "evil.com:443/"),
            ("1.2.3.4:80", "BareUrl", "1.2.3.4:80/"),
            ("D41D8CD98F00B204E9800998ECF8427E", "Hash", "d41d8cd98f00b204e9800998ecf8427e"),
            ("12345678901234567890123456789012", "Hash", "12345678901234567890123456789012"),
            (
                "sha1:DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
                "Hash",
                "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            ),
            ("Joe@Evil.COM", "Email", "joe@evil.com"),
            ("mailto:Joe@Evil.COM", "Email", "joe@evil.com"),
            ("cve-2024-1234", "Reference", "CVE-2024-1234"),
            ("ASN064496", "Reference", "AS64496"),
            ("as0", "Reference", "AS0"),
            ("AA-BB-CC-DD-EE-0F", "Mac", "aa:bb:cc:dd:ee:0f"),
            ("AA:BB:CC:DD:EE:0F", "Mac", "aa:bb:cc:dd:ee:0f"),
            ("AABB.CC00.1122", "Mac", "aa:bb:cc:00:11:22"),
            ("0011.2233.4455", "Mac", "00:11:22:33:44:55"),
            ("dead.beef.cafe", "Domain", "dead.beef.cafe"),
        ] {
            assert_eq!(of(given), (shape.to_owned(), canonical.to_owned()), "{given}");
        }
    }

    #[test]
    fn the_rest_is_text() {
        for text in [
            "",
            "APT28",
            "Cobalt Strike",
            "T1059.001",
            "abcdef",
            "1.2.3",
            "1.2.3.4 5",
            "CVE-2024-123",
            "CVE-24-12345",
            "AS",
            "ASX",
            "as12345678901",
            "joe@",
            "@evil.com",
            "joe@localhost",
            "a b@evil.com",
            "joe@*.evil.com",
            "HKLM\\Software\\x",
            "Mozilla/5.0 (X11)",
            "sha256:zz",
            "sha1:d41d8cd98f00b204e9800998ecf8427e0",
            "aa:bb:cc:dd:ee",
            "aa:bb-cc:dd:ee:ff",
            "C:\\x.y",
            "evil .com",
            "hxxp",
            "中文",
            "é",
            "\u{0}",
            "//",
            ":",
            "/",
            "@",
            "[",
            "%",
            "CVE-",
            "A",
            "é@.é",
        ] {
            assert_eq!(of(text), ("Text".to_owned(), String::new()), "{text:?}");
        }
    }
}
