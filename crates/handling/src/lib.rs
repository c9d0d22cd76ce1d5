//! Judgement: who may see and do what. The only mint of [`Viewer`], [`Writer`], [`Cleared`] and [`Seconded`].
//!
//! Stands between every door and every use case: the store answers reads only to a [`Viewer`], accepts objects only with a
//! [`Writer`], and doors render only [`Cleared`] values. All three have private fields and are made here alone, so a forgotten
//! check is a type error. Decisions are pure: everything they depend on is an argument.
//!
//! What an object's markings and its originator ask is a value ([`Rules`]); whether a recipient may do something under them is
//! one function ([`judge`]), whose list of demands the store renders into its queries.
//!
//! Architecture Invariant: no decision here reads a clock, a socket or a database.

mod besides;
mod cleared;
mod demand;
mod form;
mod judge;
mod marks;
mod narrower;
mod national;
mod opens;
mod principal;
mod refusal;
mod rules;
mod second;
mod shown;

pub use besides::Receiver;
pub use cleared::{
    Cleared, Standing, Viewer, Writer, access, may_administer, may_audit, may_read, may_use, may_write,
    viewer,
};
pub use demand::{Demand, Test, demands};
pub use form::NotRules;
pub use judge::{
    Action, Alone, Consent, Decision, Kind, Peers, Recipient, Situation, UnknownAction, Verdict, allows,
    judge,
};
pub use marks::{Mark, mark_of, mark_of_words};
pub use narrower::Narrower;
pub use principal::{Access, CollectionNo, Grant, Grantee, Principal, Role, Scope, UnknownName, UserNo};
pub use refusal::{Refusal, Rule};
pub use rules::{
    About, Addressee, Audience, CircleId, Control, Markings, MemberId, Originator, Pap, Person, Purpose,
    Purposes, Rules, UnknownPap, pap_no,
};
pub use second::{
    Answered, Bound, Colleague, GrantChange, Guarded, Holds, OpenCollection, Seconded, Spent, TwoPersonDeed,
    UnknownDeed, Warrant, alone, approves, by_holder, may_approve, may_break_glass, seconded,
};
pub use shown::{Making, Means, Shown};
