//! A whole node on a free port: store in a directory of its own, one administrator, and whoever a test needs.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, FixedClock, Micros, Redacted, Rng, SeededRng};
use base64::Engine;
use handling::{Access, Principal, Role, Scope};
use node::{GranteeName, InitRequest, NewCollection, NewUser, Node, PasswordCost, Settings, TokenRequest};
use serde_json::{Value, json};
use store::StoreError;
use store_sqlite::SqliteStore;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use web::{Options, Server};

use crate::client::{Answer, Ask, TAXII};

/// 2024-06-01T00:00:00Z
pub(crate) const START: Micros = Micros(1_717_200_000 * Micros::SECOND);
pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) node: Node,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) admin: Principal,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
    directory: Arc<TempDir>,
    options: Options,
}

/// Whom a request is from.
#[derive(Clone)]
pub(crate) struct Person {
    address: SocketAddr,
    pub(crate) token: String,
    pub(crate) name: String,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self::with_rng(options, Arc::new(SeededRng::new(1))).await
    }

    pub(crate) async fn with_rng(options: Options, rng: Arc<dyn Rng>) -> Self {
        let directory = Arc::new(TempDir::new().unwrap());
        let clock = Arc::new(FixedClock::at(START));
        let node = open(directory.path(), &clock, rng);
        node.initialise(InitRequest { member_name: "CERT A".into(), admin_name: "root".into() })
            .await
            .unwrap();
        Self::serve(node, clock, directory, options).await
    }

    async fn serve(node: Node, clock: Arc<FixedClock>, directory: Arc<TempDir>, options: Options) -> Self {
        let admin = node.local_operator().await.unwrap();
        let server = Server::bind("127.0.0.1:0", node.clone(), options.clone()).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { address, node, clock, admin, stop: Some(stop), served: Some(served), directory, options }
    }

    /// Where the store is.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Stops serving, closes the store, and starts again on the same directory.
    pub(crate) async fn restarted(mut self) -> Self {
        self.stop().await;
        let Self { clock, directory, options, node, .. } = self;
        drop(node);
        let node = open(directory.path(), &clock, Arc::new(SeededRng::new(2)));
        Self::serve(node, clock, directory, options).await
    }

    pub(crate) async fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.served.take().unwrap().await.unwrap();
    }

    /// A user with a role and a token of all scopes.
    pub(crate) async fn person(&self, name: &str, role: Role) -> Person {
        let user =
            NewUser { name: name.into(), roles: vec![role], password: Some(Redacted::new(PASSWORD.into())) };
        self.node.add_user(&self.admin, user).await.unwrap();
        self.token(name, &Scope::ALL).await
    }

    pub(crate) async fn token(&self, name: &str, scopes: &[Scope]) -> Person {
        let request = TokenRequest { user: name.into(), scopes: scopes.to_vec(), expires: None };
        let issued = self.node.issue_token(&self.admin, request).await.unwrap();
        Person { address: self.address, token: issued.token.expose().clone(), name: name.into() }
    }

    /// A collection by alias with one grant per person: `rw`, `r`, `w`. Gives its id.
    pub(crate) async fn collection(&self, alias: &str, grants: &[(&Person, &str)]) -> String {
        let grants = grants.iter().map(|(person, access)| {
            (GranteeName::User(person.name.clone()), access.parse::<Access>().unwrap())
        });
        let new = NewCollection {
            alias: Some(alias.into()),
            title: format!("Title of {alias}"),
            grants: grants.collect(),
            ..NewCollection::default()
        };
        self.node.add_collection(&self.admin, new).await.unwrap().id
    }

    pub(crate) fn ask(&self, method: &'static str, target: &str) -> Ask {
        Ask::new(self.address, method, target)
    }

    /// A page as somebody sees it who has signed in with the password.
    pub(crate) async fn page(&self, name: &str, target: &str) -> String {
        let cookie = self.sign_in(name).await;
        let asked = self.ask("GET", target).header("Cookie", &cookie).header("Accept", "text/html");
        String::from_utf8(asked.send().await.body).unwrap()
    }

    /// The same once its form was sent with these fields.
    pub(crate) async fn filled(&self, name: &str, target: &str, fields: &str) -> String {
        let cookie = self.sign_in(name).await;
        let asked = self.ask("GET", target).header("Cookie", &cookie).header("Accept", "text/html");
        let page = String::from_utf8(asked.send().await.body).unwrap();
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let form = self.ask("POST", target).header("Content-Type", "application/x-www-form-urlencoded");
        let answer = form.header("Cookie", &cookie).body(format!("{fields}&csrf={csrf}")).send().await;
        String::from_utf8(answer.body).unwrap()
    }

    async fn sign_in(&self, name: &str) -> String {
        let form = self.ask("POST", "/sign-in").header("Content-Type", "application/x-www-form-urlencoded");
        let password = PASSWORD.replace(' ', "+");
        let answer = form.body(format!("user={name}&password={password}")).send().await;
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }
}

