//! URLs: taking them apart and writing their normal form.
//!
//! # Shape
//! `scheme://[userinfo@]host[:port]/path[?query]`. Scheme and host in lower case, the host as domain in A-labels or as canonical
//! address; the default port of http, https, ftp, ws and wss gone, other ports without leading zeros; an empty path is `/`, dot
//! segments are resolved; percent-encoding with capital digits and only where needed (unreserved characters decoded; spaces,
//! controls, non-ASCII and a `%` that begins nothing encoded); fragment dropped. User information and an empty query stay:
//! another URL is meant. A URL without scheme (`evil.example/x`, `198.51.100.7:8080`) keeps its port.
//!
//! Source: RFC 3986, section 6.2.2 and 6.2.3

use std::net::IpAddr;
use std::ops::Range;

use crate::address::{read_address, write_address};
use crate::domain::write_domain;
use crate::refang::is_masked_scheme;

/// What a URL's host is, with its place in the normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Address(IpAddr),
    Domain(Range<usize>),
    /// A name of one label, or something a resolver might take.
    Other,
}

const SCHEME_CHARS_MAX: usize = 32;
const PORTS: [(&str, &str); 5] =
    [("http", "80"), ("https", "443"), ("ftp", "21"), ("ws", "80"), ("wss", "443")];

/// Which scheme a URL is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme<'a> {
    Given(&'a str),
    /// The text has none.
    Absent,
}

struct Parts<'a> {
    userinfo: Option<&'a str>,
    host: &'a str,
    port: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

/// Splits off a scheme: letters, digits, `+`, `-`, `.` before `://`. `hxxp` and the like are no schemes, so that such a text is
/// refanged.
pub(crate) fn scheme_of(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take(SCHEME_CHARS_MAX).position(|byte| byte == b':')?;
    let (scheme, rest) = text.split_at_checked(end)?;
    let rest = rest.strip_prefix("://")?;
    let first = scheme.bytes().next()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let is_scheme = first.is_ascii_alphabetic() && scheme.bytes().all(fits) && !is_masked_scheme(scheme);
    is_scheme.then_some((scheme, rest))
}

/// Appends the normal form of `rest`, which begins at the authority; on `None` nothing was appended.
///
/// A URL without scheme must have a domain or an address for its host, and more than that.
pub(crate) fn write_url(out: &mut String, scheme: Scheme<'_>, rest: &str) -> Option<Host> {
    let start = out.len();
    let host = write_parts(out, scheme, rest);
    if host.is_none() {
        out.truncate(start);
    }
    host
}

fn write_parts(out: &mut String, scheme: Scheme<'_>, rest: &str) -> Option<Host> {
    let parts = take_apart(rest)?;
    let mut default_port = "";
    let start = out.len();
    if let Scheme::Given(scheme) = scheme {
        out.push_str(scheme);
        out.get_mut(start..)?.make_ascii_lowercase();
        let port = PORTS.iter().find(|(name, _)| out.get(start..) == Some(*name));
        default_port = port.map_or("", |(_, port)| *port);
        out.push_str("://");
    }
    if let Some(userinfo) = parts.userinfo {
        write_encoded(out, userinfo);
        out.push('@');
    }
    let host = write_host(out, parts.host)?;
    if scheme == Scheme::Absent && (host == Host::Other || parts.userinfo.is_some()) {
        return None;
    }
    let port = parts.port.trim_start_matches('0');
    if !parts.port.is_empty() && port != default_port {
        out.push(':');
        out.push_str(if port.is_empty() { "0" } else { port });
    }
    write_path(out, parts.path);
    if let Some(query) = parts.query {
        out.push('?');
        write_encoded(out, query);
    }
    Some(host)
}

fn take_apart(rest: &str) -> Option<Parts<'_>> {
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
    let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
    let (userinfo, host) =
        authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    let after_literal = if host.starts_with('[') { host.find(']')? } else { 0 };
    let (host, port) = match host.get(after_literal..)?.rfind(':') {
        Some(at) => {
            let (host, port) = host.split_at_checked(after_literal.checked_add(at)?)?;
            (host, port.strip_prefix(':')?)
        }
        None => (host, ""),
    };
    let good_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    good_port.then_some(Parts { userinfo, host, port, path, query })
}

fn write_host(out: &mut String, host: &str) -> Option<Host> {
    if let Some(literal) = host.strip_prefix('[') {
        let address = read_address(literal.strip_suffix(']')?)?;
        if address.is_ipv4() {
            write_address(out, address);
        } else {
            out.push('[');
            write_address(out, address);
            out.push(']');
        }
        return Some(Host::Address(address));
    }
    let dotless = host.strip_suffix('.').unwrap_or(host);
    if let Some(address) = read_address(dotless).filter(IpAddr::is_ipv4) {
        write_address(out, address);
        return Some(Host::Address(address));
    }
    let start = out.len();
    if !host.starts_with(['*', '.']) && write_domain(out, host).is_some() {
        return Some(Host::Domain(start..out.len()));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if host.is_empty() || host.starts_with('.') || !host.bytes().all(plain) {
        return None;
    }
    out.push_str(host);
    out.get_mut(start..)?.make_ascii_lowercase();
    Some(Host::Other)
}

/// Appends a path with its dot segments resolved; each segment is written once and taken back at most once.
fn write_path(out: &mut String, path: &str) {
    let base = out.len();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let at = out.len();
        out.push('/');
        write_encoded(out, segment);
        let written = out.get(at..).unwrap_or_default();
        let dots = match written {
            "/." => 1,
            "/.." => 2,
            _ => continue,
        };
        out.truncate(at);
        if dots == 2 {
            let parent = out.get(base..).and_then(|path| path.rfind('/')).unwrap_or(0);
            out.truncate(base.saturating_add(parent));
        }
        if segments.peek().is_none() {
            out.push('/');
        }
    }
}

