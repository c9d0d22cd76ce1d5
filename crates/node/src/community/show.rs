//! What is shown of a community: its members, what waits for a decision, and how fresh it all is.

use std::collections::BTreeMap;

use base::Micros;
use community::{Chain, Registry, Rule, Status, Subject, What};
use handling::{Principal, Scope, may_use};
use serde::Serialize;

use super::asking::is_too_old;
use super::{CommunityError, RegistryTold, Table};
use crate::Node;

/// A community as this node knows it.
#[derive(Clone, Debug, Serialize)]
pub struct CommunityView {
    /// Its id.
    pub community: String,
    /// Its name.
    pub name: String,
    /// Whether this node's member is in it: `member`, `pending`, or how it stands otherwise.
    pub status: &'static str,
    /// Where it waits to be let in: the code with which a member's node refused that last, `slug-taken` say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<&'static str>,
    /// Where that is for clocks: by how many seconds that node's goes ahead of this one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_clock_ahead_s: Option<i64>,
    /// This node's member.
    pub me: String,
    /// Epoch of the last decision.
    pub epoch: u64,
    /// Digest of the registry: equal on all nodes that have the same entries.
    pub state_hash: String,
    /// What the ledger of this node's member says of the registry last: of this state, unless that has just changed. Absent while it
    /// says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<RegistryTold>,
    /// Approvals that a decision takes now.
    pub approvals: usize,
    /// Members with a vote now.
    pub voters: usize,
    /// Members, present and former, by slug.
    pub members: Vec<MemberView>,
    /// Entries of kinds that this version does not know, as `chain epoch kind`.
    pub unknown: Vec<String>,
    /// Places that two entries claim, as `chain epoch`.
    pub disputes: Vec<String>,
    /// Evidence files that this node holds.
    pub evidence: usize,
}

/// A member of a community.
#[derive(Clone, Debug, Serialize)]
pub struct MemberView {
    /// Its id.
    pub id: String,
    /// What people type for it.
    pub slug: String,
    /// Its name in English, or in the first language it has one in.
    pub name: String,
    /// Its names by language tag.
    pub names: BTreeMap<String, String>,
    /// What it is.
    pub kind: &'static str,
    /// How it stands.
    pub status: &'static str,
    /// Until when its notice runs, in microseconds since 1970; also of a member that is suspended meanwhile.
    pub leaves_us: Option<i64>,
    /// Where it answers.
    pub endpoint: Option<String>,
    /// Its key.
    pub key: String,
    /// When a recovery of its key takes effect, in microseconds since 1970.
    pub key_recovered_us: Option<i64>,
    /// Whether it has a vote now.
    pub votes: bool,
    /// How many steps its own chain has.
    pub epoch: u64,
    /// How long ago this node last heard of it, in seconds; `None` for never, and for itself.
    pub heard_s_ago: Option<i64>,
}

/// What waits for a decision.
#[derive(Clone, Debug, Serialize)]
pub struct PendingView {
    /// What it can be approved by.
    pub subject: String,
    /// What is asked: `join`, `rejoin`, `suspend`, `reinstate`, `quorum`.
    pub asks: &'static str,
    /// The member it is about.
    pub member: Option<String>,
    /// What people type for that member.
    pub slug: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// What it is.
    pub kind: Option<&'static str>,
    /// Where it answers.
    pub endpoint: Option<String>,
    /// Approvals so far.
    pub approvals: usize,
    /// Refusals so far.
    pub refusals: usize,
    /// Approvals it takes.
    pub needed: usize,
    /// Until when it can be decided, in microseconds since 1970.
    pub until_us: i64,
}

impl Node {
    /// The community as this node knows it.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn community(&self, who: &Principal) -> Result<CommunityView, CommunityError> {
        may_use(who, Scope::Read)?;
        let table = self.community_table().await?.ok_or(CommunityError::None)?;
        let now = self.now();
        let mut view = view(&table, now);
        view.told = self.registry_told().await?;
        if let Some(why) = self.chamber().asking.refused().filter(|_| !table.is_member()) {
            view.refused = Some(why.code);
            view.refused_clock_ahead_s = why.ahead_us.map(|ahead| ahead / Micros::SECOND);
        } else if !table.is_member() && is_too_old(&table, now) {
            view.refused = Some(Rule::RequestExpired.code());
        }
        Ok(view)
    }

    /// What waits for a decision, oldest first; not what this member has refused, where as things stand it cannot be approved.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn pending(&self, who: &Principal) -> Result<Vec<PendingView>, CommunityError> {
        may_use(who, Scope::Read)?;
        let table = self.community_table().await?.ok_or(CommunityError::None)?;
        let now = self.now();
        let mut subjects: Vec<&Subject> =
            table.open_subjects(now).filter(|subject| !table.is_done_with(subject.hash(), now)).collect();
        subjects.sort_by_key(|subject| (subject.at(), subject.hash()));
        Ok(subjects.into_iter().map(|subject| pending_view(&table, subject, now)).collect())
    }
}

