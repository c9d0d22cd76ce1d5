//! Objects on their way to a TAXII server: the envelope that it takes, and the one object because of which it takes none.
//!
//! A server may refuse an envelope as a whole for what one object in it is. Such an envelope is halved until the object stands alone, and the
//! others go. But a server that is not well refuses everything, for a moment or for long. So an object is held to be refused only when the
//! server takes one after it that it took before, and refuses this one once more.

use std::time::{Duration, Instant};

use bytes::Bytes;
use dial::{Posted, TaxiiClient, TaxiiError};
use serde::Deserialize;
use url::Url;

/// How long between the first two questions about objects that a server has not decided on; then twice as long each time.
const STATUS_PAUSE_FIRST: Duration = Duration::from_millis(100);
/// How long at most.
const STATUS_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Objects that are tried alone, one after the other, before the server has to show that it takes anything.
const SUSPECTS_MAX: usize = 50;

/// What became of some of what was sent.
pub(crate) enum Verdict {
    /// What the server says of an envelope of so many objects, and why it does not say what became of those that are pending, where it
    /// should.
    Told(Posted, u64, Option<TaxiiError>),
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
    /// An object that the server has taken.
    taken: Option<Bytes>,
}

impl Sending {
    /// `patience` is how long a decision is waited for.
    pub(crate) const fn new(client: TaxiiClient, target: Url, patience: Duration) -> Self {
        Self { client, target, patience, taken: None }
    }

    /// Sends objects, each part in one envelope or in as many as the server wants, and waits a while for what becomes of them.
    ///
    /// # Errors
    /// The server does not answer, refuses for another reason than what is sent, or takes nothing, be it of what it took before: then it is
    /// not known whether anything is the matter with an object.
    pub(crate) async fn send(&mut self, parts: &[Vec<Bytes>]) -> Result<Vec<Verdict>, TaxiiError> {
        let (mut verdicts, mut suspects, mut doubted) = (Vec::new(), Vec::new(), 0);
        let mut waiting: Vec<&[Bytes]> = parts.iter().rev().map(Vec::as_slice).collect();
        while let Some(part) = waiting.pop() {
            match self.envelope(part).await {
                Ok((posted, silent)) => {
                    (self.taken, doubted) = (part.last().cloned(), 0);
                    let objects = u64::try_from(part.len()).unwrap_or(u64::MAX);
                    verdicts.push(Verdict::Told(posted, objects, silent));
                }
                Err(error) if error.may_be_about_an_object() && part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    waiting.extend([second, first]);
                }
                Err(error) if error.may_be_about_an_object() => {
                    suspects.push(part);
                    doubted += 1;
                    if doubted >= SUSPECTS_MAX {
                        self.takes_something(error).await?;
                        doubted = 0;
                    } else if self.taken.is_none() {
                        // Objects of one kind often come in a row: the next one tried is of the largest part that is left.
                        let turn = usize::from(!waiting.is_empty());
                        waiting.rotate_left(turn);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        for suspect in suspects {
            verdicts.push(self.once_more(suspect).await?);
        }
        Ok(verdicts)
    }

    /// Tries an object again that was refused, after one that was taken before.
    async fn once_more(&self, object: &[Bytes]) -> Result<Verdict, TaxiiError> {
        match self.envelope(object).await {
            Ok((posted, silent)) => Ok(Verdict::Told(posted, 1, silent)),
            Err(error) if error.may_be_about_an_object() => {
                let reason = error.to_string();
                self.takes_something(error).await?;
                Ok(Verdict::Refused { id: id_of(object), reason })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the server takes what it took before; else what it refused with.
    async fn takes_something(&self, refused: TaxiiError) -> Result<(), TaxiiError> {
        let Some(taken) = &self.taken else { return Err(refused) };
        self.envelope(std::slice::from_ref(taken)).await.map(drop)
    }

    /// What became of objects that the server had not decided on, after waiting a while for it.
    ///
    /// # Errors
    /// As [`TaxiiClient::status`].
    pub(crate) async fn fate(&self, status: &Url, objects: u64) -> Result<Posted, TaxiiError> {
        let posted = self.client.status(status, objects).await?;
        Ok(self.decided(posted, objects).await.0)
    }

    async fn envelope(&self, objects: &[Bytes]) -> Result<(Posted, Option<TaxiiError>), TaxiiError> {
        let posted = self.client.post(&self.target, objects).await?;
        Ok(self.decided(posted, u64::try_from(objects.len()).unwrap_or(u64::MAX)).await)
    }

    /// Waits for a decision. What the server answers instead is no word about what it was sent, which it has: that stays undecided.
    async fn decided(&self, mut posted: Posted, objects: u64) -> (Posted, Option<TaxiiError>) {
        let (until, mut pause) = (Instant::now() + self.patience, STATUS_PAUSE_FIRST);
        while let Some(status) = &posted.status_url
            && Instant::now() < until
        {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(STATUS_PAUSE_MAX);
            posted = match self.client.status(status, objects).await {
                Ok(posted) => posted,
                Err(error) => return (posted, Some(error)),
            };
        }
        (posted, None)
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
