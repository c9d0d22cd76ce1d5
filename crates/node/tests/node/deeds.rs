//! A deed of a person acts on what that person sees where they may write: others here may say something else under the same id, for
//! others, and what they gave is not told, opened, called back or destroyed by who may not know of it.

use std::sync::Arc;

use bytes::Bytes;
use handling::{Principal, Role};
use node::{AcceptRequest, Accepted, KeepStatus, Options, ShareRequest, Shared, Urgency};
use stix::TlpLevel;

use crate::community::Seat;
use crate::exchange::{ONE, region, round, to};
use crate::{R, RW, indicator};

/// Two people of a node: each writes to a desk of their own, and both to a common one.
struct Desks<'a> {
    seat: &'a Seat,
    ann: Arc<Principal>,
    bob: Arc<Principal>,
    /// Reads Bob's desk.
    rob: Arc<Principal>,
}

impl<'a> Desks<'a> {
    async fn of(seat: &'a Seat) -> Self {
        for (name, role) in [("ann", Role::Analyst), ("bob", Role::Analyst), ("rob", Role::Reader)] {
            seat.bench.user(name, role).await;
        }
        seat.bench.collection("anns", vec![("user:ann", RW)]).await;
        seat.bench.collection("bobs", vec![("user:bob", RW), ("user:rob", R)]).await;
        seat.bench.collection("both", vec![("user:ann", RW), ("user:bob", RW)]).await;
        let [ann, bob, rob] = ["ann", "bob", "rob"].map(|name| seat.bench.principal(name));
        Self { seat, ann: ann.await, bob: bob.await, rob: rob.await }
    }

    /// Brings an object to a collection.
    async fn bring(&self, who: &Principal, (collection, object): (&str, &str), options: Options) -> Accepted {
        let objects = vec![Bytes::from(object.to_owned())];
        let request = AcceptRequest { collection, objects, options, status: KeepStatus::No };
        self.seat.node().accept(who, request).await.unwrap()
    }

    async fn share(&self, who: &Principal, object: &str) -> Shared {
        let to = ["b".to_owned()];
        let request = ShareRequest { object, to: &to, urgency: Urgency::Routine };
        self.seat.node().share(who, request).await.unwrap()
    }

    /// What somebody is told of an object, in all versions that they may see.
    async fn told(&self, who: &Principal, id: &str) -> String {
        let Ok(history) = self.seat.node().history(who, id).await else { return String::new() };
        let mut told = String::new();
        for row in history.into_inner() {
            let version = self.seat.node().object(who, id, Some(&row.version)).await.unwrap().into_inner();
            told.push_str(&String::from_utf8_lossy(&version.bytes));
        }
        told
    }
}

fn tlp(level: TlpLevel) -> Options {
    Options { tlp: Some(level), ..Options::default() }
}

/// For one user here alone.
fn red(user: &str) -> Options {
    Options { to: vec![format!("user:{user}")], ..tlp(TlpLevel::Red) }
}

/// The indicator, with a name and another `created`.
fn named(name: &str, created: u32) -> String {
    indicator(1, "[url:value = 'http://1.example/']", "")
        .replace("indicator number 1", name)
        .replace("\"created\":\"2025-01-01", &format!("\"created\":\"2024-12-{created:02}"))
}

/// An address, whose id follows from it, and so can be known by anybody.
const ADDRESS: &str = "ipv4-addr--cd2ebb8d-5bb2-5cbd-8c0b-2c4ad8b6e1aa";

fn address(more: &str) -> String {
    format!(r#"{{"type":"ipv4-addr","spec_version":"2.1","id":"{ADDRESS}","value":"198.51.100.77"{more}}}"#)
}

const SECRET: &str = r#","x_said":"to Bob alone""#;

/// What is given is put under wider rules, and nothing else that stands under its id: in another collection, and in the same.
#[tokio::test]
async fn to_share_something_opens_nothing_else_under_its_id() {
    let region = region(&["a", "b"]).await;
    let desks = Desks::of(&region[0]).await;
    desks.bring(&desks.bob, ("bobs", &named("SECRET", 2)), red("bob")).await;
    desks.bring(&desks.ann, ("anns", &named("open", 1)), tlp(TlpLevel::Green)).await;
    assert_eq!(desks.share(&desks.ann, ONE).await.to, ["b"]);
    assert_eq!(desks.told(&desks.rob, ONE).await, "", "it is for Bob alone");

    desks.bring(&desks.bob, ("both", &address(SECRET)), red("bob")).await;
    desks.bring(&desks.ann, ("both", &address("")), tlp(TlpLevel::Green)).await;
    desks.share(&desks.ann, ADDRESS).await;
    assert_eq!(desks.told(&desks.ann, ADDRESS).await, address(""));
    // To bring something again for others gives it, as sharing does.
    desks.bring(&desks.bob, ("both", &named("SECRET", 3)), red("bob")).await;
    desks.bring(&desks.ann, ("both", &named("open", 1)), tlp(TlpLevel::Green)).await;
    desks.bring(&desks.ann, ("both", &named("open", 1)), to(&["b"])).await;
    assert!(!desks.told(&desks.ann, ONE).await.contains("SECRET"));
    // The very same words, of which Bob has said that they are for him, stay his.
    desks.bring(&desks.bob, ("bobs", &named("open", 1)), red("bob")).await;
    desks.share(&desks.ann, ONE).await;
    round(&region).await;
    assert_eq!(desks.told(&desks.rob, ONE).await, "");
}