fn view(table: &Table, now: Micros) -> CommunityView {
    let registry = &table.registry;
    let voters = registry.voters(&registry.unnoted(), now);
    let mut members: Vec<MemberView> = registry
        .members()
        .map(|member| {
            let status = member.status(now);
            MemberView {
                id: member.id().to_string(),
                slug: member.slug().to_string(),
                name: member.own().names.name("en").to_owned(),
                names: member.own().names.all().clone(),
                kind: member.kind().name(),
                status: status.name(),
                leaves_us: member.leaves().filter(|_| status != Status::Withdrawn).map(|until| until.0),
                endpoint: member.own().endpoints.first().map(ToString::to_string),
                key: member.key(now).to_string(),
                key_recovered_us: member.recovered_from().map(|at| at.0),
                votes: voters.contains_key(&member.id()),
                epoch: member.head().epoch,
                heard_s_ago: table
                    .heard
                    .get(&member.id())
                    .map(|at| now.0.saturating_sub(at.0).max(0) / Micros::SECOND),
            }
        })
        .collect();
    members.sort_by(|a, b| a.slug.cmp(&b.slug));
    CommunityView {
        community: registry.id().to_string(),
        name: registry.names().name("en").to_owned(),
        status: match registry.member(table.me).map(|me| me.status(now)) {
            None => "pending",
            Some(Status::Active) => "member",
            Some(other) => other.name(),
        },
        refused: None,
        refused_clock_ahead_s: None,
        me: table.me.to_string(),
        epoch: registry.head().epoch,
        state_hash: hex::encode(registry.state_hash()),
        told: None,
        approvals: registry.quorum().approvals(voters.len()),
        voters: voters.len(),
        members,
        unknown: unknown(registry),
        disputes: disputes(registry),
        evidence: table.evidence,
    }
}

fn unknown(registry: &Registry) -> Vec<String> {
    let line = |entry: &community::UnknownEntry| {
        format!("{} {} {}", chain_name(registry, entry.chain), entry.epoch, entry.kind)
    };
    registry.unknown().iter().map(line).collect()
}

fn disputes(registry: &Registry) -> Vec<String> {
    let lines = registry.disputes().iter().flat_map(|(chain, places)| {
        places.iter().map(|epoch| format!("{} {epoch}", chain_name(registry, *chain)))
    });
    lines.collect()
}

fn chain_name(registry: &Registry, chain: Chain) -> String {
    match chain {
        Chain::Community => chain.to_string(),
        Chain::Own(member) => {
            registry.member(member).map_or_else(|| chain.to_string(), |member| member.slug().to_string())
        }
    }
}

fn pending_view(table: &Table, subject: &Subject, now: Micros) -> PendingView {
    let standing = table.standing(subject.hash(), now);
    let mut view = PendingView {
        subject: subject.hash().to_string(),
        asks: match subject.body() {
            community::Body::Admitted(_) => "join",
            community::Body::Rejoined(_) => "rejoin",
            community::Body::Suspended(_) => "suspend",
            community::Body::Reinstated(_) => "reinstate",
            _ => "quorum",
        },
        member: subject.about().map(|id| id.to_string()),
        slug: None,
        name: None,
        kind: None,
        endpoint: None,
        approvals: standing.approvals,
        refusals: standing.refusals,
        needed: standing.needed,
        until_us: subject.until().0,
    };
    match subject.what() {
        What::Join(request) => {
            let statement = &request.statement;
            view.slug = Some(statement.slug.to_string());
            view.name = Some(statement.names.name("en").to_owned());
            view.kind = Some(statement.kind.name());
            view.endpoint = statement.endpoints.first().map(ToString::to_string);
        }
        What::Proposal(_) => {
            let member = subject.about().and_then(|id| table.registry.member(id));
            view.slug = member.map(|member| member.slug().to_string());
            view.name = member.map(|member| member.own().names.name("en").to_owned());
            view.kind = member.map(|member| member.kind().name());
        }
    }
    view
}
