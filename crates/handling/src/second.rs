//! The two-person rule: what one person alone may not do, and the proof that a second said yes.
//!
//! A deed that takes a second person is a value that holds all of its arguments ([`TwoPersonDeed`]); whoever does it takes
//! [`Seconded`] of that value, which is made here alone: by [`alone`], where nobody else could say yes, by [`by_holder`], for
//! whoever has the directory in their hands, and by [`seconded`], from an approval that the store has spent in this moment. So
//! a forgotten approval does not compile, and one that was given for something else does not fit.
//!
//! Policy, for this rule, is what decides about objects that nobody looks at while deciding: grants, circles, who may
//! approve. To share one object, or to consent to it being passed on, is a decision about that object alone, signed into the
//! ledger by name, and takes no second person.

use std::fmt;
use std::str::FromStr;

use base::Micros;
use stix::TlpLevel;

use crate::{Access, CollectionNo, Grantee, Principal, Refusal, Role, Rule, Scope, Shown, UserNo};

/// Kinds of deeds that take a second person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarded {
    /// Taking out more objects than one person may in a day.
    BulkExport,
    /// Making a copy of the node that holds its keys.
    KeyExport,
    /// Letting more people read a collection that holds what is marked for few.
    OpenCollection,
    /// Taking members into a circle, who get what is shared with it.
    WidenCircle,
    /// Taking the say in this from somebody who has it.
    DropApprover,
}

impl Guarded {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::BulkExport, Self::KeyExport, Self::OpenCollection, Self::WidenCircle, Self::DropApprover];

    /// The name in commands and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BulkExport => "bulk-export",
            Self::KeyExport => "key-export",
            Self::OpenCollection => "open-collection",
            Self::WidenCircle => "widen-circle",
            Self::DropApprover => "drop-approver",
        }
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Guarded {
    type Err = UnknownDeed;

    fn from_str(name: &str) -> Result<Self, UnknownDeed> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or(UnknownDeed)
    }
}

/// Not the name of a deed that takes a second person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a deed that takes a second person")]
pub struct UnknownDeed;

/// A deed that takes a second person, with everything it will do.
pub trait TwoPersonDeed {
    /// What kind of deed it is.
    const KIND: Guarded;

    /// The deed in one line that holds every argument: what the second person reads and says yes to. Two deeds have the same
    /// line only when they do the same.
    fn words(&self) -> String;
}

/// By whose word a deed is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warrant {
    /// There was nobody else to ask.
    Alone,
    /// Whoever holds the directory: who has the disk has what is on it.
    Holder,
    /// A second person said yes.
    Second {
        /// The approval.
        approval: String,
        /// Who said yes.
        by: UserNo,
    },
    /// The one who asked went ahead alone; every member is told.
    BrokenGlass {
        /// The approval.
        approval: String,
    },
}

/// The proof that a deed may be done. It is used up by doing it.
#[derive(Debug, PartialEq, Eq)]
pub struct Seconded<T> {
    deed: T,
    warrant: Warrant,
}

impl<T> Seconded<T> {
    /// What may be done.
    pub const fn deed(&self) -> &T {
        &self.deed
    }

    /// By whose word.
    pub const fn warrant(&self) -> &Warrant {
        &self.warrant
    }

    /// What is to be done now.
    pub fn into_deed(self) -> T {
        self.deed
    }
}

/// Somebody of this node, as far as this rule goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colleague {
    /// Who.
    pub user: UserNo,
    /// Whether they could say yes: not disabled, and approver or administrator.
    pub approves: bool,
}

/// Whether these roles give a say in what others ask for.
#[must_use]
pub fn approves(roles: impl IntoIterator<Item = Role>) -> bool {
    roles.into_iter().any(|role| matches!(role, Role::Approver | Role::Admin))
}

/// Whether the rule waits for a second person to exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bound {
    /// It holds as soon as somebody besides the one who asks could say yes.
    #[default]
    WhenPossible,
    /// It holds always.
    Always,
}

/// The deed of somebody besides whom nobody could say yes; the deed itself where somebody could.
///
/// # Errors
/// The deed, which takes a second person.
pub fn alone<T>(
    deed: T,
    who: &Principal,
    others: impl IntoIterator<Item = Colleague>,
    bound: Bound,
) -> Result<Seconded<T>, T> {
    let somebody = others.into_iter().any(|one| one.approves && one.user != who.user);
    if somebody || bound == Bound::Always {
        return Err(deed);
    }
    Ok(Seconded { deed, warrant: Warrant::Alone })
}

