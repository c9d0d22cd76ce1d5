//! The one digest of a registry: equal on every node that has the same entries.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::entry::{Chain, Point};
use crate::id::digest;
use crate::member::{Member, OwnState};
use crate::registry::{Registry, UnknownEntry};
use crate::{CommunityId, MemberId, MemberKind, Names, QuorumRule, Slug};

/// Everything a registry says, in one order.
#[derive(Serialize)]
struct State<'a> {
    community: CommunityId,
    names: &'a Names,
    quorum: QuorumRule,
    head: Point,
    members: BTreeMap<MemberId, MemberState<'a>>,
    unknown: &'a [UnknownEntry],
    disputes: Vec<(Chain, &'a BTreeSet<u64>)>,
}

#[derive(Serialize)]
struct MemberState<'a> {
    slug: &'a Slug,
    kind: MemberKind,
    roles: &'a [String],
    suites: &'a [String],
    suspended: bool,
    since: u64,
    head: Point,
    noted: u64,
    recovered_us: Option<i64>,
    own: &'a OwnState,
}

impl<'a> MemberState<'a> {
    fn of(member: &'a Member) -> Self {
        Self {
            slug: member.slug(),
            kind: member.kind(),
            roles: member.roles(),
            suites: member.suites(),
            suspended: member.suspended,
            since: member.since,
            head: member.head(),
            noted: member.noted(),
            recovered_us: member.recovered_from().map(|at| at.0),
            own: member.own(),
        }
    }
}

impl Registry {
    /// The digest of everything this registry says. It depends on the entries alone, not on the time, nor on the order
    /// in which they came, nor on who of several possible quorums signed.
    #[must_use]
    pub fn state_hash(&self) -> [u8; 32] {
        let state = State {
            community: self.id(),
            names: self.names(),
            quorum: self.quorum(),
            head: self.head(),
            members: self.members().map(|member| (member.id(), MemberState::of(member))).collect(),
            unknown: self.unknown(),
            disputes: self.disputes().iter().map(|(chain, places)| (*chain, places)).collect(),
        };
        let text = serde_json::to_vec(&state).expect("invariant: a registry's state is JSON");
        digest("cresset registry state", &[&text])
    }
}
