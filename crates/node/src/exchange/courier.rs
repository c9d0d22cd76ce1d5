//! Courier files: what waits for a member as one sealed file, for where no network goes, and what came back of it.
//!
//! A file carries what this node has read of the other's as well, so the acknowledgement of a file is the next file the other
//! way; and what the other may lack of the registry and of circles, which is judged by itself before the rest. Whoever may write
//! the collection for what comes in may carry.

use std::sync::Arc;

use base::signing::KeyId;
use community::MemberId;
use federation::{
    Beside, CourierError, Effect, Manifest, Parcel, Sealed, Taken, TellsRefusals, courier_file,
};
use handling::Principal;
use serde::Serialize;
use store::StoreError;

use super::turns::{Awaits, Mail, TakenMail, gaps, take_mail};
use super::views::failed;
use super::{Court, ExchangeError};
use crate::{CommunityError, Node, ReadError};

/// The setting that holds who sent the courier file taken last.
const LAST_COURIER: &str = "courier-last-from";

/// The setting that holds, for each member, when the file of it that was taken last was made, by its clock.
const HEARD: &str = "courier-heard";
/// The setting that holds, for each member, when the oldest file was made for it that tells of refusals and is not known to have been
/// taken, and the number of the last; empty where there is none.
const TOLD: &str = "courier-told";

fn setting(name: &str, member: &KeyId) -> String {
    format!("{name}-{member}")
}

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
    /// What came of the registry and of circles with it: `none`, `known`, `taken`, or the code of why it was refused.
    pub papers: &'static str,
    /// Envelopes in it.
    pub envelopes: usize,
    /// Those that were taken now.
    pub taken: usize,
    /// Those that had been taken before.
    pub known: usize,
    /// Those that were refused.
    pub refused: Vec<CourierRefusal>,
    /// Those that wait, and for what; they come again with the next file.
    pub waits: Option<CourierWait>,
}

/// Why some of a courier file is not taken yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CourierWait {
    /// Envelopes of it that wait.
    pub envelopes: usize,
    /// What for: `circle-awaited` or `ledger-goes-on`.
    pub rule: &'static str,
}

/// Why a file is not taken; what the store failed at is no fault of the file's.
fn unfit(error: CourierError) -> ExchangeError {
    match error {
        CourierError::Store(failed) => failed.into(),
        error => ExchangeError::Courier(error),
    }
}

