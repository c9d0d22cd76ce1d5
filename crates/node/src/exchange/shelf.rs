//! This node as a relay: sealed parcels kept for other members, by routes that say nothing here.
//!
//! It can read neither content nor sender nor recipient from what it keeps. Who calls shows whose node it is, so that nobody else
//! fills the shelf; that is counted under a word which a secret of this node ties to a member, and is written nowhere else. Each member
//! has a share that the others cannot use up.
//! Whoever knows a route may take what waits there, or have it dropped: the two ends alone can compute it.

use base::Micros;
use base::limit::{
    RELAY_AFTER_SECONDS, RELAY_AGAIN_SECONDS, RELAY_BYTES, RELAY_MEMBER_BYTES, RELAY_PARCEL_BYTES_LEAST,
    RELAY_PARCEL_BYTES_MAX, RELAY_ROUTES_MAX, RELAY_SECONDS,
};
use community::{MemberId, MemberKind};
use federation::{RELAY_MARK_BYTES, ROUTE_BYTES, Route, Sealed, SealingSecret, parcels_to};
use sha2::{Digest, Sha256};
use store::{Fault, RelayBounds, RelayHeld, RelayMark, RelayParcel, RelayPut, StoreError};

use crate::Node;

/// What an operator may say of relays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    /// Whether this node keeps parcels for others.
    pub keeps: RelayKeeps,
    /// Through whom parcels go, by slug, in this order; `None` = through every secretariat.
    pub through: Option<Vec<String>>,
    /// How long a member must not have been met before parcels for it go to relays, in seconds.
    pub after_seconds: u32,
    /// How long a parcel may go unanswered before it is put again, at the next relay, in seconds.
    pub again_seconds: u32,
    /// Bytes kept for everybody.
    pub bytes_max: u64,
    /// Bytes kept for one member's parcels.
    pub member_bytes_max: u64,
}

/// Whether a node keeps parcels for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayKeeps {
    /// Where its member is a secretariat.
    Secretariat,
    /// Yes.
    Always,
    /// No.
    Never,
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self {
            keeps: RelayKeeps::Secretariat,
            through: None,
            after_seconds: RELAY_AFTER_SECONDS,
            again_seconds: RELAY_AGAIN_SECONDS,
            bytes_max: RELAY_BYTES,
            member_bytes_max: RELAY_MEMBER_BYTES,
        }
    }
}

/// Why a relay did not do what it was asked. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// It keeps nothing for others.
    #[error("this node keeps no parcels for others")]
    Off,
    /// What was put is no parcel, or is too large.
    #[error("this is no sealed parcel of at most {RELAY_PARCEL_BYTES_MAX} bytes")]
    Unfit,
    /// The question is none.
    #[error(
        "a question to a relay is whole routes, or routes with digests, and at most {RELAY_ROUTES_MAX} of them"
    )]
    Question,
    /// There is no room beyond what each member has for itself.
    #[error("the relay is full but for what each member has for itself, and this is more than that")]
    Full,
    /// The member that puts has used up its share.
    #[error("this member's share of the relay is used up: what waits has to be taken first")]
    ShareFull,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RelayError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Off => "relay-off",
            Self::Unfit => "relay-parcel",
            Self::Question => "relay-question",
            Self::Full => "relay-full",
            Self::ShareFull => "relay-share-full",
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}

