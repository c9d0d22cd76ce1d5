//! The decisions of one node about its own users, and the proofs they hand out.

use std::collections::BTreeSet;

use base::Micros;

use crate::demand::{Demand, demands};
use crate::judge::{Action, Consent, Kind, Peers, Recipient, Situation, Verdict, allows, judge};
use crate::rules::{CircleId, MemberId, Rules};
use crate::{Access, CollectionNo, Principal, Refusal, Role, Rule, Scope, UserNo};

/// A value that a decision has released to the one who asked. Doors and tongues render nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared<T>(T);

impl<T> Cleared<T> {
    /// The released value.
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// The released value, owned.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// The same release in another form: the clearance covers what is derived from the value alone.
    pub fn map<U>(self, derive: impl FnOnce(T) -> U) -> Cleared<U> {
        Cleared(derive(self.0))
    }
}

impl Cleared<UserNo> {
    /// What a right is about, released to who has it: totals, never content, which [`Viewer::clear`] alone releases.
    pub fn release<U>(self, what: U) -> Cleared<U> {
        Cleared(what)
    }
}

/// When and where a view is taken: everything that decisions about this node's own people depend on besides who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Standing {
    /// The moment the view is taken at.
    pub now: Micros,
    /// The member of this node, once it is in a community.
    pub home: Option<MemberId>,
    /// The circles that this member is in, as far as they are resolved.
    pub circles: BTreeSet<CircleId>,
}

impl Standing {
    /// At a moment, on a node that stands alone.
    #[must_use]
    pub fn at(now: Micros) -> Self {
        Self { now, ..Self::default() }
    }

    fn situation(&self) -> Situation<'_> {
        Situation { now: self.now, home: self.home, peers: self, consent: Consent::None }
    }
}

/// Of members and circles a standing knows what concerns its own member.
impl Peers for Standing {
    fn kind(&self, _: &MemberId) -> Option<Kind> {
        None
    }

    fn circle(&self, circle: &CircleId) -> Option<BTreeSet<MemberId>> {
        self.circles.contains(circle).then(|| self.home.into_iter().collect())
    }

    fn circles_of(&self, member: &MemberId) -> BTreeSet<CircleId> {
        if self.home == Some(*member) { self.circles.clone() } else { BTreeSet::new() }
    }
}

/// The proof that someone may read certain collections; every read of the store takes one and answers only within it.
///
/// A view is taken for one action, [`Action::See`] unless [`Viewer::to`] says otherwise, and at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    user: UserNo,
    collections: BTreeSet<CollectionNo>,
    action: Action,
    /// Whether what may be used for something else only is in view too.
    purposes: Asked,
    standing: Standing,
}

/// Whether a view asks what something may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Yes,
    No,
}

impl Viewer {
    fn new(user: UserNo, collections: BTreeSet<CollectionNo>, standing: &Standing) -> Self {
        Self { user, collections, action: Action::See, purposes: Asked::Yes, standing: standing.clone() }
    }

    /// Whose eyes these are: decides about objects that are for named persons.
    #[must_use]
    pub const fn user(&self) -> UserNo {
        self.user
    }

    /// The collections that may be read, none other.
    #[must_use]
    pub const fn collections(&self) -> &BTreeSet<CollectionNo> {
        &self.collections
    }

    /// What the view is for.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// When and where it is taken.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The same eyes for another action. Every action asks at least what seeing asks.
    #[must_use]
    pub fn to(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    /// The same eyes, also on what may not be used for this: to find what a deed is about (it is narrowed, called back), never to
    /// show it.
    #[must_use]
    pub fn for_deeds(mut self) -> Self {
        self.purposes = Asked::No;
        self
    }

    /// What an object's rules must meet to be in this view; the store renders this list into its queries.
    #[must_use]
    pub fn demands(&self) -> Vec<Demand> {
        let mut demands = demands(&self.recipient(), self.action, &self.standing.situation());
        if self.purposes == Asked::No {
            demands.retain(|demand| demand.rule != Rule::Purpose);
        }
        demands
    }

    /// The decision for one object: is it in a readable collection, and do its rules (`None` = none) let these eyes have it?
    ///
    /// The store's predicate must agree with this function; its tests compare them.
    #[must_use]
    pub fn sees(&self, in_collections: &[CollectionNo], rules: Option<&Rules>) -> bool {
        in_collections.iter().any(|no| self.collections.contains(no))
            && rules.is_none_or(|rules| allows(&self.demands(), rules))
    }

    /// The decision about rules alone, with its reasons.
    #[must_use]
    pub fn judge(&self, rules: &Rules) -> Verdict {
        judge(&self.recipient(), self.action, rules, &self.standing.situation())
    }

    const fn recipient(&self) -> Recipient {
        // Who may read no collection has no viewer that sees any.
        Recipient::Person { user: self.user, reads: true }
    }

    /// Releases what a store answered to this viewer.
    pub fn clear<T>(&self, answer: T) -> Cleared<T> {
        Cleared(answer)
    }
}

/// The proof that someone may add to and delete from one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    collection: CollectionNo,
    eyes: Viewer,
    reads: bool,
    /// This collection, and those that the writer reads.
    known: BTreeSet<CollectionNo>,
}

