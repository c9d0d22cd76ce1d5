//! Parcels kept for other members: sealed bytes under routes that say nothing, within bounds; and what this node has put at the
//! relays of others.
//!
//! One parcel a route. A sender says everything that waits in each parcel, so a later one takes the place of the one before it;
//! what was called back meanwhile is gone from the relay with it.

use async_trait::async_trait;
use base::Micros;
use federation::{Deposit, DepositMark, DepositState};

use crate::StoreError;

/// A parcel under its route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayParcel {
    /// Where it waits.
    pub route: [u8; 16],
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// The sealed bytes.
    pub bytes: Vec<u8>,
}

/// A parcel by its route and digest; without one whatever waits under the route.
pub type RelayMark = ([u8; 16], Option<[u8; 32]>);

/// How much is kept, and whose parcel it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayBounds {
    /// Who puts it, by a word that says so to this relay alone.
    pub depositor: [u8; 16],
    /// Bytes kept for everybody.
    pub bytes_max: u64,
    /// Bytes kept by one depositor.
    pub depositor_bytes_max: u64,
    /// Bytes that every depositor has for itself, whatever the others put.
    pub depositor_bytes_least: u64,
    /// Bytes that depositors may have beyond those, all together.
    pub shared_bytes_max: u64,
    /// Bytes that the smallest parcel counts for, so that there are only so many.
    pub bytes_least: u64,
    /// Parcels put before this moment are dropped first.
    pub since: Micros,
    /// Now.
    pub at: Micros,
}

/// What became of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayPut {
    /// It is kept.
    Kept,
    /// There is no room beyond what each depositor has for itself.
    Full,
    /// The depositor has used up its share.
    ShareFull,
}

/// What a relay keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayHeld {
    /// Parcels.
    pub parcels: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// Parcels for others, and of this node at others.
#[async_trait]
pub trait Relays: Send + Sync {
    /// Keeps a parcel durably in the place of the one under its route. What is refused changes nothing but what was too old.
    async fn relay_put(&self, parcel: RelayParcel, bounds: RelayBounds) -> Result<RelayPut, StoreError>;
    /// The parcels under these routes, the oldest first, as many as fit into `bytes_max`; at least one where there is any.
    /// Those put before `since` are none.
    async fn relay_waiting(
        &self,
        routes: Vec<[u8; 16]>,
        since: Micros,
        bytes_max: usize,
    ) -> Result<Vec<RelayParcel>, StoreError>;
    /// Drops parcels by route and digest; another one under the same route stays. Without a digest whatever waits there goes. How
    /// many there were.
    async fn relay_drop(&self, parcels: Vec<RelayMark>) -> Result<u64, StoreError>;
    /// Drops what was put before a moment. How much there was.
    async fn relay_expire(&self, before: Micros) -> Result<u64, StoreError>;
    /// What is kept.
    async fn relay_held(&self) -> Result<RelayHeld, StoreError>;
    /// Remembers a parcel durably before a relay is offered it.
    async fn deposit(&self, deposit: Deposit) -> Result<(), StoreError>;
    /// The parcels of this node that relays may keep, the oldest first.
    async fn deposits(&self) -> Result<Vec<Deposit>, StoreError>;
    /// Notes what becomes of such parcels. Those that are not remembered stay so.
    async fn deposits_settle(&self, settled: Vec<(DepositMark, DepositState)>) -> Result<(), StoreError>;
    /// Forgets parcels put before a moment: no relay keeps them any longer. How many there were.
    async fn deposits_expire(&self, before: Micros) -> Result<u64, StoreError>;
}
