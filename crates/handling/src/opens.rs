//! Whether other rules let somebody of this node see what they could not see before: that is news to them, whenever it came.
//!
//! Errs on the side of news: who is in a circle is not known here, so it is taken as now and not before, where rules are not merely
//! stricter.

use base::Micros;
use stix::TlpLevel;

use crate::{Action, Addressee, MemberId, Person, Rules};

/// Whether what names circles counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Circles {
    In,
    Out,
}

impl Rules {
    /// Whether by these rules somebody of this node, whose member is `home`, may see at `now` what they could not by those `before`.
    #[must_use]
    pub fn opens_here(&self, before: &Self, home: Option<MemberId>, now: Micros) -> bool {
        if self.within(before) {
            return false;
        }
        let addressed = self.audience().clauses().flatten().filter_map(|one| match one {
            Addressee::Person(person) => Some(person),
            _ => None,
        });
        let named = self.named().into_iter().flatten().chain(addressed).map(Some);
        std::iter::once(None).chain(named).any(|who| {
            self.shows(who, (home, Circles::In), now) && !before.shows(who, (home, Circles::Out), now)
        })
    }

    /// Whether a person, or one whom nothing names, may see at a moment what is under these rules.
    fn shows(&self, who: Option<&Person>, (home, circles): (Option<MemberId>, Circles), now: Micros) -> bool {
        let is_named = who.is_some_and(|who| self.named().is_some_and(|named| named.contains(who)));
        let speaks_to = |one: &Addressee| match one {
            Addressee::Originator => self.originator().is_own(home),
            Addressee::Member(member) => home == Some(*member),
            Addressee::Circle(_) => circles == Circles::In,
            Addressee::Person(person) => Some(person) == who,
        };
        (self.level() < TlpLevel::Red || is_named)
            && self.retain().is_none_or(|until| until > now)
            && (self.embargo().is_none_or(|until| until <= now) || is_named)
            && self.purposes().hold(Action::See.purpose())
            && self.audience().holds(speaks_to)
    }
}
