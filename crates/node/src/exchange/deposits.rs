//! What this node has put at relays: kept durably before a relay is offered it, and dropped there as soon as it is over.
//!
//! When it is over is `federation`'s to say. A relay that cannot be reached is asked again until the parcel's time there is over anyway.
//!
//! Invariant: no parcel is offered that is not kept as a deposit.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Micros;
use base::limit::RELAY_ROUTES_MAX;
use community::{MemberId, Road};
use federation::{Deposit, DepositMark, DepositState, RelayErrand, RelayOffer, Seen};
use store::StoreError;

use super::ExchangeError;
use super::views::failed;
use crate::{Node, Peer};

/// What a relay is to drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayWithdrawal {
    /// The relay.
    pub relay: Peer,
    /// Parcels by route and digest, one behind the other, as it takes them.
    pub marks: Vec<u8>,
    parcels: Vec<DepositMark>,
}

impl Node {
    /// A relay is about to be offered a parcel: from now on it may keep it.
    ///
    /// # Errors
    /// The store failed, and it must not be offered.
    pub async fn relay_offers(
        &self,
        to: MemberId,
        errand: &RelayErrand,
        relay: MemberId,
    ) -> Result<(), StoreError> {
        let relays = &self.0.exchange.relays;
        let kept = self.store().deposit(relays.book(|book| book.offers(to.0, errand, relay.0))).await;
        if kept.is_err() {
            relays.book(|book| book.offered(to.0, errand, (relay.0, RelayOffer::Refused), &[]));
        }
        kept
    }

    /// What came of the offer.
    ///
    /// # Errors
    /// The store failed.
    pub async fn relay_offered(
        &self,
        to: MemberId,
        errand: &RelayErrand,
        (relay, offer): (MemberId, RelayOffer),
    ) -> Result<(), StoreError> {
        let deposits = self.store().deposits().await;
        let settled = self.0.exchange.relays.book(|book| {
            book.offered(to.0, errand, (relay.0, offer), deposits.as_deref().unwrap_or_default())
        });
        // What came of the offer itself hangs on no other deposit: it is kept also where those could not be read.
        if !settled.is_empty() {
            self.store().deposits_settle(settled).await?;
        }
        deposits.map(drop)
    }

    /// What relays are to drop now.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn relay_withdrawals(&self) -> Result<Vec<RelayWithdrawal>, ExchangeError> {
        let deposits = self.store().deposits().await?;
        let deposits = self.0.exchange.relays.book(|book| book.settled_offers(deposits));
        if deposits.is_empty() {
            return Ok(Vec::new());
        }
        let Some(table) = self.community_table().await? else { return Ok(Vec::new()) };
        let (stand, mut void): (Vec<_>, Vec<_>) =
            deposits.into_iter().partition(|deposit| deposit.state == DepositState::Stands);
        let over = self.deposits_over(stand).await?;
        if !over.is_empty() {
            let settled = over.iter().map(|deposit| (deposit.at, DepositState::Void)).collect();
            self.store().deposits_settle(settled).await?;
            void.extend(over);
        }
        let mut at: BTreeMap<MemberId, Vec<DepositMark>> = BTreeMap::new();
        for deposit in void {
            at.entry(MemberId(deposit.at.relay)).or_default().push(deposit.at);
        }
        let withdrawals = at.into_iter().filter_map(|(member, mut parcels)| {
            let endpoint = table.registry.member(member)?.own().endpoints.first()?;
            parcels.truncate(RELAY_ROUTES_MAX);
            let marks = parcels.iter().flat_map(|at| [&at.route[..], &at.digest].concat()).collect();
            let relay = Peer { member, endpoint: endpoint.clone() };
            (endpoint.road() == Road::Mutual).then_some(RelayWithdrawal { relay, marks, parcels })
        });
        Ok(withdrawals.collect())
    }

    /// A relay has dropped what it was to drop.
    ///
    /// # Errors
    /// The store failed.
    pub async fn relay_withdrawn(&self, withdrawal: &RelayWithdrawal) -> Result<(), StoreError> {
        let gone = withdrawal.parcels.iter().map(|at| (*at, DepositState::Gone)).collect();
        self.store().deposits_settle(gone).await
    }

    /// Those of standing deposits that are to lie at their relays no longer.
    async fn deposits_over(&self, stand: Vec<Deposit>) -> Result<Vec<Deposit>, ExchangeError> {
        let court = match self.court().await? {
            Some(court) if !stand.is_empty() => Arc::new(court),
            _ => return Ok(Vec::new()),
        };
        let again = i64::from(self.0.settings.relay.again_seconds).saturating_mul(Micros::SECOND);
        let relays = &self.0.exchange.relays;
        let stand: Vec<(Deposit, Option<Seen>)> = relays.book(|book| {
            let seen = |deposit: Deposit| (book.seen(&deposit), deposit);
            stand.into_iter().map(seen).map(|(seen, deposit)| (deposit, seen)).collect()
        });
        let (sitting, me) = (Arc::clone(&court), court.member());
        let looked = store::looked(self.store(), me, move |rows| {
            let look = |(deposit, seen)| {
                let found = sitting.exchange().is_over(rows, &deposit, (seen, again)).map_err(failed)?;
                Ok((deposit, found))
            };
            stand.into_iter().map(look).collect::<Result<Vec<_>, StoreError>>()
        });
        let mut over = Vec::new();
        for (deposit, found) in looked.await? {
            match found {
                Ok(seen) => relays.book(|book| book.note_seen(&deposit, seen)),
                Err(_) => over.push(deposit),
            }
        }
        Ok(over)
    }
}
