//! The community as decisions about handling see it: who takes part, and who is in which circle.
//!
//! A circle of which this node holds no valid document is not resolved, and so is nobody; a member that has left or been put
//! aside is no member.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::signing::KeyId;
use base::{Clock, Micros};
use community::{Circle, CircleId, MemberId, MemberKind};
use handling::{Kind, Peers};

use super::Table;
use crate::Node;

/// The table as of one change, with the clock that says who takes part now.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) table: Arc<Table>,
    clock: Arc<dyn Clock>,
    /// The moment that is decided for; `None` = whenever it is asked.
    at: Option<Micros>,
    /// When what is decided about was shared; `None` = it is being shared now.
    shared: Option<Micros>,
    /// Whether members that take no part at present count as if they did.
    absent: bool,
}

impl Node {
    /// Has decisions go by the table from now on.
    pub(super) fn decide_by(&self, table: &Arc<Table>) {
        if table.is_member() {
            self.join(theirs(table.me), Arc::new(self.known(table)));
        }
    }

    /// The community as of this table.
    pub(super) fn known(&self, table: &Arc<Table>) -> Known {
        let clock = Arc::clone(&self.0.clock);
        Known { table: Arc::clone(table), clock, at: None, shared: None, absent: false }
    }
}

pub(super) fn theirs(member: MemberId) -> handling::MemberId {
    handling::MemberId(*member.0.as_bytes())
}

fn ours(member: handling::MemberId) -> MemberId {
    MemberId(KeyId::from_bytes(member.0))
}

impl Known {
    /// The same at a moment.
    pub(super) fn at(&self, moment: Micros) -> Self {
        Self { at: Some(moment), ..self.clone() }
    }

    pub(super) fn now(&self) -> Micros {
        self.at.unwrap_or_else(|| self.clock.now())
    }

    /// The same where everybody who is or was a member takes part: to ask what is meant for those who may come back.
    pub(super) fn with_absent(&self) -> Self {
        Self { absent: true, ..self.clone() }
    }

    /// The same for what was shared at a moment.
    pub(super) fn shared_at(&self, moment: Micros) -> Self {
        Self { shared: Some(moment), ..self.clone() }
    }

    pub(super) fn takes_part(&self, member: MemberId) -> bool {
        let known = self.table.registry.member(member);
        known.is_some_and(|known| self.absent || known.status(self.now()).takes_part())
    }

    /// Who gets what is shared with a circle: those who take part.
    fn seated(&self, circle: &Circle) -> impl Iterator<Item = MemberId> {
        let all = match self.shared {
            Some(shared) => circle.audience(shared),
            None => circle.members(),
        };
        all.into_iter().filter(|member| self.takes_part(*member))
    }

    /// Whether a member is known to be in a circle no more: by its document, which this member has where it is in it itself, or by the
    /// farewell that it was given. Its owner always is.
    pub(super) fn is_out(&self, circle: &handling::CircleId, member: &handling::MemberId) -> bool {
        let (me, member) = (self.table.me, ours(*member));
        let mut held = self.table.circles.iter().filter(|(id, _)| id.as_bytes() == &circle.0);
        let is_out = |circle: &Circle| member != circle.owner && !circle.has(member);
        held.any(|(_, (circle, _))| is_out(circle) && (member == me || circle.has(me)))
    }

    /// Whether this member is in a circle, whoever else takes part.
    pub(super) fn is_in(&self, circle: &handling::CircleId) -> bool {
        let me = self.table.me;
        self.table.circles.iter().any(|(id, (held, _))| id.as_bytes() == &circle.0 && held.has(me))
    }

    /// The circles that this member is in; who is in one is known to nobody else.
    fn circles(&self) -> impl Iterator<Item = (&CircleId, &Circle)> {
        self.table
            .circles
            .iter()
            .map(|(id, (circle, _))| (id, circle))
            .filter(|(_, circle)| circle.has(self.table.me) && self.takes_part(circle.owner))
    }
}

impl Peers for Known {
    fn kind(&self, member: &handling::MemberId) -> Option<Kind> {
        let member = self.table.registry.member(ours(*member))?;
        self.takes_part(member.id()).then(|| match member.kind() {
            MemberKind::Cert => Kind::Cert,
            MemberKind::Sector => Kind::Sector,
            MemberKind::Secretariat => Kind::Secretariat,
            MemberKind::Observer => Kind::Observer,
            MemberKind::Partner => Kind::Partner,
        })
    }

    fn circle(&self, circle: &handling::CircleId) -> Option<BTreeSet<handling::MemberId>> {
        let (_, circle) = self.circles().find(|(id, _)| id.as_bytes() == &circle.0)?;
        Some(self.seated(circle).map(theirs).collect())
    }

    fn circles_of(&self, member: &handling::MemberId) -> BTreeSet<handling::CircleId> {
        let member = ours(*member);
        let of = self.circles().filter(|(_, circle)| self.seated(circle).any(|seated| seated == member));
        of.map(|(id, _)| handling::CircleId(*id.as_bytes())).collect()
    }
}

impl crate::Community for Known {
    fn title(&self) -> String {
        self.table.registry.names().name("en").to_owned()
    }

    fn member_named(&self, name: &str) -> Option<handling::MemberId> {
        let registry = &self.table.registry;
        let by_key = || registry.holder(name.parse::<MemberId>().ok()?.0);
        registry.named(name).or_else(by_key).map(|member| theirs(member.id()))
    }

    fn circles_named(&self, name: &str) -> Vec<handling::CircleId> {
        let id = |id: &CircleId| handling::CircleId(*id.as_bytes());
        let own = CircleId::of(self.table.me, name);
        let plain = community::is_circle_name(name);
        if plain && self.circles().any(|(known, _)| *known == own) {
            return vec![id(&own)];
        }
        let owned = name.split_once('/');
        let owned = owned.and_then(|(owner, name)| Some((self.table.registry.named(owner)?.id(), name)));
        let owned = owned.filter(|(_, name)| community::is_circle_name(name));
        let owned = owned.map(|(owner, name)| CircleId::of(owner, name));
        let meant = |known: &CircleId, circle: &Circle| {
            (plain && circle.name == name) || Some(*known) == owned || known.to_string() == name
        };
        self.circles().filter(|(known, circle)| meant(known, circle)).map(|(known, _)| id(known)).collect()
    }

    fn owns(&self, circle: &handling::CircleId) -> bool {
        self.circles().any(|(id, held)| id.as_bytes() == &circle.0 && held.owner == self.table.me)
    }

    fn slug(&self, member: &handling::MemberId) -> Option<String> {
        Some(self.table.registry.member(ours(*member))?.slug().to_string())
    }

    fn when_shared(&self, at: Micros) -> Box<dyn Peers> {
        Box::new(self.shared_at(at))
    }

    fn circle_name(&self, circle: &handling::CircleId) -> Option<String> {
        let (_, circle) = self.circles().find(|(id, _)| id.as_bytes() == &circle.0)?;
        Some(format!("{}/{}", self.slug(&theirs(circle.owner))?, circle.name))
    }
}
