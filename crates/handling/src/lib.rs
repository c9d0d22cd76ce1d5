//! Judgement: who may see and do what. The only mint of [`Viewer`], [`Writer`] and [`Cleared`].
//!
//! Stands between every door and every use case: the store answers reads only to a [`Viewer`], accepts objects only with a
//! [`Writer`], and doors render only [`Cleared`] values. All three have private fields and are made here alone, so a forgotten
//! check is a type error. Decisions are pure: everything they depend on is an argument.
//!
//! Architecture Invariant: no decision here reads a clock, a socket or a database.

mod cleared;
mod principal;
mod refusal;

pub use cleared::{
    Cleared, Viewer, Writer, access, may_administer, may_audit, may_read, may_use, may_write, viewer,
};
pub use principal::{Access, CollectionNo, Grant, Grantee, Principal, Role, Scope, UnknownName, UserNo};
pub use refusal::{Refusal, Rule};
