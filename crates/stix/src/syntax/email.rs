//! E-mail addresses: `addr-spec` of RFC 5322, section 3.4.1, without its obsolete forms and comments.

use super::{must, should};
use crate::code;
use crate::schema::Fault;

/// An address without display name (section 6.5).
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return Err(must(code::EMAIL, "has no @"));
    };
    let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let local_good = match quoted {
        Some(inside) => is_quoted_content(inside),
        None => is_dot_atom(local),
    };
    if !local_good {
        return Err(must(
            code::EMAIL,
            "has a part before the @ that is neither a dot-atom nor a quoted string",
        ));
    }
    let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let domain_good = match literal {
        Some(inside) => inside.bytes().all(|byte| matches!(byte, 33..=90 | 94..=126)),
        None => is_dot_atom(domain),
    };
    if !domain_good {
        return Err(must(
            code::EMAIL,
            "has a part after the @ that is neither a domain nor a domain literal",
        ));
    }
    if text.is_ascii() {
        Ok(())
    } else {
        Err(should(code::EMAIL, "has characters beyond ASCII (RFC 6532, not RFC 5322)"))
    }
}

fn is_dot_atom(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_letter))
}

fn is_atom_letter(letter: char) -> bool {
    match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        ascii if ascii.is_ascii() => "!#$%&'*+-/=?^_`{|}~".contains(ascii),
        other => !other.is_whitespace() && !other.is_control(),
    }
}

/// Between the quotes: printable characters and spaces, `"` and `\` only after `\`.
fn is_quoted_content(text: &str) -> bool {
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let good = match letter {
            '\\' => letters.next().is_some_and(|next| !next.is_control() || next == '\t'),
            '"' => false,
            '\t' => true,
            other => !other.is_control(),
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
    use crate::schema::Weight;

    #[test]
    fn takes_every_form_of_addr_spec() {
        for good in [
            "jane.smith@example.com",
            "\"a b\"@example.org",
            "\"a\\\"@\"@example.org",
            "a@[127.0.0.1]",
            "a+b@localhost",
            "a@[IPv6:2001:db8::1]",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        assert_eq!(check("ä@example.org").expect_err("remark").weight, Weight::Should);
    }

    #[test]
    fn refuses_others() {
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a b@example.org",
            "Jane <jane@example.org>",
            "a@b@c",
            ".a@b",
            "a..b@c",
            "a@b.",
            "\"a@b",
            "a@[x]y",
            "a@exa mple.org",
            "a@b\n",
        ] {
            assert_eq!(check(bad).expect_err("bad").weight, Weight::Must, "{bad:?}");
        }
    }
}