/// Appends text with its percent-encoding made uniform.
fn write_encoded(out: &mut String, text: &str) {
    let mut rest = text;
    loop {
        let plain = rest.bytes().position(|byte| byte == b'%' || !stays(byte)).unwrap_or(rest.len());
        let Some((before, after)) = rest.split_at_checked(plain) else { return };
        out.push_str(before);
        let Some(letter) = after.chars().next() else { return };
        let (byte, taken) = match escaped(after) {
            Some(byte) => (Some(byte), 3),
            None => (None, letter.len_utf8()),
        };
        match byte {
            Some(byte) if is_unreserved(byte) => out.push(char::from(byte)),
            Some(byte) => write_escape(out, byte),
            None => letter.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| write_escape(out, byte)),
        }
        rest = after.get(taken..).unwrap_or_default();
    }
}

/// The byte a `%hh` at the beginning stands for.
fn escaped(text: &str) -> Option<u8> {
    let [b'%', high, low, ..] = text.as_bytes() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*high)? << 4 | digit(*low)?)
}

fn write_escape(out: &mut String, byte: u8) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or('0');
    out.push('%');
    out.push(digit(byte >> 4));
    out.push(digit(byte & 15));
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Printable ASCII but what no URL may hold as it is.
const fn stays(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> Option<String> {
        let (scheme, rest) = scheme_of(text)?;
        let mut out = String::new();
        write_url(&mut out, Scheme::Given(scheme), rest).map(|_| out)
    }

    fn bare(text: &str) -> Option<String> {
        let mut out = String::new();
        write_url(&mut out, Scheme::Absent, text).map(|_| out)
    }

    #[test]
    fn urls_have_one_form() {
        for (given, url) in [
            ("HTTP://Evil.COM", "http://evil.com/"),
            ("http://evil.com:80/a", "http://evil.com/a"),
            ("https://evil.com:0443/a", "https://evil.com/a"),
            ("http://evil.com:/a", "http://evil.com/a"),
            ("http://evil.com:443/", "http://evil.com:443/"),
            ("http://evil.com:0/", "http://evil.com:0/"),
            ("http://evil.com./a/./b/../c", "http://evil.com/a/c"),
            ("http://evil.com/../../a/..", "http://evil.com/"),
            ("http://evil.com/a/%2e%2E/b/.", "http://evil.com/b/"),
            ("http://evil.com/%7euser/%c3%a9?q=%41&r=%2f#frag", "http://evil.com/~user/%C3%A9?q=A&r=%2F"),
            ("http://evil.com/é x", "http://evil.com/%C3%A9%20x"),
            ("http://evil.com/100%/%zz/%%341", "http://evil.com/100%25/%25zz/%2541"),
            ("http://evil.com?x", "http://evil.com/?x"),
            ("http://evil.com/?", "http://evil.com/?"),
            ("http://evil.com#x", "http://evil.com/"),
            ("http://User:Pa@ss@evil.com/", "http://User:Pa@ss@evil.com/"),
            ("http://[2001:DB8::0:1]:8080/", "http://[2001:db8::1]:8080/"),
            ("http://[::ffff:1.2.3.4]/", "http://1.2.3.4/"),
            ("http://1.2.3.4", "http://1.2.3.4/"),
            ("http://пример.рф/", "http://xn--e1afmkfd.xn--p1ai/"),
            ("http://LOCALHOST:8080/x", "http://localhost:8080/x"),
            ("tcp://1.2.3.4:80", "tcp://1.2.3.4:80/"),
            ("http://evil.com/a//b/", "http://evil.com/a//b/"),
        ] {
            assert_eq!(normal(given).as_deref(), Some(url), "{given}");
            assert_eq!(normal(url).as_deref(), Some(url), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for bad in [
            "http://",
            "http:///x",
            "://evil.com/",
            "http:/evil.com",
            "1http://evil.com/",
            "http://ev il.com/",
            "http://evil[.]com/",
            "http://evil.com:99999999/",
            "http://evil.com:8a/",
            "http://[::1",
            "http://[1.2]/",
            "http://%41.com/",
            "http://*.evil.com/",
        ] {
            assert_eq!(normal(bad), None, "{bad}");
        }
    }

    #[test]
    fn without_scheme_the_host_must_be_one() {
        assert_eq!(bare("Evil.com/A?b").as_deref(), Some("evil.com/A?b"));
        assert_eq!(bare("1.2.3.4:80").as_deref(), Some("1.2.3.4:80/"));
        assert_eq!(bare("[::1]:80/").as_deref(), Some("[::1]:80/"));
        for bad in ["localhost/x", "Mozilla/5.0", "user@evil.com/x", "a b.com/x", "T1059.001/x"] {
            assert_eq!(bare(bad), None, "{bad}");
        }
    }
}
