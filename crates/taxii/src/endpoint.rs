//! Addresses: which endpoint a path names, and what may be done there.
//!
//! Paths are taken with and without the slash at the end: the standard makes clients send it (section 3.1), and some do not.
//!
//! Source: TAXII 2.1, sections 3.1, 4 and 5.

use std::borrow::Cow;

use crate::percent::{Plus, decode};

/// An endpoint with the names in its path, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// `/taxii2/`
    Discovery,
    /// `/{api-root}/`
    ApiRoot,
    /// `/{api-root}/status/{status-id}/`
    Status(Cow<'a, str>),
    /// `/{api-root}/collections/`
    Collections,
    /// `/{api-root}/collections/{id}/`
    Collection(Cow<'a, str>),
    /// `/{api-root}/collections/{id}/manifest/`
    Manifest(Cow<'a, str>),
    /// `/{api-root}/collections/{id}/objects/`
    Objects(Cow<'a, str>),
    /// `/{api-root}/collections/{id}/objects/{object-id}/`
    Object(Cow<'a, str>, Cow<'a, str>),
    /// `/{api-root}/collections/{id}/objects/{object-id}/versions/`
    Versions(Cow<'a, str>, Cow<'a, str>),
    /// Under the paths of TAXII, but none of its endpoints.
    Unknown,
}

/// What may be done at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Add.
    Post,
    /// Remove.
    Delete,
}

impl<'a> Endpoint<'a> {
    /// The endpoint that `path` names on a server whose one API root is called `api_root`; `None` when the path is not
    /// TAXII's at all.
    #[must_use]
    pub fn parse(path: &'a str, api_root: &str) -> Option<Self> {
        let rest = path.strip_prefix('/')?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (first, rest) = match rest.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (rest, None),
        };
        if first == "taxii2" {
            return Some(if rest.is_none() { Self::Discovery } else { Self::Unknown });
        }
        if first != api_root {
            return None;
        }
        Some(rest.map_or(Self::ApiRoot, |rest| Self::below_root(rest).unwrap_or(Self::Unknown)))
    }

    fn below_root(rest: &'a str) -> Option<Self> {
        let mut segments = rest.split('/');
        let kind = segments.next()?;
        let names = [segments.next(), segments.next(), segments.next(), segments.next()];
        if segments.next().is_some() {
            return None;
        }
        match (kind, names) {
            ("status", [Some(id), None, None, None]) => Some(Self::Status(name(id)?)),
            ("collections", [None, None, None, None]) => Some(Self::Collections),
            ("collections", [Some(id), None, None, None]) => Some(Self::Collection(name(id)?)),
            ("collections", [Some(id), Some("manifest"), None, None]) => Some(Self::Manifest(name(id)?)),
            ("collections", [Some(id), Some("objects"), None, None]) => Some(Self::Objects(name(id)?)),
            ("collections", [Some(id), Some("objects"), Some(object), None]) => {
                Some(Self::Object(name(id)?, name(object)?))
            }
            ("collections", [Some(id), Some("objects"), Some(object), Some("versions")]) => {
                Some(Self::Versions(name(id)?, name(object)?))
            }
            _ => None,
        }
    }

    /// The path with names for its parts: what logs and metrics may show.
    #[must_use]
    pub const fn template(&self) -> &'static str {
        match self {
            Self::Discovery => "/taxii2/",
            Self::ApiRoot => "/{api-root}/",
            Self::Status(_) => "/{api-root}/status/{status-id}/",
            Self::Collections => "/{api-root}/collections/",
            Self::Collection(_) => "/{api-root}/collections/{id}/",
            Self::Manifest(_) => "/{api-root}/collections/{id}/manifest/",
            Self::Objects(_) => "/{api-root}/collections/{id}/objects/",
            Self::Object(..) => "/{api-root}/collections/{id}/objects/{object-id}/",
            Self::Versions(..) => "/{api-root}/collections/{id}/objects/{object-id}/versions/",
            Self::Unknown => "/{api-root}/?",
        }
    }

    /// What may be done here.
    #[must_use]
    pub const fn methods(&self) -> &'static [Method] {
        match self {
            Self::Objects(_) => &[Method::Get, Method::Post],
            Self::Object(..) => &[Method::Get, Method::Delete],
            Self::Unknown => &[],
            _ => &[Method::Get],
        }
    }

    /// The value of an `Allow` field.
    #[must_use]
    pub const fn allow(&self) -> &'static str {
        match self {
            Self::Objects(_) => "GET, HEAD, OPTIONS, POST",
            Self::Object(..) => "DELETE, GET, HEAD, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }
}

/// A name in a path: not empty, and decodable.
fn name(segment: &str) -> Option<Cow<'_, str>> {
    if segment.is_empty() { None } else { decode(segment, Plus::Plus) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Option<Endpoint<'_>> {
        Endpoint::parse(path, "api1")
    }

    #[test]
    fn every_endpoint_with_and_without_the_slash() {
        let cases: [(&str, Endpoint<'_>); 9] = [
            ("/taxii2", Endpoint::Discovery),
            ("/api1", Endpoint::ApiRoot),
            ("/api1/status/s", Endpoint::Status("s".into())),
            ("/api1/collections", Endpoint::Collections),
            ("/api1/collections/c%2Dd", Endpoint::Collection("c-d".into())),
            ("/api1/collections/c/manifest", Endpoint::Manifest("c".into())),
            ("/api1/collections/c/objects", Endpoint::Objects("c".into())),
            ("/api1/collections/c/objects/o", Endpoint::Object("c".into(), "o".into())),
            ("/api1/collections/c/objects/o/versions", Endpoint::Versions("c".into(), "o".into())),
        ];
        for (path, endpoint) in cases {
            assert_eq!(at(path).as_ref(), Some(&endpoint), "{path}");
            assert_eq!(at(&format!("{path}/")).as_ref(), Some(&endpoint), "{path}/");
        }
    }

    #[test]
    fn the_rest_is_unknown_or_not_ours() {
        for path in [
            "/taxii2/x/",
            "/taxii2//",
            "/api1/x/",
            "/api1//",
            "/api1/status/",
            "/api1/status/a/b/",
            "/api1/collections//",
            "/api1/collections//objects/",
            "/api1/collections/%ff/",
            "/api1/collections/c/object/o/",
            "/api1/collections/c/objects/o/versions/x/",
            "/api1/collections/c/objects/o/x/",
            "/api1/collections/c/manifest/x/",
        ] {
            assert_eq!(at(path), Some(Endpoint::Unknown), "{path}");
        }
        for path in ["", "/", "/api2/", "/taxii/", "/taxii2x/", "/API1/", "api1/"] {
            assert_eq!(at(path), None, "{path}");
        }
    }

    #[test]
    fn methods_and_allow_agree() {
        let object = Endpoint::Object("c".into(), "o".into());
        assert_eq!(
            (object.methods(), object.allow()),
            (&[Method::Get, Method::Delete][..], "DELETE, GET, HEAD, OPTIONS")
        );
        assert_eq!(Endpoint::Collections.methods(), [Method::Get]);
    }
}
