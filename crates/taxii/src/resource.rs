//! The small resources: what a server says of itself, of its collections, of a request's fate, and of an error.
//!
//! Pages of objects are not here but in [`crate::page`]: they are put together from stored bytes.
//!
//! Source: TAXII 2.1, sections 3.6, 4 and 5.

use serde::{Deserialize, Serialize};

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    /// Name of the server.
    pub title: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whom to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// The root to use unless told otherwise; one of `api_roots`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Addresses of the roots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_roots: Vec<String>,
}

/// What a server says of one API root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiRoot {
    /// Name of the root.
    pub title: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Media types with version.
    pub versions: Vec<String>,
    /// Largest body of a request, in bytes.
    pub max_content_length: u64,
}

/// One collection as its reader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Identifier.
    pub id: String,
    /// Name.
    pub title: String,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A readable name that may stand for the identifier in addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Whether objects may be read.
    pub can_read: bool,
    /// Whether objects may be added.
    pub can_write: bool,
    /// Media types of the objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media_types: Vec<String>,
}

/// The collections of a root; an empty object when there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collections {
    /// In a fixed order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<Collection>,
}

/// How one object of a request fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusDetails {
    /// Object id.
    pub id: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// What there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How a request to add objects fares. `total_count` is the sum of the other three counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Identifier.
    pub id: String,
    /// `complete` or `pending`.
    pub status: String,
    /// When the request came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_timestamp: Option<String>,
    /// Objects in the request.
    pub total_count: u64,
    /// Objects stored or known already.
    pub success_count: u64,
    /// These.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub successes: Vec<StatusDetails>,
    /// Objects refused.
    pub failure_count: u64,
    /// These.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<StatusDetails>,
    /// Objects not decided yet.
    pub pending_count: u64,
    /// These.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pendings: Vec<StatusDetails>,
}

impl Status {
    /// A status whose counts and state follow from its lists.
    #[must_use]
    pub fn of(
        id: String,
        request_timestamp: String,
        successes: Vec<StatusDetails>,
        failures: Vec<StatusDetails>,
        pendings: Vec<StatusDetails>,
    ) -> Self {
        let count = |list: &[StatusDetails]| u64::try_from(list.len()).unwrap_or(u64::MAX);
        let (good, bad, open) = (count(&successes), count(&failures), count(&pendings));
        Self {
            id,
            status: if open == 0 { "complete" } else { "pending" }.to_owned(),
            request_timestamp: Some(request_timestamp),
            total_count: good.saturating_add(bad).saturating_add(open),
            success_count: good,
            successes,
            failure_count: bad,
            failures,
            pending_count: open,
            pendings,
        }
    }
}

/// The body of an answer that is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorMessage {
    /// What is wrong, in a few words.
    pub title: String,
    /// What is wrong, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which occurrence this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_id: Option<String>,
    /// Stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The HTTP status, as a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<String>,
}

/// The resource as JSON.
#[must_use]
pub fn to_json(resource: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(resource).expect("invariant: resources hold only strings, numbers and lists")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(resource: &impl Serialize) -> String {
        String::from_utf8(to_json(resource)).unwrap()
    }

    #[test]
    fn lists_that_are_empty_are_left_out() {
        assert_eq!(text(&Collections::default()), "{}");
        let status = Status::of("i".into(), "t".into(), Vec::new(), Vec::new(), Vec::new());
        assert_eq!(
            text(&status),
            r#"{"id":"i","status":"complete","request_timestamp":"t","total_count":0,"success_count":0,"failure_count":0,"pending_count":0}"#
        );
        let discovery = Discovery { title: "t".into(), ..Discovery::default() };
        assert_eq!(text(&discovery), r#"{"title":"t"}"#);
    }

    #[test]
    fn counts_follow_from_lists() {
        let one = |id: &str| StatusDetails { id: id.into(), version: "v".into(), message: None };
        let status =
            Status::of("i".into(), "t".into(), vec![one("a"), one("b")], vec![one("c")], vec![one("d")]);
        assert_eq!(
            (status.total_count, status.success_count, status.failure_count, status.pending_count),
            (4, 2, 1, 1)
        );
        assert_eq!(status.status, "pending");
        assert_eq!(serde_json::from_slice::<Status>(&to_json(&status)).unwrap(), status);
    }

    #[test]
    fn other_servers_resources_are_read_with_what_they_add() {
        let text = r#"{"title":"T","versions":["application/taxii+json;version=2.1"],"max_content_length":1,"x_y":{}}"#;
        assert_eq!(serde_json::from_str::<ApiRoot>(text).unwrap().max_content_length, 1);
        assert!(serde_json::from_str::<ApiRoot>(r#"{"title":"T"}"#).is_err());
    }
}
