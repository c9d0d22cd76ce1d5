//! URLs: the grammar of RFC 3986, appendix A, for absolute references.

use std::net::Ipv6Addr;

use super::{must, should};
use crate::code;
use crate::schema::{Fault, Weight};

/// A URL with its scheme (sections 6.1 and 6.15).
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err(must(code::URL, "has no scheme"));
    };
    if !is_scheme(scheme) {
        return Err(must(code::URL, "does not begin with a scheme"));
    }
    let (rest, fragment) = rest.split_once('#').map_or((rest, ""), |(rest, fragment)| (rest, fragment));
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, query)| (rest, query));
    let path = match rest.strip_prefix("//") {
        Some(after) => {
            let end = after.find('/').unwrap_or(after.len());
            let (authority, path) = after.split_at_checked(end).unwrap_or((after, ""));
            check_authority(scheme, authority)?;
            path
        }
        None if needs_host(scheme) => return Err(must(code::URL, "has no host")),
        None => rest,
    };
    if !is_made_of(path, "/:@") || !is_made_of(query, "/?:@") || !is_made_of(fragment, "/?:@") {
        return Err(must(code::URL, "has a character or percent sign that must be percent-encoded"));
    }
    if text.is_ascii() {
        Ok(())
    } else {
        Err(should(code::URL, "has characters beyond ASCII, which RFC 3986 wants percent-encoded"))
    }
}

/// As [`check`], where the text asks for a URL without demanding it (section 2.5).
pub(crate) fn check_reference(text: &str) -> Result<(), Fault> {
    check(text).map_err(|fault| Fault { weight: Weight::Should, ..fault })
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn needs_host(scheme: &str) -> bool {
    ["http", "https", "ftp", "ftps", "ws", "wss"].iter().any(|name| scheme.eq_ignore_ascii_case(name))
}

fn check_authority(scheme: &str, authority: &str) -> Result<(), Fault> {
    let (user, host_port) = authority.rsplit_once('@').unwrap_or(("", authority));
    if !is_made_of(user, ":") {
        return Err(must(code::URL, "has user information with a character that must be percent-encoded"));
    }
    let (host, port) = match host_port.strip_prefix('[') {
        Some(rest) => {
            let Some((literal, port)) = rest.split_once(']') else {
                return Err(must(code::URL, "has a host with an open bracket"));
            };
            if !is_ip_literal(literal) {
                return Err(must(code::URL, "has a host in brackets that is no IPv6 address"));
            }
            (literal, port)
        }
        None => {
            let end = host_port.find(':').unwrap_or(host_port.len());
            host_port.split_at_checked(end).unwrap_or((host_port, ""))
        }
    };
    if !host_port.starts_with('[') && !is_made_of(host, "") {
        return Err(must(code::URL, "has a host with a character that hosts do not have"));
    }
    if host.is_empty() && needs_host(scheme) {
        return Err(must(code::URL, "has no host"));
    }
    let digits = port.strip_prefix(':');
    if !port.is_empty() && !digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(must(code::URL, "has a port that is no number"));
    }
    Ok(())
}

fn is_ip_literal(literal: &str) -> bool {
    let future = literal.strip_prefix(['v', 'V']).and_then(|rest| rest.split_once('.'));
    match future {
        Some((version, rest)) => {
            !version.is_empty()
                && version.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !rest.is_empty()
                && is_made_of(rest, ":")
        }
        None => literal.parse::<Ipv6Addr>().is_ok(),
    }
}

/// Unreserved characters, sub-delimiters, percent-encodings, `more`, and (for the remark above) characters beyond ASCII.
fn is_made_of(text: &str, more: &str) -> bool {
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let good = match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' | '~' => true,
            '!' | '$' | '&' | '\'' | '(' | ')' | '*' | '+' | ',' | ';' | '=' => true,
            '%' => {
                let pair = [letters.next(), letters.next()];
                pair.iter().all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit()))
            }
            ascii if ascii.is_ascii() => more.contains(ascii),
            other => !other.is_whitespace() && !other.is_control(),
        };
        if !good {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_urls() {
        for good in [
            "https://example.org/a?b=c#d",
            "http://user:pass@example.org:8080/%7Ea;p=1?q=/?:@",
            "http://[2001:db8::1]/",
            "http://[v1.fe80::a]/",
            "ftp://example.org",
            "mailto:a@b.org",
            "urn:isbn:0451450523",
            "file:///etc/passwd",
            "http://example.org:/",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        assert_eq!(check("http://пример.рф/").expect_err("remark").weight, Weight::Should);
    }

    #[test]
    fn refuses_others() {
        for bad in [
            "",
            "example.org",
            "/path",
            "http:",
            "http://",
            "http:///path",
            "http://exa mple.org/",
            "http://example.org/%zz",
            "http://example.org/%4",
            "http://example.org/a b",
            "http://example.org/a[0]",
            "http://example.org/\"x\"",
            "http://example.org:80a/",
            "http://[::1/",
            "http://[xyz]/",
            "1http://example.org/",
            "hxxp://example[.]org/",
            "http://example.org/\n",
            "://example.org",
        ] {
            assert_eq!(check(bad).expect_err("bad").weight, Weight::Must, "{bad:?}");
        }
    }
}
