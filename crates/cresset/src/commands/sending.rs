//! Objects on their way to a TAXII server: the envelope that it takes, and the one object because of which it takes none.
//!
//! A server may refuse an envelope as a whole for what one object in it is. Such an envelope is halved until the object stands alone, and the
//! others go. Whether it was the object's fault is known only when the server takes something else: until it has, a refusal may be meant for
//! everything, and objects that stand alone wait for a verdict.

use std::time::{Duration, Instant};

use bytes::Bytes;
use dial::{Posted, TaxiiClient, TaxiiError};
use serde::Deserialize;
use url::Url;

/// How long between the first two questions about objects that a server has not decided on; then twice as long each time.
const STATUS_PAUSE_FIRST: Duration = Duration::from_millis(100);
/// How long at most.
const STATUS_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Objects that are tried alone, one after the other, with a server that has taken nothing yet.
const SUSPECTS_MAX: usize = 50;

/// What became of some of what was sent.
pub(crate) enum Verdict {
    /// What the server says of an envelope of so many objects.
    Told(Posted, u64),
    /// The server takes no envelope with this object.
    Refused {
        /// Its id, as far as it has one.
        id: String,
        /// What the server answers.
        reason: String,
    },
}

/// The way to one collection of a server.
pub(crate) struct Sending {
    client: TaxiiClient,
    target: Url,
    patience: Duration,
    /// Whether the server has taken an envelope yet.
    takes: bool,
}

impl Sending {
    /// `patience` is how long a decision is waited for.
    pub(crate) const fn new(client: TaxiiClient, target: Url, patience: Duration) -> Self {
        Self { client, target, patience, takes: false }
    }

    /// Sends objects, each part in one envelope or in as many as the server wants, and waits a while for what becomes of them.
    ///
    /// # Errors
    /// The server does not answer, refuses for another reason than what is sent, or has taken nothing at all: then it is not known whether
    /// anything is the matter with an object.
    pub(crate) async fn send(&mut self, parts: &[Vec<Bytes>]) -> Result<Vec<Verdict>, TaxiiError> {
        let (mut verdicts, mut suspects) = (Vec::new(), Vec::new());
        let mut waiting: Vec<&[Bytes]> = parts.iter().rev().map(Vec::as_slice).collect();
        while let Some(part) = waiting.pop() {
            match self.envelope(part).await {
                Ok(posted) => {
                    self.takes = true;
                    verdicts.push(Verdict::Told(posted, u64::try_from(part.len()).unwrap_or(u64::MAX)));
                }
                Err(error) if error.may_be_about_an_object() && part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    waiting.extend([second, first]);
                }
                Err(error)
                    if error.may_be_about_an_object() && (self.takes || suspects.len() < SUSPECTS_MAX) =>
                {
                    suspects.push((id_of(part), error));
                    // Objects of one kind often come in a row: the next one tried is of the largest part that is left.
                    let turn = usize::from(!self.takes && !waiting.is_empty());
                    waiting.rotate_left(turn);
                }
                Err(error) => return Err(error),
            }
        }
        if !self.takes
            && let Some((_, error)) = suspects.pop()
        {
            return Err(error);
        }
        verdicts.extend(
            suspects.into_iter().map(|(id, error)| Verdict::Refused { id, reason: error.to_string() }),
        );
        Ok(verdicts)
    }

    /// What became of objects that the server had not decided on, after waiting a while for it.
    ///
    /// # Errors
    /// As [`TaxiiClient::status`].
    pub(crate) async fn fate(&self, status: &Url, objects: u64) -> Result<Posted, TaxiiError> {
        let posted = self.client.status(status, objects).await?;
        self.decided(posted, objects).await
    }

    async fn envelope(&self, objects: &[Bytes]) -> Result<Posted, TaxiiError> {
        let posted = self.client.post(&self.target, objects).await?;
        self.decided(posted, u64::try_from(objects.len()).unwrap_or(u64::MAX)).await
    }

    async fn decided(&self, mut posted: Posted, objects: u64) -> Result<Posted, TaxiiError> {
        let (until, mut pause) = (Instant::now() + self.patience, STATUS_PAUSE_FIRST);
        while let Some(status) = &posted.status_url
            && Instant::now() < until
        {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(STATUS_PAUSE_MAX);
            posted = self.client.status(status, objects).await?;
        }
        Ok(posted)
    }
}

/// The id of the one object of an envelope.
fn id_of(objects: &[Bytes]) -> String {
    #[derive(Deserialize)]
    struct Head {
        id: Option<String>,
    }
    let head = objects.first().and_then(|object| serde_json::from_slice::<Head>(object).ok());
    head.and_then(|head| head.id).unwrap_or_else(|| "an object without id".to_owned())
}
