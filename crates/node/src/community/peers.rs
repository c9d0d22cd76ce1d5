//! The community as decisions about handling see it: who takes part, and who is in which circle.
//!
//! A circle of which this node holds no valid document is not resolved, and so is nobody; a member that has left or been put
//! aside is no member.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::Clock;
use base::signing::KeyId;
use community::{Circle, CircleId, MemberId, MemberKind};
use handling::{Addressee, Kind, Peers};

use super::Table;
use crate::Node;

/// The table as of one change, with the clock that says who takes part now.
struct Known {
    table: Arc<Table>,
    clock: Arc<dyn Clock>,
}

impl Node {
    /// Has decisions go by the table from now on.
    pub(super) fn decide_by(&self, table: &Arc<Table>) {
        if table.is_member() {
            let known = Known { table: Arc::clone(table), clock: Arc::clone(&self.0.clock) };
            self.join(theirs(table.me), Arc::new(known));
        }
    }
}

fn theirs(member: MemberId) -> handling::MemberId {
    handling::MemberId(*member.0.as_bytes())
}

fn ours(member: handling::MemberId) -> MemberId {
    MemberId(KeyId::from_bytes(member.0))
}

impl Known {
    fn takes_part(&self, member: MemberId) -> bool {
        let known = self.table.registry.member(member);
        known.is_some_and(|known| known.status(self.clock.now()).takes_part())
    }

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
        Some(circle.members().into_iter().filter(|member| self.takes_part(*member)).map(theirs).collect())
    }

    fn circles_of(&self, member: &handling::MemberId) -> BTreeSet<handling::CircleId> {
        let member = ours(*member);
        let of = self.circles().filter(|(_, circle)| circle.has(member) && self.takes_part(member));
        of.map(|(id, _)| handling::CircleId(*id.as_bytes())).collect()
    }
}

impl crate::Community for Known {
    /// A member by slug or id; else a circle of this member's by name; else a circle by id, or by a name that only one has.
    fn named(&self, name: &str) -> Option<Addressee> {
        if let Some(member) = self.table.registry.named(name) {
            return Some(Addressee::Member(theirs(member.id())));
        }
        let circle = |id: &CircleId| Addressee::Circle(handling::CircleId(*id.as_bytes()));
        let own = CircleId::of(self.table.me, name);
        let mut by_name = self.circles().filter(|(id, circle)| circle.name == name || id.to_string() == name);
        match (by_name.next(), by_name.next()) {
            _ if self.table.circles.contains_key(&own) => Some(circle(&own)),
            (Some((id, _)), None) => Some(circle(id)),
            _ => None,
        }
    }
}
