//! The use cases over a real store, with a clock and a random stream that the tests hold in their hands.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

mod accept;
mod accounts;
mod awaited;
mod besides;
mod came_back;
mod circle_wait;
mod collections;
mod community;
mod courier;
mod deeds;
mod deposits;
mod exchange;
mod flood;
mod foretold;
mod handshake;
mod hostile;
mod import;
mod later;
mod leaving;
mod lineages;
mod lost_key;
mod narrowing;
mod originator;
mod owed;
mod parts;
mod peers;
mod ports;
mod read;
mod recovery;
mod regained;
mod registry_told;
mod relay;
mod rules;
mod seek;
mod settle;
mod sightings;
mod two_desks;
mod withheld;

use std::sync::Arc;

use base::{FixedClock, Micros, Redacted, SeededRng};
use bytes::Bytes;
use handling::{Access, Principal, Role, Scope};
use node::{
    AcceptRequest, Accepted, Credential, GranteeName, InitRequest, Initialised, KeepStatus, NewCollection,
    NewUser, Node, Options, PasswordCost, Settings,
};
use store_sqlite::SqliteStore;

/// 2026-01-01T00:00:00Z
const START: Micros = Micros(1_767_225_600 * Micros::SECOND);
const RW: Access = Access { read: true, write: true };
const R: Access = Access { read: true, write: false };

/// A node in a directory of its own.
struct Bench {
    node: Node,
    clock: Arc<FixedClock>,
    store: Arc<SqliteStore>,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn empty() -> Self {
        Self::of_seed(7)
    }

    fn of_seed(seed: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(START));
        let rng = Arc::new(SeededRng::new(seed));
        let store = SqliteStore::open(directory.path(), clock.clone(), rng.as_ref()).unwrap();
        let settings = Settings { password_cost: PasswordCost::Least, ..Settings::default() };
        let node = Node::open(store.clone(), clock.clone(), rng, settings);
        Self { node, clock, store, _directory: directory }
    }

    /// The same node, as a process that begins anew with other settings.
    async fn reopened(&mut self, settings: Settings) {
        self.reopened_with(31, settings).await;
    }

    async fn reopened_with(&mut self, seed: u64, settings: Settings) {
        let settings = Settings { password_cost: PasswordCost::Least, ..settings };
        let rng = Arc::new(SeededRng::new(seed));
        self.node = Node::open(self.store.clone(), self.clock.clone(), rng, settings);
        self.node.keep_ledger().await.unwrap();
    }

    async fn new() -> (Self, Initialised) {
        Self::seeded(7).await
    }

    async fn seeded(seed: u64) -> (Self, Initialised) {
        let bench = Self::of_seed(seed);
        let request = InitRequest { member_name: "CERT A".into(), admin_name: "root".into() };
        let initialised = bench.node.initialise(request).await.unwrap();
        (bench, initialised)
    }

    async fn operator(&self) -> Principal {
        self.node.local_operator().await.unwrap()
    }

    /// A user with a role, as a principal with every scope.
    async fn user(&self, name: &str, role: Role) -> Arc<Principal> {
        let password = Redacted::new(format!("password of {name}"));
        let new = NewUser { name: name.into(), roles: vec![role], password: Some(password) };
        self.node.add_user(&self.operator().await, new).await.unwrap();
        self.principal(name).await
    }

    /// The principal as of now: grants change it.
    async fn principal(&self, name: &str) -> Arc<Principal> {
        self.node.authenticate(password(name, &format!("password of {name}")), "peer").await.unwrap()
    }

    async fn collection(&self, id: &str, grants: Vec<(&str, Access)>) {
        let grants = grants.into_iter().map(|(to, access)| (to.parse::<GranteeName>().unwrap(), access));
        let new = NewCollection {
            id: Some(id.into()),
            title: id.into(),
            grants: grants.collect(),
            ..NewCollection::default()
        };
        self.node.add_collection(&self.operator().await, new).await.unwrap();
    }

    async fn accept(&self, who: &Principal, collection: &str, objects: &[String]) -> Accepted {
        let objects = objects.iter().map(|object| Bytes::from(object.clone())).collect();
        let (options, status) = (Options::default(), KeepStatus::No);
        self.node.accept(who, AcceptRequest { collection, objects, options, status }).await.unwrap()
    }
}

fn password(user: &str, password: &str) -> Credential {
    Credential::Password { user: user.into(), password: Redacted::new(password.into()) }
}

fn token(token: &Redacted<String>) -> Credential {
    Credential::Token(token.clone())
}

const ALL: [Scope; 3] = Scope::ALL;

/// An indicator for a pattern, with extra members (each with a leading comma).
fn indicator(at: u32, pattern: &str, extra: &str) -> String {
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-{at:012}","created":"2025-01-01T00:00:00.000Z","modified":"2025-01-01T00:00:00.000Z","name":"indicator number {at}","indicator_types":["malicious-activity"],"pattern":"{pattern}","pattern_type":"stix","valid_from":"2025-01-01T00:00:00Z"{extra}}}"#
    )
}

const RED: &str = r#","object_marking_refs":["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]"#;