/// The deed of whoever holds the directory of a node that nobody serves. Only for wiring that has opened the directory.
pub const fn by_holder<T>(deed: T) -> Seconded<T> {
    Seconded { deed, warrant: Warrant::Holder }
}

/// What was answered to somebody who asked for a second person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// Somebody said yes.
    Granted {
        /// Who.
        by: UserNo,
    },
    /// The one who asked went ahead alone.
    BrokenGlass,
}

/// An approval that the store has marked as used in this moment: it will not give it out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Its id.
    pub id: String,
    /// For what kind of deed.
    pub deed: Guarded,
    /// For which deed.
    pub words: String,
    /// Who asked.
    pub requester: UserNo,
    /// Until when it could be used.
    pub expires: Micros,
    /// What was answered.
    pub answered: Answered,
}

/// The proof from an approval: it must be for this very deed, of this person, still run, and by somebody else.
///
/// # Errors
/// `SecondPerson`.
pub fn seconded<T: TwoPersonDeed>(
    deed: T,
    who: &Principal,
    spent: Spent,
    now: Micros,
) -> Result<Seconded<T>, Refusal> {
    let fits = spent.deed == T::KIND && spent.words == deed.words() && spent.requester == who.user;
    if !fits || spent.expires <= now {
        return Err(Refusal::new(Rule::SecondPerson, "the approval is for another deed, or has run out"));
    }
    let warrant = match spent.answered {
        Answered::Granted { by } if by == who.user => {
            return Err(Refusal::new(Rule::SecondPerson, "nobody is their own second person"));
        }
        Answered::Granted { by } => Warrant::Second { approval: spent.id, by },
        Answered::BrokenGlass => Warrant::BrokenGlass { approval: spent.id },
    };
    Ok(Seconded { deed, warrant })
}

/// The right to say yes or no to what `requester` asks for.
///
/// # Errors
/// `RoleMissing` without the approver or admin role, `ScopeMissing` when the credential may only read, `SecondPerson` for
/// one's own request, and where one and the same person may have shown both credentials.
pub fn may_approve(
    principal: &Principal,
    requester: UserNo,
    asked_with: Option<&Shown>,
) -> Result<(), Refusal> {
    if !approves(principal.roles.iter().copied()) {
        return Err(Refusal::new(Rule::RoleMissing, "this needs the approver or the admin role"));
    }
    may_change(principal)?;
    if principal.user == requester {
        let why = "this is your own request: somebody else decides it";
        return Err(Refusal::new(Rule::SecondPerson, why));
    }
    match one_for_both(principal, requester, asked_with) {
        Some(why) => Err(Refusal::new(Rule::SecondPerson, why)),
        None => Ok(()),
    }
}

/// Why asking and answering may be of one person, who has had both credentials in their hands.
fn one_for_both(
    principal: &Principal,
    requester: UserNo,
    asked_with: Option<&Shown>,
) -> Option<&'static str> {
    let known = &principal.shown.known_to;
    if known.contains(&requester) {
        return Some(
            "whoever asks for this set your password or made your token: change the password yourself, then answer with it \
             or with a token that you make with it",
        );
    }
    let asked = &asked_with?.known_to;
    if asked.contains(&principal.user) {
        return Some(
            "you set the password or made the token this was asked with: they change the password themselves and ask again \
             with it, or somebody else decides this",
        );
    }
    if !asked.is_disjoint(known) {
        return Some(
            "one person has had both your credential and the one this was asked with: change your password yourself, then \
             answer with it or with a token that you make with it",
        );
    }
    None
}

/// The right to go ahead alone with what `requester` asked for.
///
/// # Errors
/// `ScopeMissing` when the credential may only read, `SecondPerson` for somebody else's request.
pub fn may_break_glass(principal: &Principal, requester: UserNo) -> Result<(), Refusal> {
    may_change(principal)?;
    if principal.user != requester {
        let why = "only the one who asked goes ahead without a second person";
        return Err(Refusal::new(Rule::SecondPerson, why));
    }
    Ok(())
}

fn may_change(principal: &Principal) -> Result<(), Refusal> {
    if principal.can(Scope::Write) || principal.can(Scope::Admin) {
        return Ok(());
    }
    Err(Refusal::new(Rule::ScopeMissing, "this needs a password, or a token with the write or admin scope"))
}

