//! Courier files: what waits for a member as one sealed file, for where no network goes, and what came back of it.
//!
//! A file carries what this node has read of the other's as well, so the acknowledgement of a file is the next file the other
//! way. Whoever may write the collection for what comes in may carry.

use std::sync::Arc;

use federation::{CourierError, Received, Taken};
use handling::Principal;
use serde::Serialize;
use store::StoreError;

use super::ExchangeError;
use super::turns::{Mail, gaps, take_mail};
use crate::{Node, ReadError};

/// The setting that holds who sent the courier file taken last.
const LAST_COURIER: &str = "courier-last-from";

/// An envelope of a courier file that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CourierRefusal {
    /// `flash` or `routine`; null where it could not be opened.
    pub lane: Option<&'static str>,
    /// Its place in the lane.
    pub place: Option<u64>,
    /// The code, with handling's after a slash.
    pub rule: String,
}

/// What a courier file brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CourierReport {
    /// Who sent it, by slug where known.
    pub from: String,
    /// Envelopes in it.
    pub envelopes: usize,
    /// Those that were taken now.
    pub taken: usize,
    /// Those that had been taken before.
    pub known: usize,
    /// Those that were refused.
    pub refused: Vec<CourierRefusal>,
}

impl CourierReport {
    fn of(from: String, received: &[Received]) -> Self {
        let mut report = Self { from, envelopes: received.len(), taken: 0, known: 0, refused: Vec::new() };
        for one in received {
            match &one.taken {
                Taken::Done { .. } => report.taken += 1,
                Taken::Known => report.known += 1,
                Taken::Refused(refused) => report.refused.push(CourierRefusal {
                    lane: one
                        .at_place
                        .map(|(lane, _)| if lane == federation::Lane::Flash { "flash" } else { "routine" }),
                    place: one.at_place.map(|(_, place)| place),
                    rule: refused.to_string(),
                }),
            }
        }
        report
    }
}

impl Node {
    /// Everything that waits for a member, sealed for it; without a name for the member whose file came last: its
    /// acknowledgement.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn courier_out(&self, who: &Principal, to: Option<&str>) -> Result<Vec<u8>, ExchangeError> {
        let court = self.sitting().await?;
        self.may_carry(who).await?;
        let to = match to {
            Some(name) => self.member_called(who, name).await?,
            None => self.last_courier().await?,
        };
        let sitting = Arc::clone(&court);
        let file = store::looked(self.store(), court.member(), move |rows| {
            let file = sitting.exchange().courier_out(rows, &to);
            file.map_err(|failed| StoreError::Backend(failed.0))
        });
        file.await?.ok_or_else(|| ExchangeError::NotAPeer(self.slug_of(&to)))
    }

    /// Takes a courier file.
    ///
    /// # Errors
    /// See [`ExchangeError`]; `Courier` when it is not for this node, not whole, or a file before it is missing: then
    /// nothing was taken.
    pub async fn courier_in(&self, who: &Principal, file: Vec<u8>) -> Result<CourierReport, ExchangeError> {
        let court = self.sitting().await?;
        self.may_carry(who).await?;
        let carrier = self.carrier(&court).await?;
        let sitting = Arc::clone(&court);
        let (from, received) = self
            .step(&court, 1, move |exchange, desk| {
                let parcel = exchange.courier_in(desk.rows(), file).map_err(|error| match error {
                    CourierError::Store(failed) => failed.into(),
                    other => ExchangeError::Courier(other),
                })?;
                let (manifest, ack) = (&parcel.manifest, parcel.ack.as_ref());
                let mail = Mail { manifest, heads: &parcel.heads, ack, batch: &parcel.envelopes };
                Ok((manifest.from, take_mail(&sitting, exchange, (desk, &carrier), &mail)?.0))
            })
            .await?;
        self.0.exchange.note_gaps(from, gaps(&received));
        self.store().set_setting(LAST_COURIER, &from.to_string()).await?;
        self.tell_peers();
        Ok(CourierReport::of(self.slug_of(&from), &received))
    }

    async fn may_carry(&self, who: &Principal) -> Result<(), ExchangeError> {
        let directory = self.directory().await?;
        let inbox = directory.collection("inbox").ok_or(StoreError::NotFound { what: "collection inbox" })?;
        handling::may_write(who, inbox.no, &self.standing()).map_err(ReadError::Refused)?;
        Ok(())
    }

    async fn last_courier(&self) -> Result<base::signing::KeyId, ExchangeError> {
        let kept = self.store().setting(LAST_COURIER).await?;
        let from = kept.and_then(|text| text.parse().ok());
        from.ok_or(ExchangeError::NoCourier)
    }
}
