//! The road between the nodes of two members: by what a node shows whose it is, and whose another one is.
//!
//! A node holds a certificate that its member's long-term key has issued to a key which lives in memory only. It is made when
//! the node begins to serve, made anew every day and whenever the member's key has changed, and holds for a week. Nothing of
//! it is registered: whoever has the registry has every member's key. A member that is put aside, or whose key is replaced,
//! has no certificate that counts from the moment others know of it; so certificates are judged whenever something is asked,
//! not only when a connection begins. How certificates travel is for the doors.

mod issue;
mod judge;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::limit::{
    ROAD_CERTIFICATE_AGE_SECONDS, ROAD_CERTIFICATE_BEFORE_SECONDS, ROAD_CERTIFICATE_SECONDS, ROAD_CHAIN_MAX,
};
use base::signing::{KeyId, PublicKey, Signer, SigningKey};
use base::{Micros, Redacted};
use community::{MemberId, Road};
use store::{Check, Fault, StoreError};
use zeroize::Zeroizing;

use self::issue::Terms;
use self::judge::End;
use crate::Node;
use crate::community::Table;

/// What a secret key of Ed25519 is in PKCS #8, up to its 32 bytes (RFC 8410, section 7).
const SECRET_BEFORE: [u8; 16] =
    [0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// What is left of a certificate's time when an operator is told that it is not replaced: two days.
const LEFT_LEAST: i64 = 2 * 86_400 * Micros::SECOND;

/// Why a node is not taken for one of the member that it should be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoadError {
    /// No certificate was shown.
    #[error("members show a node certificate here, and none was shown")]
    Missing,
    /// What was shown is no certificate of a node.
    #[error("what was shown is no certificate of a node")]
    Unreadable,
    /// Its time is over, or has not come.
    #[error("the certificate is not valid at this time, by this node's clock")]
    Expired,
    /// No member's key issued it.
    #[error("the certificate was issued by no key of a member that is known here")]
    Unknown,
    /// A member issued it that takes no part any more, or with a key that it has replaced.
    #[error("the certificate was issued by a member that takes no part, or by a key that has been replaced")]
    Revoked,
    /// Another member issued it than the one that is meant or speaks.
    #[error("the certificate is of a node of another member")]
    Other,
}

impl RoadError {
    /// Stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "certificate-missing",
            Self::Unreadable => "certificate-unreadable",
            Self::Expired => "certificate-expired",
            Self::Unknown => "certificate-unknown",
            Self::Revoked => "certificate-revoked",
            Self::Other => "certificate-other",
        }
    }

    /// Whose fault it is: always that of whoever showed it.
    #[must_use]
    pub const fn fault(self) -> Fault {
        Fault::Caller
    }
}

/// What a node shows others on the road: certificates, and the secret key of the first.
#[derive(Debug)]
pub struct NodeIdentity {
    /// Its certificate, then how its member's key follows from earlier ones; each DER.
    pub chain: Vec<Vec<u8>>,
    /// Its secret key, PKCS #8.
    pub secret: Redacted<Zeroizing<Vec<u8>>>,
    /// Until when the certificate holds.
    pub until: Micros,
    made: Micros,
    issuer: KeyId,
}

/// By what a node is judged to be one of a member's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JudgedBy {
    /// The keys that issue its certificate.
    keys: Vec<KeyId>,
    /// Whether the member takes part.
    takes_part: bool,
}

/// How the road to a member was found when it was last gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gone {
    /// Whether both ends had shown whose they are.
    pub(crate) mutual: bool,
    /// Why its node was not taken for one of its.
    pub(crate) refused: Option<RoadError>,
}

/// What a node keeps in memory of its roads.
#[derive(Debug, Default)]
pub(crate) struct Roads {
    identity: Mutex<Option<Arc<NodeIdentity>>>,
    gone: Mutex<BTreeMap<KeyId, Gone>>,
}

impl Roads {
    fn note(&self, member: MemberId, gone: Gone) {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).insert(member.0, gone);
    }

    pub(crate) fn gone(&self, member: &KeyId) -> Option<Gone> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).get(member).copied()
    }
}