/// What a collection holds, as far as opening it to more people goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Nothing that anybody has marked for few.
    NothingMarked,
    /// Something marked TLP:AMBER or stricter.
    MarkedForFew,
}

impl Holds {
    /// The level from which on a mark is for few.
    pub const FROM: TlpLevel = TlpLevel::Amber;
}

/// A grant that lets more people read a collection which holds what is marked for few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCollection {
    /// The collection.
    pub collection: CollectionNo,
    /// What it is called.
    pub collection_name: String,
    /// To whom.
    pub grantee: Grantee,
    /// What they are called: `user:NAME` or `role:ROLE`.
    pub grantee_name: String,
    /// For what.
    pub access: Access,
}

impl TwoPersonDeed for OpenCollection {
    const KIND: Guarded = Guarded::OpenCollection;

    fn words(&self) -> String {
        format!(
            "grant {} on collection {} (no. {}), which holds what is marked TLP:AMBER or stricter, to {}",
            self.access.name(),
            self.collection_name,
            self.collection.0,
            self.grantee_name
        )
    }
}

/// The proof that a line of an access list may be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantChange {
    collection: CollectionNo,
    grantee: Grantee,
    access: Access,
}

impl GrantChange {
    /// A change after which nobody reads more than before of what is marked for few.
    ///
    /// # Errors
    /// The deed that it is otherwise.
    pub fn weigh(wanted: OpenCollection, before: Access, holds: Holds) -> Result<Self, OpenCollection> {
        let opens = wanted.access.read && !before.read && matches!(holds, Holds::MarkedForFew);
        if opens { Err(wanted) } else { Ok(Self::of(wanted)) }
    }

    /// A change that a second person said yes to.
    #[must_use]
    pub fn seconded(deed: Seconded<OpenCollection>) -> Self {
        Self::of(deed.into_deed())
    }

    fn of(deed: OpenCollection) -> Self {
        let OpenCollection { collection, grantee, access, .. } = deed;
        Self { collection, grantee, access }
    }

