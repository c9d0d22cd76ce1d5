//! Media types and the negotiation of versions.
//!
//! Source: TAXII 2.1, sections 1.6.8 and 3.1; RFC 9110, sections 8.3 and 12.5.1.

/// The media type of every TAXII answer.
pub const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";
/// The media type of the objects inside.
pub const STIX_MEDIA_TYPE: &str = "application/stix+json;version=2.1";
/// Media type of STIX 2.0 content, as the manifest names objects that were stored without `spec_version`.
pub const STIX_2_0_MEDIA_TYPE: &str = "application/stix+json;version=2.0";

/// The one version spoken here.
const VERSION: &str = "2.1";

/// The media type of an object that names this version of STIX, where it is one that collections list.
#[must_use]
pub fn of_stix(spec_version: &str) -> Option<&'static str> {
    match spec_version {
        "2.1" => Some(STIX_MEDIA_TYPE),
        "2.0" => Some(STIX_2_0_MEDIA_TYPE),
        _ => None,
    }
}

/// Which answers an endpoint defines besides the TAXII media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// TAXII alone.
    Taxii,
    /// Also asked for as STIX: the manifest, whose request headers in section 5.3 name both.
    TaxiiOrStix,
}

/// Whether an answer in TAXII 2.1 is acceptable to a client that sent these `Accept` fields.
///
/// Ranges may hold white space, quality values, quoted parameters and parameters nobody defined; a range without version
/// means the latest. The most specific range that fits decides, as RFC 9110 says. No field at all accepts everything.
#[must_use]
pub fn accepts<'a>(fields: impl IntoIterator<Item = &'a str>, offer: Offer) -> bool {
    let mut any_field = false;
    let mut best: Option<(u8, bool)> = None;
    for field in fields {
        any_field = true;
        for range in split_outside_quotes(field, ',') {
            let Some(range) = Range::parse(range) else { continue };
            let Some(precision) = range.fits(offer) else { continue };
            best = match best {
                Some((known, wanted)) if known > precision => Some((known, wanted)),
                Some((known, wanted)) if known == precision => Some((known, wanted || range.wanted)),
                _ => Some((precision, range.wanted)),
            };
        }
    }
    !any_field || best.is_some_and(|(_, wanted)| wanted)
}

/// Whether `Accept` names the TAXII media type, in whatever version: such a client understands TAXII error messages.
#[must_use]
pub fn speaks_taxii<'a>(fields: impl IntoIterator<Item = &'a str>) -> bool {
    fields.into_iter().any(|field| {
        split_outside_quotes(field, ',')
            .filter_map(Range::parse)
            .any(|range| range.is("application", "taxii+json"))
    })
}

/// Whether a request body of this `Content-Type` is a TAXII 2.1 one.
#[must_use]
pub fn is_taxii(content_type: &str) -> bool {
    let Some(range) = Range::parse(content_type) else { return false };
    range.is("application", "taxii+json") && range.version_fits() && range.charset_fits()
}

/// One media range, borrowed from the field.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    version: Option<&'a str>,
    charset: Option<&'a str>,
    wanted: bool,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = split_outside_quotes(text, ';');
        let (kind, subtype) = parts.next()?.trim().split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut range = Self { kind, subtype, version: None, charset: None, wanted: true };
        for part in parts {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            let (name, value) = part.split_once('=')?;
            let value = unquoted(value.trim());
            match name.trim().to_ascii_lowercase().as_str() {
                "version" => range.version = Some(value),
                "charset" => range.charset = Some(value),
                "q" => range.wanted = quality(value)?,
                _ => {}
            }
        }
        Some(range)
    }

    fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    fn version_fits(&self) -> bool {
        self.version.is_none_or(|version| version == VERSION)
    }

    fn charset_fits(&self) -> bool {
        self.charset.is_none_or(|name| {
            name.eq_ignore_ascii_case("utf-8")
                || name.eq_ignore_ascii_case("utf8")
                || name.eq_ignore_ascii_case("us-ascii")
        })
    }

    /// How precisely this range names what is offered; `None` when it does not.
    fn fits(&self, offer: Offer) -> Option<u8> {
        if self.is("*", "*") {
            return Some(0);
        }
        if self.is("application", "*") {
            return Some(1);
        }
        let named = self.is("application", "taxii+json")
            || (offer == Offer::TaxiiOrStix && self.is("application", "stix+json"));
        if !named || !self.version_fits() {
            return None;
        }
        Some(if self.version.is_some() { 3 } else { 2 })
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// Whether a quality value wants the range at all (is above zero); `None` for what is no quality value.
fn quality(value: &str) -> Option<bool> {
    let (whole, thousandths) = value.split_once('.').unwrap_or((value, ""));
    let short = thousandths.len() <= 3 && thousandths.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "0" if short => Some(thousandths.bytes().any(|byte| byte != b'0')),
        "1" if short && thousandths.bytes().all(|byte| byte == b'0') => Some(true),
        _ => None,
    }
}