impl Writer {
    /// Who writes.
    #[must_use]
    pub const fn user(&self) -> UserNo {
        self.eyes.user
    }

    /// Where.
    #[must_use]
    pub const fn collection(&self) -> CollectionNo {
        self.collection
    }

    /// What the writer may know of in this collection: what comes in is judged against that and nothing else. Not a right
    /// to read: the answer to a writer without it tells verdicts, never content.
    #[must_use]
    pub const fn eyes(&self) -> &Viewer {
        &self.eyes
    }

    /// Whether the writer may also read the collection. Who may not is told nothing that depends on what is there, but
    /// whether an object was taken.
    #[must_use]
    pub const fn reads(&self) -> bool {
        self.reads
    }

    /// Whether what this writer puts in as a version of something stays under `rules`, under which another version of it stands in
    /// `collection`: it does wherever the writer may know of that one, whatever it may be used for. What is withheld from them
    /// binds nobody, so that it does not show in what they put in.
    #[must_use]
    pub fn is_bound_by(&self, collection: CollectionNo, rules: &Rules) -> bool {
        self.known.contains(&collection) && self.is_bound_under(rules)
    }

    /// The same of what stands, or stood, in a collection that the writer may know of.
    #[must_use]
    pub fn is_bound_under(&self, rules: &Rules) -> bool {
        allows(&self.eyes.demands(), &rules.apart_from_purposes())
    }
}

/// What `principal` may do with `collection`: grants, narrowed by role and by the credential's scopes.
#[must_use]
pub fn access(principal: &Principal, collection: CollectionNo) -> Access {
    let granted = principal.access.get(&collection).copied().unwrap_or(Access::NONE);
    granted.and(Access { read: reads(principal), write: writes(principal) })
}

fn reads(principal: &Principal) -> bool {
    let by_role =
        [Role::Reader, Role::Analyst, Role::Approver, Role::Admin].iter().any(|role| principal.is(*role));
    by_role && principal.can(Scope::Read)
}

fn writes(principal: &Principal) -> bool {
    principal.is(Role::Analyst) && principal.can(Scope::Write)
}

/// The view over everything `principal` may read; may be empty.
#[must_use]
pub fn viewer(principal: &Principal, standing: &Standing) -> Viewer {
    let readable = principal.access.keys().copied().filter(|no| access(principal, *no).read);
    Viewer::new(principal.user, readable.collect(), standing)
}

/// The view over one collection.
///
/// # Errors
/// `CollectionUnknown` when the grants, roles and scopes leave nothing at all (answer as if it did not exist),
/// `CollectionNotReadable` when they leave writing only.
pub fn may_read(
    principal: &Principal,
    collection: CollectionNo,
    standing: &Standing,
) -> Result<Viewer, Refusal> {
    known(principal, collection)?;
    if access(principal, collection).read {
        return Ok(Viewer::new(principal.user, BTreeSet::from([collection]), standing));
    }
    Err(Refusal::new(
        Rule::CollectionNotReadable,
        "this collection may not be read with this account or token",
    ))
}

/// The right to add to and delete from one collection.
///
/// # Errors
/// `CollectionUnknown` when grants, roles and scopes leave nothing at all, `CollectionNotWritable` when they leave reading
/// only.
pub fn may_write(
    principal: &Principal,
    collection: CollectionNo,
    standing: &Standing,
) -> Result<Writer, Refusal> {
    known(principal, collection)?;
    let access = access(principal, collection);
    if access.write {
        let eyes = Viewer::new(principal.user, BTreeSet::from([collection]), standing);
        let mut known = viewer(principal, standing).collections;
        known.insert(collection);
        return Ok(Writer { collection, eyes, reads: access.read, known });
    }
    Err(Refusal::new(
        Rule::CollectionNotWritable,
        "this collection may not be written with this account or token",
    ))
}

fn known(principal: &Principal, collection: CollectionNo) -> Result<(), Refusal> {
    let access = access(principal, collection);
    if access.read || access.write {
        return Ok(());
    }
    Err(Refusal::new(Rule::CollectionUnknown, "no such collection"))
}

/// The right to manage people, tokens, collections and operation.
///
/// # Errors
/// `RoleMissing` without the admin role, `ScopeMissing` when the credential lacks the admin scope.
pub fn may_administer(principal: &Principal) -> Result<Cleared<UserNo>, Refusal> {
    if !principal.is(Role::Admin) {
        return Err(Refusal::new(Rule::RoleMissing, "this needs the admin role"));
    }
    if !principal.can(Scope::Admin) {
        return Err(Refusal::new(Rule::ScopeMissing, "this needs a token with the admin scope"));
    }
    Ok(Cleared(principal.user))
}

