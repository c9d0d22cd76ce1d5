//! The JSON API of a running node, seen from outside: what `--url` uses.
//!
//! Knows addresses and credentials; the meaning of what is asked and answered belongs to the caller.

use bytes::Bytes;
use url::Url;

use crate::dialler::{Answer, DialError, Dialler, Question, Repeat, Verb};
use crate::egress::Login;

/// One question to the JSON API.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// What is done.
    pub verb: Verb,
    /// Path segments below `/api/v1`, unescaped.
    pub path: Vec<String>,
    /// Query, unescaped.
    pub query: Vec<(&'static str, String)>,
    /// Body and its media type.
    pub body: Option<(Bytes, &'static str)>,
}

impl ApiRequest {
    /// The path and query below a base address, escaped.
    #[must_use]
    pub fn address(&self, base: &Url) -> Url {
        let mut url = base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(&self.path);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }
}

/// A running node's JSON API.
#[derive(Clone)]
pub struct ApiClient {
    dialler: Dialler,
    base: Url,
    login: Login,
}

impl ApiClient {
    /// The API at `base` (scheme, host, port, and the path the node stands under if it stands under one).
    #[must_use]
    pub const fn new(dialler: Dialler, base: Url, login: Login) -> Self {
        Self { dialler, base, login }
    }

    /// Puts one question. Reading is repeated when it fails in a way that may pass; deeds are not.
    ///
    /// # Errors
    /// As [`Dialler::ask`]. An answer of any status is no error.
    pub async fn ask(&self, request: &ApiRequest) -> Result<Answer, DialError> {
        self.dialler.ask(&self.question(request)).await
    }

    /// Puts one question whose answer may be longer than memory.
    ///
    /// # Errors
    /// As [`Dialler::pour`].
    pub async fn pour(
        &self,
        request: &ApiRequest,
        sink: &mut (dyn FnMut(&[u8]) -> bool + Send),
    ) -> Result<Answer, DialError> {
        self.dialler.pour(&self.question(request), sink).await
    }

    fn question(&self, request: &ApiRequest) -> Question {
        let repeat = if request.verb == Verb::Get { Repeat::WheneverItMayPass } else { Repeat::Never };
        Question {
            verb: request.verb,
            url: request.address(&self.base),
            login: self.login.clone(),
            accept: "application/json".to_owned(),
            body: request.body.as_ref().map(|(bytes, media)| (bytes.clone(), (*media).to_owned())),
            repeat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_escaped() {
        let request = ApiRequest {
            verb: Verb::Get,
            path: vec!["users".into(), "a/b ?".into()],
            query: vec![("q", "a&b=c".into())],
            body: None,
        };
        let url = request.address(&Url::parse("http://127.0.0.1:1/under/").unwrap());
        assert_eq!(url.as_str(), "http://127.0.0.1:1/under/api/v1/users/a%2Fb%20%3F?q=a%26b%3Dc");
    }
}