impl CourierReport {
    fn of(from: String, papers: &'static str, (envelopes, mail): (usize, &TakenMail)) -> Self {
        let waits = mail.awaits.map(|awaits| CourierWait {
            envelopes: envelopes.saturating_sub(mail.received.len()),
            rule: match awaits {
                Awaits::Circle => "circle-awaited",
                Awaits::Ledger => "ledger-goes-on",
            },
        });
        let mut report = Self { from, papers, envelopes, taken: 0, known: 0, refused: Vec::new(), waits };
        for one in &mail.received {
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
        if to == court.member() {
            return Err(ExchangeError::NotAPeer(self.slug_of(&to)));
        }
        let untold = self.untold(&court, to, 0).await?;
        let upto = untold.last();
        let heard = self.store().setting(&setting(HEARD, &to)).await?;
        let beside = Beside {
            refused: untold.refusals(),
            heard_us: heard.and_then(|text| text.parse().ok()),
            papers: Some(self.papers_by_hand(MemberId(to)).await.map_err(ExchangeError::Papers)?),
        };
        let sitting = Arc::clone(&court);
        let file = store::looked(self.store(), court.member(), move |rows| {
            sitting.exchange().courier_out(rows, &to, &beside).map_err(failed)
        });
        let file = file.await?.ok_or_else(|| ExchangeError::NotAPeer(self.slug_of(&to)))?;
        let before = self.told_by_file(&to).await?;
        let told = TellsRefusals::after(before, court.now.0, upto);
        if told != before {
            self.note_told_by_file(&to, told).await?;
        }
        Ok(file)
    }

    async fn note_told_by_file(&self, to: &KeyId, told: Option<TellsRefusals>) -> Result<(), StoreError> {
        let told = told.map(|told| format!("{} {}", told.at_us, told.upto));
        self.store().set_setting(&setting(TOLD, to), &told.unwrap_or_default()).await
    }

    /// What the files for a member tell of refusals.
    async fn told_by_file(&self, to: &KeyId) -> Result<Option<TellsRefusals>, StoreError> {
        let told = self.store().setting(&setting(TOLD, to)).await?;
        let told = told.as_deref().and_then(|text| text.split_once(' '));
        Ok(told.and_then(|(at_us, upto)| {
            Some(TellsRefusals { at_us: at_us.parse().ok()?, upto: upto.parse().ok()? })
        }))
    }

    /// Takes note of what a file says that its sender has taken. The refusals that it has heard of need not be told again.
    async fn file_heard(&self, court: &Arc<Court>, manifest: &Manifest) -> Result<(), ExchangeError> {
        let from = manifest.from;
        self.store().set_setting(&setting(HEARD, &from), &manifest.at_us.to_string()).await?;
        let told = self.told_by_file(&from).await?;
        if let Some(TellsRefusals { upto, .. }) = told.filter(|told| told.is_heard(manifest, court.now)) {
            self.step(court, 1, move |_, desk| Ok(desk.apply(vec![Effect::Paid { peer: from, upto }])?))
                .await?;
            self.note_told_by_file(&from, None).await?;
        }
        Ok(())
    }

    /// Takes a courier file.
    ///
    /// # Errors
    /// See [`ExchangeError`]; `Courier` when it is not for this node, not whole, or a file before it is missing: then
    /// nothing was taken but, where its sender's key was not known before, its papers, which stand by themselves.
    pub async fn courier_in(&self, who: &Principal, file: Vec<u8>) -> Result<CourierReport, ExchangeError> {
        self.may_carry(who).await?;
        let file = Arc::new(courier_file(file).map_err(ExchangeError::Courier)?);
        let (parcel, papers) = self.open_file(&file).await?;
        // With the papers that came along: they may name who is in a circle.
        let court = self.sitting().await?;
        let carrier = self.carrier(&court).await?;
        let (sitting, came) = (Arc::clone(&court), parcel.envelopes.len());
        let mail = self
            .step(&court, came.max(1), move |exchange, desk| {
                // Judged anew in the step that takes it: something may have come meanwhile that it does not go on from.
                let parcel = exchange.file_in(desk.rows(), &file).map_err(unfit)?;
                let Parcel { manifest, heads, envelopes, ack, .. } = &parcel;
                let mail = Mail { manifest, heads, ack: ack.as_ref(), batch: envelopes };
                take_mail(&sitting, exchange, (desk, &carrier), &mail)
            })
            .await?;
        let (from, manifest) = (parcel.manifest.from, &parcel.manifest);
        self.file_heard(&court, manifest).await?;
        self.0.exchange.note_gaps(from, gaps(&mail.received));
        self.store().set_setting(LAST_COURIER, &from.to_string()).await?;
        self.tell_registry().await?;
        self.tell_peers();
        Ok(CourierReport::of(self.slug_of(&from), papers, (came, &mail)))
    }

    /// Opens a courier file, and takes the papers in it; what came of them. Papers that are taken may be what says whose key it is
    /// signed with.
    async fn open_file(&self, file: &Arc<Sealed>) -> Result<(Parcel, &'static str), ExchangeError> {
        match self.look_into(file).await? {
            Ok(parcel) => {
                let from = parcel.manifest.from;
                let papers = self.papers_of_file(from, parcel.papers.as_deref()).await?;
                Ok((parcel, papers))
            }
            Err(CourierError::UnknownKey { from, papers }) => {
                let papers = self.papers_of_file(from, papers.as_deref()).await?;
                let parcel = self.look_into(file).await?.map_err(unfit)?;
                Ok((parcel, papers))
            }
            Err(error) => Err(unfit(error)),
        }
    }

    async fn look_into(&self, file: &Arc<Sealed>) -> Result<Result<Parcel, CourierError>, ExchangeError> {
        let (court, file) = (self.sitting().await?, Arc::clone(file));
        let sitting = Arc::clone(&court);
        let opened = store::looked(self.store(), court.member(), move |rows| {
            Ok(sitting.exchange().file_in(rows, &file))
        });
        Ok(opened.await?)
    }

    /// Takes the papers of a courier file, and says what came of them; an error where the store failed.
    async fn papers_of_file(
        &self,
        from: KeyId,
        papers: Option<&[u8]>,
    ) -> Result<&'static str, ExchangeError> {
        let Some(papers) = papers else { return Ok("none") };
        let taken = self.take_papers_by_hand(MemberId(from), papers).await;
        if taken.is_ok() {
            self.0.exchange.awaited_circles.came_by_file(from, self.now());
        }
        match taken {
            Ok(true) => Ok("taken"),
            Ok(false) => Ok("known"),
            Err(CommunityError::Store(failed)) => Err(failed.into()),
            Err(error) => {
                tracing::info!(code = error.code(), %error, member = %from, "papers that came by file are not taken");
                Ok(error.code())
            }
        }
    }

    async fn may_carry(&self, who: &Principal) -> Result<(), ExchangeError> {
        let directory = self.directory().await?;
        let inbox = directory.collection("inbox").ok_or(StoreError::NotFound { what: "collection inbox" })?;
        handling::may_write(who, inbox.no, &self.standing()).map_err(ReadError::Refused)?;
        Ok(())
    }

    async fn last_courier(&self) -> Result<KeyId, ExchangeError> {
        let kept = self.store().setting(LAST_COURIER).await?;
        let from = kept.and_then(|text| text.parse().ok());
        from.ok_or(ExchangeError::NoCourier)
    }
}
