//! What came in a turn or a file before anything of it is taken: read and opened without a transaction, judged one by one in one.

use std::collections::HashMap;

use base::signing::KeyId;
use bytes::Bytes;
use federation::{Ack, Entry, Exchange, OpenedBatch, Received, Refused, Rows, Sealed, Turn};

use super::carry::object_of;
use super::{Court, ExchangeError};
use crate::derive::{Bar, Derived, derive};

/// Largest object that is examined before the transaction, in bytes: of a batch they are held together.
const EXAMINED_BYTES_MAX: usize = 16 * 1024;

/// A turn as it was said, its batch opened: what can be done before a transaction is.
pub(super) struct Said {
    pub(super) turn: Turn,
    together: Option<Result<OpenedBatch, Refused>>,
}

impl Said {
    /// Whether it tells of refusals, by what stands in its acknowledgement; who said that is asked elsewhere.
    pub(super) fn tells_refusals(&self) -> bool {
        let ack = self.turn.ack.as_ref().map(|ack| serde_json::from_slice::<Ack>(ack.unverified_payload()));
        ack.is_some_and(|ack| ack.is_ok_and(|ack| !ack.refused.is_empty()))
    }

    /// Reads and opens what `expected`, or any other member, says.
    pub(super) fn read(court: &Court, bytes: &[u8], expected: Option<KeyId>) -> Result<Self, ExchangeError> {
        let turn = Turn::from_bytes(bytes).map_err(|error| ExchangeError::Message(error.to_string()))?;
        let exchange = court.exchange();
        // Before anything is opened or the writer asked for anything: who is no member keeps nobody waiting.
        let hello =
            exchange.greeting(&turn.hello).map_err(|error| ExchangeError::Message(error.to_string()))?;
        if expected.is_some_and(|expected| expected != hello.from) {
            return Err(ExchangeError::Message("another member answers than was asked".to_owned()));
        }
        let open = |sealed| exchange.open_batch(sealed).and_then(|batch| batch.said_by(&hello.from));
        let together = turn.together.as_ref().map(open);
        Ok(Self { turn, together })
    }

    pub(super) fn letters(&self) -> Letters<'_> {
        Letters { batch: &self.turn.batch, together: self.together.as_ref() }
    }
}

/// Envelopes as they came: each for itself, then those of a batch that was sealed as one.
pub(super) struct Letters<'a> {
    pub(super) batch: &'a [Sealed],
    pub(super) together: Option<&'a Result<OpenedBatch, Refused>>,
}

impl Letters<'_> {
    pub(super) fn count(&self) -> usize {
        let together = match self.together {
            Some(Ok(batch)) => batch.entries.len(),
            Some(Err(_)) => 1,
            None => 0,
        };
        self.batch.len().saturating_add(together)
    }

    /// Judges the envelope at a place; `None` where there is none.
    pub(super) fn receive(
        &self,
        exchange: &Exchange<'_>,
        rows: &dyn Rows,
        at: usize,
    ) -> Result<Option<Received>, federation::StoreFailed> {
        if let Some(sealed) = self.batch.get(at) {
            return exchange.receive(rows, sealed).map(Some);
        }
        match self.together {
            Some(Ok(batch)) => {
                let entry = self.entry(at);
                entry.map(|entry| exchange.receive_entry(rows, &batch.head, entry)).transpose()
            }
            Some(Err(refused)) => Ok(Some(exchange.turned_away(refused.clone()))),
            None => Ok(None),
        }
    }

    /// The objects of a batch that was sealed as one, examined, by their bytes: what can be done outside of the transaction is not
    /// done in it. Large ones are left for it, so that no more than a batch's bytes are held examined.
    pub(super) fn examined(&self) -> HashMap<Bytes, Derived> {
        let Some(Ok(batch)) = self.together else { return HashMap::new() };
        let payloads =
            batch.entries.iter().filter_map(|entry| entry.envelope.as_ref().ok()?.payload.as_ref());
        let objects = payloads.filter_map(|(_, bytes)| object_of(bytes));
        let small = objects.filter(|object| object.len() <= EXAMINED_BYTES_MAX);
        small.filter_map(|object| Some((object.clone(), derive(&object, Bar::Store).ok()?))).collect()
    }

    fn entry(&self, at: usize) -> Option<&Entry> {
        let Some(Ok(batch)) = self.together else { return None };
        batch.entries.get(at.checked_sub(self.batch.len())?)
    }

    /// The payload in the envelope at a place.
    pub(super) fn payload(&self, exchange: &Exchange<'_>, at: usize) -> Option<Vec<u8>> {
        match self.batch.get(at) {
            Some(sealed) => exchange.payload_in(sealed),
            None => self.entry(at)?.payload().map(<[u8]>::to_vec),
        }
    }
}