impl Node {
    /// Has a certificate to show from now on: makes one where there is none, or the one there is has come of age or was issued
    /// by a key that is no longer the member's. To be called again and again while the node serves.
    ///
    /// # Errors
    /// The store failed.
    pub async fn hold_certificate(&self) -> Result<(), StoreError> {
        let (member, now) = (self.member_signer().await?, self.now());
        let issuer = member.public_key().id();
        let young = |held: &NodeIdentity| {
            let age = now.0.saturating_sub(held.made.0);
            held.issuer == issuer && (0..ROAD_CERTIFICATE_AGE_SECONDS * Micros::SECOND).contains(&age)
        };
        if self.identity().is_some_and(|held| young(&held)) {
            return Ok(());
        }
        let mut earlier = self.signing_keys().await?;
        earlier.retain(|key| key.public_key().id() != issuer);
        // The newest are those that others may still know this member by.
        let surplus = (earlier.len() + 1).saturating_sub(ROAD_CHAIN_MAX);
        let made = self.issue(&member, earlier.get(surplus..).unwrap_or_default(), now)?;
        *self.0.roads.identity.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(made));
        Ok(())
    }

    /// The same, where the node holds one already.
    pub(crate) async fn renew_certificate(&self) -> Result<(), StoreError> {
        if self.identity().is_some() { self.hold_certificate().await } else { Ok(()) }
    }

    fn issue(
        &self,
        member: &SigningKey,
        earlier: &[SigningKey],
        now: Micros,
    ) -> Result<NodeIdentity, StoreError> {
        let key = SigningKey::generate(self.rng());
        let mut serial = [0; 16];
        self.rng().fill(&mut serial);
        let after = |seconds: i64| now.plus(seconds.saturating_mul(Micros::SECOND));
        let until = after(ROAD_CERTIFICATE_SECONDS);
        let terms = Terms { from: after(-ROAD_CERTIFICATE_BEFORE_SECONDS), until, serial };
        let chain = issue::chain(&key.public_key(), member, earlier, terms)
            .map_err(|error| StoreError::Backend(format!("cannot make a node certificate: {error}")))?;
        let secret = Zeroizing::new([&SECRET_BEFORE[..], key.seed().expose().as_slice()].concat());
        let (secret, issuer) = (Redacted::new(secret), member.public_key().id());
        Ok(NodeIdentity { chain, secret, until, made: now, issuer })
    }

    /// What this node shows others now; `None` before it serves.
    #[must_use]
    pub fn identity(&self) -> Option<Arc<NodeIdentity>> {
        self.0.roads.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The member whose node calls, by the certificates that it shows.
    ///
    /// # Errors
    /// See [`RoadError`]; the store's failure stands inside.
    pub async fn caller_of(&self, chain: &[&[u8]]) -> Result<Result<MemberId, RoadError>, StoreError> {
        let table = self.community_table().await?;
        Ok(table.map_or(Err(RoadError::Unknown), |table| caller(&table, chain, self.now())))
    }

    /// Whether it is a node of `member` that answers, by the certificates that it shows; noted for those who look.
    ///
    /// # Errors
    /// See [`RoadError`].
    pub fn answers_for(&self, member: MemberId, chain: &[&[u8]]) -> Result<(), RoadError> {
        let table = self.chamber().held().flatten();
        let judged =
            table.map_or(Err(RoadError::Unknown), |table| answers(&table, member, chain, self.now()));
        self.0.roads.note(member, Gone { mutual: judged.is_ok(), refused: judged.err() });
        judged
    }

    /// By what a node of `member` is judged now. Where it is another than when a connection was made, that connection was judged
    /// by what counts no more.
    #[must_use]
    pub fn judged_by(&self, member: MemberId) -> JudgedBy {
        let (table, now) = (self.chamber().held().flatten(), self.now());
        table.map_or_else(JudgedBy::default, |table| {
            let known = table.registry.member(member);
            JudgedBy {
                keys: anchors(&table, member, now).iter().map(PublicKey::id).collect(),
                takes_part: known.is_some_and(|known| known.status(now).takes_part()),
            }
        })
    }

    /// Notes that a member's node called, or answered, and whether both ends had shown whose they are.
    pub fn road_gone(&self, member: MemberId, mutual: bool) {
        self.0.roads.note(member, Gone { mutual, refused: None });
    }

    /// How this node's member has told the others to reach it; `None` while it is in no community.
    ///
    /// # Errors
    /// The store failed.
    pub async fn own_road(&self) -> Result<Option<Road>, StoreError> {
        let table = self.community_table().await?;
        let me = table.as_ref().and_then(|table| table.registry.member(table.me));
        Ok(me.and_then(|me| me.own().endpoints.first()).map(community::Endpoint::road))
    }

    /// Whether this node can show others whose it is, for those who examine it.
    pub(crate) async fn check_road(&self) -> Result<Option<Check>, StoreError> {
        let mutual = self.own_road().await? == Some(Road::Mutual);
        let check = |ok, detail| Some(Check { name: "node certificate", ok, detail });
        Ok(match self.identity() {
            Some(held) => {
                let left = held.until.0.saturating_sub(self.now().0);
                let until = stix::Timestamp::text_of(held.until);
                if left > LEFT_LEAST {
                    check(true, format!("holds until {until} and is replaced every day"))
                } else {
                    check(
                        false,
                        format!(
                            "holds until {until} and was not replaced: restart the node, and see its log"
                        ),
                    )
                }
            }
            None if mutual => check(true, "is made when the node is started".to_owned()),
            None => None,
        })
    }
}

