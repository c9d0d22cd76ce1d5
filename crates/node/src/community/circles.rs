//! The circles that this node's member keeps, and those it is in.
//!
//! A new version is kept and put into a parcel for each of its members; whoever was taken out gets a farewell. What a person
//! here may know of circles is for those who may read content at all.

use std::collections::BTreeSet;

use base::Micros;
use base::limit::CIRCLES_MAX;
use base::signing::SigningKey;
use community::{Circle, CircleId, History, MemberId, Rule};
use handling::{Guarded, Principal, Refusal, Role, Scope, Seconded, TwoPersonDeed, may_administer, may_use};
use serde::Serialize;

use super::deeds::current;
use super::{CommunityError, Table};
use crate::Node;

/// A circle to be made.
#[derive(Clone, Debug)]
pub struct NewCircle {
    /// What this member calls it.
    pub name: String,
    /// Its members, by slug or id; the owner is in it without being named.
    pub members: Vec<String>,
    /// The sector it is for.
    pub sector: Option<String>,
}

/// Members to be taken into a circle.
struct WidenCircle {
    name: String,
    circle: CircleId,
    ids: Vec<MemberId>,
    members: Vec<String>,
    history: History,
}

impl TwoPersonDeed for WidenCircle {
    const KIND: Guarded = Guarded::WidenCircle;

    fn words(&self) -> String {
        let history = match self.history {
            History::FromNow => "from now on",
            History::All => "with everything shared before",
        };
        let members = self.members.join(", ");
        format!("take members {members} into the circle {:?} ({}), {history}", self.name, self.circle)
    }
}

/// A circle as this node knows it.
#[derive(Clone, Debug, Serialize)]
pub struct CircleView {
    /// Its id: the digest of its owner and its name.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Slug of the owner.
    pub owner: String,
    /// Version.
    pub version: u64,
    /// The sector it is for.
    pub sector: Option<String>,
    /// Slugs of everybody in it, the owner included.
    pub members: Vec<String>,
    /// Their ids, in the same order.
    pub member_ids: Vec<String>,
    /// Members that have not confirmed this version yet, by slug, and those that were taken out and have not confirmed that; told to the
    /// owner.
    pub undelivered: Vec<String>,
    /// Of what was done to it just now: whether that made a new version; `None` where nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
}

impl Node {
    /// Makes a circle of this member's.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn create_circle(&self, who: &Principal, new: NewCircle) -> Result<CircleView, CommunityError> {
        self.circle_deed(who, |table, now| {
            if table.circles.values().any(|(held, _)| held.owner == table.me && held.name == new.name) {
                return Err(CommunityError::CircleExists);
            }
            let slug = || table.registry.named(&new.name).is_some();
            if !community::is_circle_name(&new.name) || slug() {
                return Err(CommunityError::CircleName(new.name.clone()));
            }
            if table.circles_of(table.me) >= CIRCLES_MAX {
                return Err(Rule::TooMany.into());
            }
            let members = named(table, &new.members, now)?;
            let mut circle = Circle::first((table.registry.id(), table.me), &new.name, members, now)?;
            circle.sector = new.sector;
            Ok(circle)
        })
        .await
    }

    /// Takes members into a circle of this member's. They get what is shared with it, so this takes a second person. Who is in it already
    /// gets what was shared before besides, where that is said now; where there is nothing new in it, nothing changes.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn add_to_circle(
        &self,
        who: &Principal,
        name: &str,
        members: &[String],
        history: History,
    ) -> Result<CircleView, CommunityError> {
        may_administer(who)?;
        let table = self.member_table().await?;
        let (circle, ids) = (own_circle(&table, name)?, named(&table, members, self.now())?);
        let next = circle.with(ids.iter().copied(), history, self.now())?;
        if next.seats == circle.seats {
            return Ok(CircleView { changed: Some(false), ..view(&table, &circle) });
        }
        let members = ids.iter().map(|id| format!("{} ({id})", slug(&table, id))).collect();
        let deed = WidenCircle { circle: circle.id(), name: circle.name, ids, members, history };
        let deed = self.second(who, deed).await?;
        self.widen_circle(who, deed).await
    }

    async fn widen_circle(
        &self,
        who: &Principal,
        deed: Seconded<WidenCircle>,
    ) -> Result<CircleView, CommunityError> {
        let WidenCircle { name, ids, history, .. } = deed.into_deed();
        self.circle_deed(who, |table, now| Ok(own_circle(table, &name)?.with(ids, history, now)?)).await
    }

    /// Takes members out of a circle of this member's.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn remove_from_circle(
        &self,
        who: &Principal,
        name: &str,
        members: &[String],
    ) -> Result<CircleView, CommunityError> {
        self.circle_deed(who, |table, now| {
            let circle = own_circle(table, name)?;
            let ids = members.iter().map(|name| {
                let member = table.registry.named(name);
                let member = member.ok_or_else(|| CommunityError::MemberUnknown(name.clone()))?.id();
                if member == table.me {
                    return Err(CommunityError::CircleOwner);
                }
                if circle.has(member) { Ok(member) } else { Err(CommunityError::NotInCircle(name.clone())) }
            });
            let ids = ids.collect::<Result<Vec<MemberId>, CommunityError>>()?;
            Ok(circle.without(&ids, now)?)
        })
        .await
    }

    /// The circles that this node's member keeps or is in, by owner and name.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn circles(&self, who: &Principal) -> Result<Vec<CircleView>, CommunityError> {
        may_know_circles(who)?;
        let table = self.member_table().await?;
        let held = table.circles.values().filter(|(circle, _)| circle.has(table.me));
        let mut views: Vec<CircleView> = held.map(|(circle, _)| view(&table, circle)).collect();
        views.sort_by(|a, b| (&a.owner, &a.name).cmp(&(&b.owner, &b.name)));
        Ok(views)
    }

    async fn circle_deed(
        &self,
        who: &Principal,
        deed: impl FnOnce(&mut Table, Micros) -> Result<Circle, CommunityError> + Send,
    ) -> Result<CircleView, CommunityError> {
        may_administer(who)?;
        let _one = self.one_deed().await?;
        let (keys, now) = (self.signing_keys().await?, self.now());
        let mut table = (*self.member_table().await?).clone();
        let circle = deed(&mut table, now)?;
        issue(&mut table, &circle, &keys, now)?;
        let table = self.settle(table).await?;
        Ok(CircleView { changed: Some(true), ..view(&table, &circle) })
    }
}

