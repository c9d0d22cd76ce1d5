//! Who is meant by a name: people of this node, and members and circles as far as its community knows them.
//!
//! What is kept of a name is what never changes: a user's number, a member's first key, a circle's digest. A name that two
//! could mean is refused and never guessed at, because whoever may choose a slug or the name of a circle must not get what
//! was meant for another. In which circles there is who is for those who read content: nobody else addresses circles by
//! name, or asks what follows from who is in one.

use base::Micros;
use handling::{Addressee, CircleId, MemberId, Peers, Person, Principal, Recipient};

use crate::community::may_know_circles;
use crate::directory::Directory;
use crate::{AcceptError, Node};

/// Members and circles, as the node's community knows them.
pub trait Community: Peers {
    /// The community's name.
    fn title(&self) -> String;
    /// The member of this slug, id, or key id, past keys included; whether it takes part does not matter.
    fn member_named(&self, name: &str) -> Option<MemberId>;
    /// The circles that a name (`NAME`, `OWNER/NAME`, an id) can mean here; this member's own alone where it has one.
    fn circles_named(&self, name: &str) -> Vec<CircleId>;
    /// Whether a circle is this member's own.
    fn owns(&self, circle: &CircleId) -> bool;
    /// The slug of a member.
    fn slug(&self, member: &MemberId) -> Option<String>;
    /// The same, but circles have only those members who get what was shared with them at this moment.
    fn when_shared(&self, at: Micros) -> Box<dyn Peers>;
    /// A circle as `OWNER/NAME`.
    fn circle_name(&self, circle: &CircleId) -> Option<String>;
}

impl Node {
    /// Who is meant by a name: `user:NAME`, `user:NAME@MEMBER`, a member or a circle by slug, name or id, `member:...`,
    /// `circle:...`.
    pub(crate) fn addressee(
        &self,
        who: &Principal,
        directory: &Directory,
        name: &str,
    ) -> Result<Addressee, AcceptError> {
        if let Some(user) = name.strip_prefix("user:") {
            return self.person(directory, user).map(Addressee::Person);
        }
        if let Some(member) = name.strip_prefix("member:") {
            return self.member_meant(member).map(Addressee::Member);
        }
        if let Some(circle) = name.strip_prefix("circle:") {
            return self.circle_meant(who, circle).map(Addressee::Circle);
        }
        let Some(community) = self.community_known() else {
            return self.member_meant(name).map(Addressee::Member);
        };
        let circles = match may_know_circles(who) {
            Ok(()) => community.circles_named(name),
            Err(_) => Vec::new(),
        };
        let own = |circle: &CircleId| community.owns(circle);
        match (community.member_named(name), circles.as_slice()) {
            // Only this member's own people make a name of theirs unsure: another's circle never takes one from a member.
            (Some(member), circles) if !circles.iter().any(own) => Ok(Addressee::Member(member)),
            (None, [circle]) => Ok(Addressee::Circle(*circle)),
            (None, []) => Err(self.nobody_called(name)),
            _ => Err(AcceptError::AddresseeAmbiguous(name.to_owned())),
        }
    }

    /// A user of this node whose whole name it is, else somebody at a member.
    fn person(&self, directory: &Directory, name: &str) -> Result<Person, AcceptError> {
        if let Some(user) = directory.user_named(name) {
            return Ok(Person::Here(user.no));
        }
        match name.rsplit_once('@') {
            Some((user, member)) if !user.is_empty() => {
                Ok(Person::There(self.member_meant(member)?, user.to_owned()))
            }
            _ => Err(AcceptError::UserUnknown(name.to_owned())),
        }
    }

    /// A member by name. A node that is in no community takes any key for a member's: it may know one before it joins.
    fn member_meant(&self, name: &str) -> Result<MemberId, AcceptError> {
        let known = match self.community_known() {
            Some(community) => community.member_named(name),
            None => name.parse().ok(),
        };
        known.ok_or_else(|| self.nobody_called(name))
    }

    /// A circle by name. By its id also one that is not known here: until it is, it is nobody.
    pub(crate) fn circle_meant(&self, who: &Principal, name: &str) -> Result<CircleId, AcceptError> {
        if let Ok(circle) = name.parse() {
            return Ok(circle);
        }
        may_know_circles(who)?;
        let circles = self.community_known().map(|community| community.circles_named(name));
        match circles.unwrap_or_default().as_slice() {
            [circle] => Ok(*circle),
            [] => Err(self.nobody_called(name)),
            [_, _, ..] => Err(AcceptError::AddresseeAmbiguous(name.to_owned())),
        }
    }

    fn nobody_called(&self, name: &str) -> AcceptError {
        let community = self.community_known().map(|community| community.title());
        AcceptError::AddresseeUnknown { name: name.to_owned(), community }
    }

    /// Whom a question is about: as addressees, and besides `automation`, `anyone`, and `client:MEMBER`.
    pub(crate) fn recipient(
        &self,
        who: &Principal,
        directory: &Directory,
        name: &str,
    ) -> Result<Recipient, AcceptError> {
        match name {
            "automation" => return Ok(Recipient::Automation),
            "anyone" => return Ok(Recipient::Stranger),
            _ => (),
        }
        if let Some(member) = name.strip_prefix("client:") {
            return self.member_meant(member).map(|of| Recipient::Client { of });
        }
        match self.addressee(who, directory, name)? {
            Addressee::Member(member) => Ok(Recipient::Member(member)),
            Addressee::Circle(circle) => Ok(Recipient::Circle(circle)),
            Addressee::Person(Person::Here(user)) => Ok(Recipient::Person { user, reads: true }),
            Addressee::Person(Person::There(..)) | Addressee::Originator => Err(self.nobody_called(name)),
        }
    }
}