impl Person {
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn ask(&self, method: &'static str, target: &str) -> Ask {
        Ask::new(self.address, method, target)
            .header("Authorization", &format!("Bearer {}", self.token))
            .header("Accept", TAXII)
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target).send().await
    }

    pub(crate) fn posting(&self, collection: &str, body: impl Into<Vec<u8>>) -> Ask {
        let target = format!("/api1/collections/{collection}/objects/");
        self.ask("POST", &target).header("Content-Type", TAXII).body(body)
    }

    /// Posts objects and gives the status resource.
    pub(crate) async fn post(&self, collection: &str, objects: &[Value]) -> Value {
        let answer = self.posting(collection, envelope(objects)).send().await;
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// Follows `next` to the end; gives the ids seen, page by page.
    pub(crate) async fn pages(&self, target: &str) -> Vec<Vec<String>> {
        let joint = if target.contains('?') { '&' } else { '?' };
        let mut next = None;
        let mut pages = Vec::new();
        loop {
            let full = match &next {
                None => target.to_owned(),
                Some(next) => format!("{target}{joint}next={next}"),
            };
            let answer = self.get(&full).await;
            pages.push(
                answer.objects().iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect(),
            );
            next = answer.next();
            if next.is_none() {
                return pages;
            }
        }
    }
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

pub(crate) fn envelope(objects: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!({ "objects": objects })).unwrap()
}

pub(crate) fn id(kind: &str, number: usize) -> String {
    format!("{kind}--{number:08x}-0000-4000-8000-{number:012x}")
}

/// A valid indicator; `version` is the minute of its `modified`.
pub(crate) fn indicator(number: usize, version: usize) -> Value {
    json!({
        "type": "indicator",
        "spec_version": "2.1",
        "id": id("indicator", number),
        "created": "2024-01-01T00:00:00.000Z",
        "modified": modified(version),
        "name": format!("n{number} v{version}"),
        "pattern": format!("[ipv4-addr:value = '10.{}.{}.{}']", number >> 16 & 255, number >> 8 & 255, number & 255),
        "pattern_type": "stix",
        "valid_from": "2024-01-01T00:00:00Z",
    })
}

pub(crate) fn modified(version: usize) -> String {
    format!("2024-01-01T00:{version:02}:00.000Z")
}

fn open(directory: &Path, clock: &Arc<FixedClock>, rng: Arc<dyn Rng>) -> Node {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    // The last connection of a server that has stopped may still be closing.
    let mut tries = 0;
    let store = loop {
        match SqliteStore::open(directory, Arc::clone(&clock), rng.as_ref()) {
            Err(StoreError::Busy { .. }) if tries < 200 => std::thread::sleep(Duration::from_millis(25)),
            opened => break opened.unwrap(),
        }
        tries += 1;
    };
    let settings = Settings { password_cost: PasswordCost::Least, rate_per_second: 0, ..Settings::default() };
    Node::open(store, clock, rng, settings)
}