/// Whether circles, and who is in them, are for this principal at all.
///
/// # Errors
/// `ScopeMissing`, `RoleMissing`.
pub(crate) fn may_know_circles(who: &Principal) -> Result<(), Refusal> {
    may_use(who, Scope::Read)?;
    let reads = [Role::Reader, Role::Analyst, Role::Approver, Role::Admin];
    if reads.into_iter().any(|role| who.is(role)) {
        return Ok(());
    }
    Err(Refusal::new(handling::Rule::RoleMissing, "circles are for those who read content"))
}

/// The members of these names, all of which take part.
fn named(table: &Table, names: &[String], now: Micros) -> Result<Vec<MemberId>, CommunityError> {
    let one = |name: &String| {
        let member = table.registry.named(name).ok_or_else(|| CommunityError::MemberUnknown(name.clone()))?;
        if member.status(now).takes_part() { Ok(member.id()) } else { Err(Rule::MemberNotActive.into()) }
    };
    let ids = names.iter().map(one).collect::<Result<Vec<_>, CommunityError>>()?;
    // Naming the owner says nothing new: it is in its circle already.
    Ok(ids.into_iter().filter(|id| *id != table.me).collect())
}

fn own_circle(table: &Table, name: &str) -> Result<Circle, CommunityError> {
    let by_name = table.circles.get(&CircleId::of(table.me, name));
    let by_id = || table.circles.get(&name.parse().ok()?).filter(|(circle, _)| circle.owner == table.me);
    let (circle, _) = by_name.or_else(by_id).ok_or(CommunityError::CircleUnknown)?;
    Ok(circle.clone())
}

/// Signs a version, keeps it, and puts a parcel for each who is concerned. Whom an earlier version has taken out goes by the farewell of that
/// one, whether it has had it yet or not.
fn issue(table: &mut Table, circle: &Circle, keys: &[SigningKey], now: Micros) -> Result<(), CommunityError> {
    let key = current(table, keys, now)?;
    let signed = circle.sign(key)?;
    let farewell = circle.farewell().sign(key)?;
    let before = table.circles.get(&circle.id()).map(|(held, _)| held.members()).unwrap_or_default();
    let concerned: BTreeSet<MemberId> =
        circle.members().union(&before).filter(|id| **id != table.me).copied().collect();
    for to in concerned {
        let parcel = if circle.has(to) {
            (circle.clone(), signed.clone())
        } else {
            (circle.farewell(), farewell.clone())
        };
        table.put_by(to, parcel, now);
    }
    table.note_farewells(circle, before, now);
    let text = signed.to_json();
    table.keep_circle(circle.clone(), signed, text, now);
    Ok(())
}

fn slug(table: &Table, id: &MemberId) -> String {
    table.registry.member(*id).map_or_else(|| id.to_string(), |member| member.slug().to_string())
}

fn view(table: &Table, circle: &Circle) -> CircleView {
    let slug = |id: &MemberId| slug(table, id);
    let mut members: Vec<(String, String)> =
        circle.members().iter().map(|id| (slug(id), id.to_string())).collect();
    members.sort();
    let (members, member_ids) = members.into_iter().unzip();
    let waiting = table.parcels.keys().filter(|(id, _)| *id == circle.id());
    CircleView {
        id: circle.id().to_string(),
        name: circle.name.clone(),
        owner: slug(&circle.owner),
        version: circle.version,
        sector: circle.sector.clone(),
        members,
        member_ids,
        undelivered: waiting.map(|(_, to)| slug(to)).collect(),
        changed: None,
    }
}
