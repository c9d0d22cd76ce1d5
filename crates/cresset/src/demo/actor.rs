//! Somebody in the story who asks the node something, with nothing but an address and a token.

use bytes::Bytes;
use dial::{ApiClient, ApiRequest, Dialler, Login, TaxiiClient};
use serde_json::Value;
use url::Url;

use crate::exit::Failure;
use crate::reach::dial_failure;

/// A person or program with a token.
pub(crate) struct Actor {
    /// User name.
    pub(crate) name: String,
    /// Password, for signing in to the pages.
    pub(crate) password: String,
    /// Token, for programs.
    pub(crate) token: String,
    api: ApiClient,
    taxii: TaxiiClient,
}

impl Actor {
    /// Somebody who reaches the node at `url`.
    pub(crate) fn new(dialler: &Dialler, url: &Url, name: &str, (password, token): (String, String)) -> Self {
        let login = || Login::Bearer(base::Redacted::new(token.clone()));
        Self {
            api: ApiClient::new(dialler.clone(), url.clone(), login()),
            taxii: TaxiiClient::new(dialler.clone(), login()),
            name: name.to_owned(),
            password,
            token,
        }
    }

    /// This person's TAXII client.
    pub(crate) const fn taxii(&self) -> &TaxiiClient {
        &self.taxii
    }

    /// Asks, and reads the answer whatever its status.
    pub(crate) async fn ask_any(&self, request: ApiRequest) -> Result<(u16, Value), Failure> {
        let answer = self.api.ask(&request).await.map_err(|error| dial_failure(&error))?;
        let read =
            if answer.body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&answer.body) };
        Ok((answer.status, read.map_err(Failure::unreachable)?))
    }

    /// Asks for what must succeed.
    pub(crate) async fn ask(&self, request: ApiRequest) -> Result<Value, Failure> {
        let (status, answer) = self.ask_any(request).await?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        Err(Failure::no(format_args!("{} was answered {status}: {}", self.name, answer["detail"])))
    }

    /// Brings a file in.
    pub(crate) async fn import(&self, collection: &str, file: Bytes) -> Result<Value, Failure> {
        let path = ["collections", collection, "import"];
        self.ask(crate::reach::question::post_bytes(path, file, "application/octet-stream")).await
    }

    /// Looks values up, sightings counted.
    pub(crate) async fn look_up(&self, values: &[&str]) -> Result<Vec<Value>, Failure> {
        let body = serde_json::json!({"values": values, "sightings": true});
        let answer = self.ask(crate::reach::question::send(dial::Verb::Post, ["lookup"], &body)).await?;
        Ok(answer["answers"].as_array().cloned().unwrap_or_default())
    }

    /// Searches.
    pub(crate) async fn search(&self, text: &str) -> Result<Vec<Value>, Failure> {
        let mut request = crate::reach::question::get(["search"]);
        request.query.push(("q", text.to_owned()));
        let answer = self.ask(request).await?;
        Ok(answer["items"].as_array().cloned().unwrap_or_default())
    }
}