/// Whose node shows these certificates.
fn caller(table: &Table, chain: &[&[u8]], now: Micros) -> Result<MemberId, RoadError> {
    let at = (now, End::Client);
    let active = table.registry.members().filter(|member| member.status(now).takes_part());
    let current: Vec<(MemberId, PublicKey)> = active.map(|member| (member.id(), member.key(now))).collect();
    let keys: Vec<PublicKey> = current.iter().map(|(_, key)| *key).collect();
    match judge::issuer(chain, &keys, at) {
        Ok(by) => {
            let found = current.iter().find(|(_, key)| *key == by);
            found.map(|(member, _)| *member).ok_or(RoadError::Unknown)
        }
        Err(RoadError::Unknown) => {
            let ever: Vec<PublicKey> =
                table.registry.members().flat_map(|member| member.keys().iter().copied()).collect();
            Err(judge::issuer(chain, &ever, at).map_or(RoadError::Unknown, |_| RoadError::Revoked))
        }
        Err(other) => Err(other),
    }
}

/// The keys that issue the certificates of a member's nodes. One who waits to be let in knows its doors by the anchor.
fn anchors(table: &Table, member: MemberId, now: Micros) -> Vec<PublicKey> {
    let known = table.registry.member(member).map(|known| known.key(now));
    let door = table
        .anchor
        .as_ref()
        .filter(|_| !table.is_member())
        .and_then(|anchor| anchor.doors().iter().find(|door| door.member == member).map(|door| door.key));
    known.into_iter().chain(door).collect()
}

/// Whether these certificates are those of a node of `member`.
fn answers(table: &Table, member: MemberId, chain: &[&[u8]], now: Micros) -> Result<(), RoadError> {
    let keys = anchors(table, member, now);
    let at = (now, End::Server);
    match judge::issuer(chain, &keys, at) {
        Ok(_) => Ok(()),
        Err(RoadError::Unknown) => {
            let others: Vec<PublicKey> =
                table.registry.members().flat_map(|member| member.keys().iter().copied()).collect();
            Err(judge::issuer(chain, &others, at).map_or(RoadError::Unknown, |by| {
                let own = table.registry.member(member).is_some_and(|member| member.has_had(by.id()));
                if own { RoadError::Revoked } else { RoadError::Other }
            }))
        }
        Err(other) => Err(other),
    }
}