/// Splits at `separator` where it does not stand inside a quoted string.
fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |letter| {
        if escaped {
            escaped = false;
        } else if quoted && letter == '\\' {
            escaped = true;
        } else if letter == '"' {
            quoted = !quoted;
        }
        !quoted && letter == separator
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(field: &str) -> bool {
        accepts([field], Offer::Taxii)
    }

    #[test]
    fn takes_every_way_to_ask_for_taxii() {
        for field in [
            "application/taxii+json;version=2.1",
            "application/taxii+json; version=2.1",
            "application/taxii+json ; version = 2.1",
            "application/taxii+json;version=\"2.1\"",
            "Application/TAXII+json;Version=2.1",
            "application/taxii+json",
            "application/taxii+json;q=0.001",
            "application/taxii+json;version=2.1;q=0.5, text/html",
            "text/html, application/taxii+json;version=2.1",
            "application/taxii+json;version=2.0, application/taxii+json;version=2.1",
            "application/taxii+json;version=2.0,application/taxii+json",
            "application/vnd.oasis.taxii+json; version=2.0, application/taxii+json;version=2.1",
            "application/taxii+json;charset=utf-8;version=2.1",
            "application/taxii+json;x=\"a,b;c\";version=2.1",
            "*/*",
            "application/*",
            "text/html;q=0.9, */*;q=0.1",
            "garbage, application/taxii+json",
            ", application/taxii+json,",
        ] {
            assert!(ok(field), "{field}");
        }
        assert!(accepts([], Offer::Taxii));
        assert!(accepts(["text/html", "application/taxii+json"], Offer::Taxii));
        assert!(accepts(["application/stix+json;version=2.1"], Offer::TaxiiOrStix));
    }

    #[test]
    fn refuses_what_does_not_ask_for_it() {
        for field in [
            "",
            "garbage",
            "text/html",
            "application/json",
            "application/stix+json;version=2.1",
            "application/vnd.oasis.taxii+json; version=2.0",
            "application/taxii+json;version=2.0",
            "application/taxii+json;version=2.10",
            "application/taxii+json;version=3.0",
            "application/taxii+json;version=",
            "application/taxii+json;q=0",
            "application/taxii+json;q=0.000",
            "application/taxii+json;q=2",
            "application/taxii+json;q=x",
            "application/taxii+json;version=2.1;q=0, application/taxii+json",
            "application/taxii+json;q=0, */*",
            "application/taxii+jsonx",
            "xapplication/taxii+json",
            "application /taxii+json",
            "\"application/taxii+json\"",
        ] {
            assert!(!ok(field), "{field}");
        }
    }

    #[test]
    fn bodies_likewise() {
        for field in
            [MEDIA_TYPE, "application/taxii+json", "application/taxii+json; version=2.1; charset=UTF-8"]
        {
            assert!(is_taxii(field), "{field}");
        }
        for field in [
            "",
            "application/json",
            "application/stix+json;version=2.1",
            "application/taxii+json;version=2.0",
            "application/taxii+json;charset=utf-16",
            "application/*",
        ] {
            assert!(!is_taxii(field), "{field}");
        }
        assert!(speaks_taxii(["application/taxii+json;version=2.0"]) && !speaks_taxii(["*/*"]));
    }
}