/// The word under which a member's parcels are counted: the same as long as the secret is, so that a share does not begin anew when the
/// node does; whose it is nobody can tell without.
fn depositor(secret: &SealingSecret, member: &MemberId) -> [u8; 16] {
    let mut digest = Sha256::new();
    digest.update(b"cresset relay depositor\0");
    digest.update(secret.expose().expose().as_slice());
    digest.update(member.0.as_bytes());
    let digest: [u8; 32] = digest.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

impl Node {
    /// Whether this node keeps parcels for others.
    ///
    /// # Errors
    /// The store failed.
    pub async fn is_relay(&self) -> Result<bool, StoreError> {
        let Some(table) = self.community_table().await? else { return Ok(false) };
        let own = table.registry.member(table.me);
        Ok(match self.0.settings.relay.keeps {
            RelayKeeps::Always => own.is_some(),
            RelayKeeps::Secretariat => own.is_some_and(|own| own.kind() == MemberKind::Secretariat),
            RelayKeeps::Never => false,
        })
    }

    async fn relays(&self) -> Result<(), RelayError> {
        if self.is_relay().await? { Ok(()) } else { Err(RelayError::Off) }
    }

    /// Keeps a parcel that a member puts, in the place of the one under its route. It is on disk before this is answered.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub async fn relay_keep(&self, by: MemberId, parcel: Vec<u8>) -> Result<(), RelayError> {
        self.relays().await?;
        let sealed = Sealed::parse_parcel(parcel).map_err(|_| RelayError::Unfit)?;
        let bytes = sealed.as_bytes().to_vec();
        let parcel = RelayParcel { route: sealed.route().0, digest: Sha256::digest(&bytes).into(), bytes };
        let (settings, at) = (&self.0.settings.relay, self.now());
        let (depositor_bytes_least, shared_bytes_max) = self.relay_shares().await?;
        let bounds = RelayBounds {
            depositor: depositor(&self.sealing_secret().await?, &by),
            bytes_max: settings.bytes_max,
            depositor_bytes_max: settings.member_bytes_max,
            depositor_bytes_least,
            shared_bytes_max,
            bytes_least: RELAY_PARCEL_BYTES_LEAST,
            since: kept_since(at),
            at,
        };
        match self.store().relay_put(parcel, bounds).await? {
            RelayPut::Kept => Ok(()),
            RelayPut::Full => Err(RelayError::Full),
            RelayPut::ShareFull => Err(RelayError::ShareFull),
        }
    }

    /// Bytes that each member has here for itself, and bytes for whoever comes first: half of everything is divided among the members
    /// that take part now.
    async fn relay_shares(&self) -> Result<(u64, u64), StoreError> {
        let (settings, now) = (&self.0.settings.relay, self.now());
        let others = self.community_table().await?.map_or(0, |table| {
            let members = table.registry.members().filter(|member| member.id() != table.me);
            members.filter(|member| member.status(now).takes_part()).count()
        });
        let members = u64::try_from(others).unwrap_or(u64::MAX).max(1);
        let half = settings.bytes_max.checked_div(2).unwrap_or_default();
        let least = half.checked_div(members).unwrap_or_default().min(settings.member_bytes_max);
        Ok((least, settings.bytes_max.saturating_sub(least.saturating_mul(members))))
    }

    /// What waits under routes, which are written one behind the other; it waits on until it is dropped.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub async fn relay_hand_out(&self, routes: &[u8]) -> Result<Vec<u8>, RelayError> {
        self.relays().await?;
        let (routes, rest) = routes.as_chunks::<ROUTE_BYTES>();
        if !rest.is_empty() || routes.len() > RELAY_ROUTES_MAX {
            return Err(RelayError::Question);
        }
        let since = kept_since(self.now());
        let waiting = self.store().relay_waiting(routes.to_vec(), since, RELAY_PARCEL_BYTES_MAX).await?;
        let parcels: Vec<Vec<u8>> = waiting.into_iter().map(|parcel| parcel.bytes).collect();
        Ok(parcels_to(&parcels))
    }

    /// Drops parcels, named by route and SHA-256 one behind the other: those that were taken, or are withdrawn.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub async fn relay_drop(&self, marks: &[u8]) -> Result<(), RelayError> {
        self.relays().await?;
        let (marks, rest) = marks.as_chunks::<RELAY_MARK_BYTES>();
        if !rest.is_empty() || marks.len() > RELAY_ROUTES_MAX {
            return Err(RelayError::Question);
        }
        let mark = |mark: &[u8; RELAY_MARK_BYTES]| -> Option<RelayMark> {
            Some((*mark.first_chunk()?, Some(*mark.last_chunk()?)))
        };
        self.store().relay_drop(marks.iter().filter_map(mark).collect()).await?;
        Ok(())
    }

    /// Drops whatever waits under the routes of a member that was restored: it is of an earlier life.
    pub(super) async fn relay_withdraw(&self, routes: &[Route]) -> Result<(), StoreError> {
        if !routes.is_empty() && self.is_relay().await? {
            self.store().relay_drop(routes.iter().map(|route| (route.0, None)).collect()).await?;
        }
        Ok(())
    }

    /// Drops what was kept for too long, and forgets what others have kept for as long.
    ///
    /// # Errors
    /// The store failed.
    pub async fn relay_expire(&self) -> Result<u64, StoreError> {
        self.store().deposits_expire(kept_since(self.now())).await?;
        if self.store().relay_held().await?.parcels == 0 {
            return Ok(0);
        }
        self.store().relay_expire(kept_since(self.now())).await
    }

    /// What is kept for others.
    ///
    /// # Errors
    /// The store failed.
    pub async fn relay_held(&self) -> Result<RelayHeld, StoreError> {
        self.store().relay_held().await
    }
}

/// Parcels put before this moment are kept no longer.
const fn kept_since(now: Micros) -> Micros {
    Micros(now.0.saturating_sub(RELAY_SECONDS * Micros::SECOND))
}
