//! All inbound sockets: TAXII 2.1, the JSON API, pages, health and metrics over HTTP/1.1, with or without TLS.
//!
//! A connection is accepted in [`Server`]; each request passes the `frame` (id, errors, secure head fields, log, counters)
//! and goes to `door` (TAXII) or to the router (everything else). A handler asks for a [`Caller`], calls one deed of
//! `node`, and renders what was released.
//!
//! Decides nothing about rights, and reads no store: both are behind `node`.
//!
//! Architecture Invariant: nothing that `handling` has not cleared is rendered; no request body is read without a limit in
//! bytes and in time.

pub mod api;
mod app;
mod body;
mod caller;
mod certificate;
mod codes;
mod door;
mod faults;
mod federation;
mod form;
mod frame;
mod health;
mod ledger_door;
mod lent;
mod metrics;
mod owing;
mod pages;
mod problem;
mod relay_door;
mod reply;
mod road;
mod router;
mod serve;
mod strangers;
mod stream;
mod tls;

pub use app::{App, LedgerReaders, MembersTls, Options, TlsFiles};
pub use body::{JsonBody, MediumBody, RawBody};
pub use caller::{CSRF_HEADER, Caller, SESSION_COOKIE, Trail, Visitor};
pub use codes::{all_codes, codes, explain};
pub use form::{Object, object};
pub use metrics::Metrics;
pub use problem::{PROBLEM_JSON, Problem};
pub use road::Came;
pub use serve::{ServeError, Server, serve};