/// The right to use a credential for something that concerns its user alone.
///
/// # Errors
/// `ScopeMissing` when the credential lacks `scope`.
pub fn may_use(principal: &Principal, scope: Scope) -> Result<Cleared<UserNo>, Refusal> {
    if !principal.can(scope) {
        return Err(Refusal::new(Rule::ScopeMissing, format!("this needs a token with the {scope} scope")));
    }
    Ok(Cleared(principal.user))
}

/// The right to see metadata and refusals of everything, without content.
///
/// # Errors
/// `RoleMissing` without the auditor role, `ScopeMissing` when the credential may not read.
pub fn may_audit(principal: &Principal) -> Result<Cleared<UserNo>, Refusal> {
    if !principal.is(Role::Auditor) {
        return Err(Refusal::new(Rule::RoleMissing, "this needs the auditor role"));
    }
    if !principal.can(Scope::Read) {
        return Err(Refusal::new(Rule::ScopeMissing, "this needs a token with the read scope"));
    }
    Ok(Cleared(principal.user))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Means, Shown};

    fn principal(roles: &[Role], scopes: &[Scope], access: Access) -> Principal {
        Principal {
            user: UserNo(7),
            name: "ann".into(),
            roles: roles.iter().copied().collect(),
            scopes: scopes.iter().copied().collect(),
            shown: Shown::own(Means::Password),
            access: BTreeMap::from([(CollectionNo(1), access)]),
        }
    }

    const RW: Access = Access { read: true, write: true };

    #[test]
    fn grants_narrow_roles_and_never_widen_them() {
        let reader = principal(&[Role::Reader], &Scope::ALL, RW);
        assert!(may_read(&reader, CollectionNo(1), &Standing::default()).is_ok());
        assert_eq!(
            may_write(&reader, CollectionNo(1), &Standing::default()).unwrap_err().rule,
            Rule::CollectionNotWritable
        );
        let analyst = principal(&[Role::Analyst], &Scope::ALL, RW);
        assert!(may_write(&analyst, CollectionNo(1), &Standing::default()).is_ok());
    }

    #[test]
    fn without_any_grant_a_collection_does_not_exist() {
        let analyst = principal(&[Role::Analyst], &Scope::ALL, RW);
        assert_eq!(
            may_read(&analyst, CollectionNo(2), &Standing::default()).unwrap_err().rule,
            Rule::CollectionUnknown
        );
        assert_eq!(
            may_write(&analyst, CollectionNo(2), &Standing::default()).unwrap_err().rule,
            Rule::CollectionUnknown
        );
    }

    #[test]
    fn half_a_grant_is_known_but_refused() {
        let analyst = principal(&[Role::Analyst], &Scope::ALL, Access { read: false, write: true });
        assert_eq!(
            may_read(&analyst, CollectionNo(1), &Standing::default()).unwrap_err().rule,
            Rule::CollectionNotReadable
        );
        assert!(viewer(&analyst, &Standing::default()).collections().is_empty());
    }

    #[test]
    fn a_token_narrows_its_user() {
        let reading = principal(&[Role::Analyst, Role::Admin], &[Scope::Read], RW);
        let refusal = may_write(&reading, CollectionNo(1), &Standing::default()).unwrap_err();
        assert_eq!(refusal.rule, Rule::CollectionNotWritable);
        assert_eq!(may_administer(&reading).unwrap_err().rule, Rule::ScopeMissing);
    }

    #[test]
    fn who_may_do_nothing_with_a_collection_does_not_learn_of_it() {
        for role in [Role::Auditor, Role::Contact] {
            let nobody = principal(&[role], &Scope::ALL, RW);
            let refusal = may_read(&nobody, CollectionNo(1), &Standing::default()).unwrap_err();
            assert_eq!(refusal.rule, Rule::CollectionUnknown);
        }
        let operating = principal(&[Role::Analyst, Role::Admin], &[Scope::Admin], RW);
        let standing = Standing::default();
        let refusal = may_read(&operating, CollectionNo(1), &standing).unwrap_err();
        assert_eq!(refusal.rule, Rule::CollectionUnknown);
        let refusal = may_write(&operating, CollectionNo(1), &standing).unwrap_err();
        assert_eq!(refusal.rule, Rule::CollectionUnknown);
        let reader = principal(&[Role::Reader], &Scope::ALL, Access { read: false, write: true });
        let refusal = may_write(&reader, CollectionNo(1), &standing).unwrap_err();
        assert_eq!(refusal.rule, Rule::CollectionUnknown);
    }

    #[test]
    fn red_is_for_the_named() {
        let view = viewer(&principal(&[Role::Reader], &Scope::ALL, RW), &Standing::default());
        let red = |person| {
            let named = [crate::Person::Here(UserNo(person))];
            Rules::marked(Some(stix::TlpLevel::Red), crate::Originator::Here).naming(named)
        };
        assert!(view.sees(&[CollectionNo(1)], None));
        assert!(view.sees(&[CollectionNo(1)], Some(&red(7))));
        assert!(!view.sees(&[CollectionNo(1)], Some(&red(8))));
        assert!(!view.sees(&[CollectionNo(2)], None));
    }
}