    /// The collection, to whom, and for what.
    #[must_use]
    pub const fn parts(&self) -> (CollectionNo, &Grantee, Access) {
        (self.collection, &self.grantee, self.access)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::Means;

    fn person(user: i64, roles: &[Role], scopes: &[Scope]) -> Principal {
        Principal {
            user: UserNo(user),
            name: format!("user {user}"),
            roles: roles.iter().copied().collect(),
            scopes: scopes.iter().copied().collect::<BTreeSet<_>>(),
            shown: Shown::own(Means::Password),
            access: BTreeMap::new(),
        }
    }

    fn opening(user: i64) -> OpenCollection {
        OpenCollection {
            collection: CollectionNo(1),
            collection_name: "inbox".into(),
            grantee: Grantee::User(UserNo(user)),
            grantee_name: format!("user:{user}"),
            access: Access { read: true, write: false },
        }
    }

    fn spent(deed: &OpenCollection, answered: Answered) -> Spent {
        Spent {
            id: "one".into(),
            deed: Guarded::OpenCollection,
            words: deed.words(),
            requester: UserNo(1),
            expires: Micros(100),
            answered,
        }
    }

    #[test]
    fn the_rule_holds_from_the_moment_somebody_else_could_say_yes() {
        let ann = person(1, &[Role::Admin], &Scope::ALL);
        let one = |user, approves| Colleague { user: UserNo(user), approves };
        for nobody in [vec![], vec![one(1, true)], vec![one(1, true), one(2, false)]] {
            let done = alone(opening(5), &ann, nobody.clone(), Bound::WhenPossible).unwrap();
            assert_eq!(*done.warrant(), Warrant::Alone);
            assert_eq!(alone(opening(5), &ann, nobody, Bound::Always), Err(opening(5)));
        }
        let two = [one(1, true), one(2, true)];
        assert_eq!(alone(opening(5), &ann, two, Bound::WhenPossible), Err(opening(5)));
    }

    #[test]
    fn an_approval_is_for_one_deed_of_one_person_in_time_and_by_another() {
        let ann = person(1, &[Role::Admin], &Scope::ALL);
        let yes = spent(&opening(5), Answered::Granted { by: UserNo(2) });
        let done = seconded(opening(5), &ann, yes.clone(), Micros(99)).unwrap();
        assert_eq!(*done.warrant(), Warrant::Second { approval: "one".into(), by: UserNo(2) });
        assert_eq!(done.into_deed(), opening(5));
        let refused = |deed, who: &Principal, spent, now| {
            seconded::<OpenCollection>(deed, who, spent, Micros(now)).unwrap_err().rule
        };
        assert_eq!(refused(opening(6), &ann, yes.clone(), 99), Rule::SecondPerson);
        assert_eq!(
            refused(opening(5), &person(3, &[Role::Admin], &Scope::ALL), yes.clone(), 99),
            Rule::SecondPerson
        );
        assert_eq!(refused(opening(5), &ann, yes.clone(), 100), Rule::SecondPerson);
        let other = Spent { deed: Guarded::BulkExport, ..yes };
        assert_eq!(refused(opening(5), &ann, other, 99), Rule::SecondPerson);
        let own = spent(&opening(5), Answered::Granted { by: UserNo(1) });
        assert_eq!(refused(opening(5), &ann, own, 99), Rule::SecondPerson);
        let broken =
            seconded(opening(5), &ann, spent(&opening(5), Answered::BrokenGlass), Micros(0)).unwrap();
        assert_eq!(*broken.warrant(), Warrant::BrokenGlass { approval: "one".into() });
    }

    #[test]
    fn whoever_may_approve_has_the_role_a_credential_that_changes_things_and_did_not_ask() {
        let rule = |who: &Principal| may_approve(who, UserNo(1), None).map_err(|refusal| refusal.rule);
        for role in [Role::Approver, Role::Admin] {
            assert_eq!(rule(&person(2, &[role], &[Scope::Write])), Ok(()));
            assert_eq!(rule(&person(2, &[role], &[Scope::Admin])), Ok(()));
            assert_eq!(rule(&person(2, &[role], &[Scope::Read])), Err(Rule::ScopeMissing));
            assert_eq!(rule(&person(1, &[role], &Scope::ALL)), Err(Rule::SecondPerson));
        }
        for role in [Role::Reader, Role::Analyst, Role::Auditor, Role::Contact] {
            assert_eq!(rule(&person(2, &[role], &Scope::ALL)), Err(Rule::RoleMissing));
        }
        let glass = |who: &Principal| may_break_glass(who, UserNo(1)).map_err(|refusal| refusal.rule);
        assert_eq!(glass(&person(1, &[Role::Analyst], &[Scope::Write])), Ok(()));
        assert_eq!(glass(&person(1, &[Role::Analyst], &[Scope::Read])), Err(Rule::ScopeMissing));
        assert_eq!(glass(&person(2, &[Role::Admin], &Scope::ALL)), Err(Rule::SecondPerson));
    }

    #[test]
    fn nobody_answers_with_a_credential_that_the_one_who_asks_has_had() {
        let shown = |means, known_to: &[i64]| Shown {
            means,
            known_to: known_to.iter().copied().map(UserNo).collect(),
        };
        let bob = |known_to: &[i64]| Principal {
            shown: shown(Means::Token, known_to),
            ..person(2, &[Role::Approver], &Scope::ALL)
        };
        let may = |who: &Principal, asked: &[i64]| {
            may_approve(who, UserNo(1), Some(&shown(Means::Token, asked))).is_ok()
        };
        assert!(may(&bob(&[]), &[]));
        assert!(may(&bob(&[3]), &[4]), "two who have had one each are two");
        assert!(!may(&bob(&[3, 1]), &[]), "whoever asks has made the answer's credential");
        assert!(!may(&bob(&[]), &[2]), "whoever answers has made the request's credential");
        assert!(!may(&bob(&[3]), &[3]), "a third has made both");
        assert!(may_approve(&bob(&[3]), UserNo(1), None).is_ok(), "what was asked before this was kept");
        assert!(may_approve(&bob(&[1]), UserNo(1), None).is_err());
    }

    #[test]
    fn only_opening_what_is_marked_for_few_takes_a_second_person() {
        let r = Access { read: true, write: false };
        let w = Access { read: false, write: true };
        let weigh = |access, before, holds| {
            GrantChange::weigh(OpenCollection { access, ..opening(5) }, before, holds).is_ok()
        };
        assert!(weigh(r, Access::NONE, Holds::NothingMarked));
        assert!(!weigh(r, Access::NONE, Holds::MarkedForFew));
        assert!(!weigh(r, w, Holds::MarkedForFew));
        for (access, before) in
            [(r, r), (w, Access::NONE), (Access::NONE, r), (Access { read: true, write: true }, r)]
        {
            assert!(weigh(access, before, Holds::MarkedForFew), "{access:?} {before:?}");
        }
    }
}
