//! Redacted views: what is left of an object whose parts are marked, for those who may not have all of it.

use std::sync::Arc;

use bytes::Bytes;
use handling::{Principal, Role};
use node::{AcceptRequest, KeepStatus, Node, Options};
use serde_json::Value;
use stix::TlpLevel;

use crate::{Bench, indicator};

const UNKNOWN: &str = "marking-definition--00000000-0000-4000-8000-0000000000aa";

/// A part under a marking.
fn part(marking: &str, selector: &str) -> String {
    format!(r#"{{"marking_ref":"{marking}","selectors":["{selector}"]}}"#)
}

fn marked(level: TlpLevel, parts: &[String]) -> String {
    format!(r#","object_marking_refs":["{}"],"granular_markings":[{}]"#, level.id(), parts.join(","))
}

fn definition(statement: &str) -> String {
    format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{UNKNOWN}","created":"2022-10-01T00:00:00.000Z","definition_type":"statement","definition":{{"statement":"{statement}"}}}}"#
    )
}

/// A node with somebody who sees what is for the community, and nothing that is TLP:RED.
struct Scene {
    bench: Bench,
    root: Principal,
    bob: Arc<Principal>,
}

impl Scene {
    async fn new() -> Self {
        let (bench, _) = Bench::new().await;
        bench.user("bob", Role::Reader).await;
        let (root, bob) = (bench.operator().await, bench.principal("bob").await);
        Self { bench, root, bob }
    }

    fn node(&self) -> &Node {
        &self.bench.node
    }

    async fn bring(&self, objects: &[String]) {
        let objects = objects.iter().cloned().map(Bytes::from).collect();
        let options = Options::default();
        let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
        let accepted = self.node().accept(&self.root, request).await.unwrap();
        assert!(accepted.receipts.iter().all(|receipt| receipt.code.is_none()), "{:?}", accepted.receipts);
    }

    /// The one object of a type that bob sees, and its handling.
    async fn seen(&self, kind: &str) -> Option<(Value, Value)> {
        let all = store::PageRequest { limit: 50, ..Default::default() };
        let page = self.node().page(&self.bob, "inbox", &all).await.unwrap().into_inner();
        let page = format!("[{}]", std::str::from_utf8(&page.objects).unwrap());
        let page: Vec<Value> = serde_json::from_str(&page).unwrap();
        let mut of_kind = page.iter().filter(|object| object["type"] == kind);
        let (found, more) = (of_kind.next()?.clone(), of_kind.next());
        assert_eq!(more, None);
        let held = self.node().object(&self.bob, found["id"].as_str().unwrap(), None).await.unwrap();
        let held = held.into_inner();
        let handling = self.node().handling_of(held.tlp, &held.places).await.unwrap();
        Some((found, serde_json::to_value(handling).unwrap()))
    }
}

/// A part whose definition has not come may be anything: it is left out with what is known to be stricter, and what the definition
/// says later is said of nothing that anybody was given.
#[tokio::test]
async fn a_part_whose_marking_is_not_known_is_left_out_of_a_view() {
    let scene = Scene::new().await;
    let parts = [part(TlpLevel::Red.id(), "name"), part(UNKNOWN, "description")];
    let extra = format!(r#","description":"secret"{}"#, marked(TlpLevel::Green, &parts));
    scene.bring(&[indicator(1, "[url:value = 'http://1.example/']", &extra)]).await;
    let (view, handling) = scene.seen("indicator").await.unwrap();
    assert_eq!((view.get("description"), view.get("name")), (None, None), "{view}");
    assert_eq!((&handling["tlp"], &handling["marking_awaited"]), (&"green".into(), &false.into()));
    scene.bring(&[definition("机密")]).await;
    scene.node().give_later().await.unwrap();
    assert!(scene.seen("indicator").await.unwrap().0.get("description").is_none());
}

/// Where nothing but the unknown part is marked apart, nobody is given anything of it before it is known.
#[tokio::test]
async fn an_unknown_part_alone_makes_no_view() {
    let scene = Scene::new().await;
    let parts = [part(UNKNOWN, "description")];
    let extra = format!(r#","description":"d"{}"#, marked(TlpLevel::Green, &parts));
    scene.bring(&[indicator(1, "[url:value = 'http://1.example/']", &extra)]).await;
    let (whole, handling) = scene.seen("indicator").await.unwrap();
    assert_eq!((&whole["description"], &handling["marking_awaited"]), (&"d".into(), &true.into()));
}

/// What is asked of a part that stays in the view is asked of the view.
#[tokio::test]
async fn what_a_part_asks_of_machines_is_asked_of_the_view() {
    let scene = Scene::new().await;
    let parts = [part(TlpLevel::Red.id(), "name"), part(UNKNOWN, "description")];
    let extra = format!(r#","description":"d"{}"#, marked(TlpLevel::Green, &parts));
    let object = indicator(1, "[url:value = 'http://1.example/']", &extra);
    scene.bring(&[definition("PAP:RED"), object]).await;
    let (view, handling) = scene.seen("indicator").await.unwrap();
    assert_eq!((&view["description"], &handling["pap"]), (&"d".into(), &"red".into()), "{handling}");
}

/// The level of a part is not that of the whole: it makes it stricter, and never less strict.
#[tokio::test]
async fn the_level_of_a_part_opens_nothing() {
    let scene = Scene::new().await;
    let extra = format!(r#","granular_markings":[{}]"#, part(TlpLevel::Green.id(), "name"));
    scene.bring(&[indicator(1, "[url:value = 'http://1.example/']", &extra)]).await;
    let (_, handling) = scene.seen("indicator").await.unwrap();
    assert_eq!(handling["tlp"], "amber+strict");
}

/// A name is what its escapes spell, so that nobody writes a marking past the node.
#[tokio::test]
async fn markings_whose_name_is_written_with_escapes_hold() {
    let parts = marked(TlpLevel::Green, &[part(TlpLevel::Red.id(), "description")]);
    for name in [r"granular\u005fmarkings", r"\u0067ranular_marking\u0073"] {
        let scene = Scene::new().await;
        let escaped = parts.replace("granular_markings", name);
        let extra = format!(r#","description":"d"{escaped}"#);
        scene.bring(&[indicator(1, "[url:value = 'http://1.example/']", &extra)]).await;
        let (view, _) = scene.seen("indicator").await.expect("what is left of it is seen");
        assert_eq!(view.get("description"), None, "{name}");
    }
}

/// An observable has no versions: its view follows nothing but what stands under its own identifier.
#[tokio::test]
async fn the_view_of_an_observable_is_under_the_rules_of_the_rest() {
    let scene = Scene::new().await;
    let parts = marked(TlpLevel::Green, &[part(TlpLevel::Red.id(), "size")]);
    let file = |id: &str, name: &str| {
        format!(r#"{{"type":"file","spec_version":"2.1","id":"file--{id}","name":"{name}","size":7{parts}}}"#)
    };
    let object = file("00000000-0000-4000-8000-000000000001", "a.exe");
    scene.bring(std::slice::from_ref(&object)).await;
    let (view, handling) = scene.seen("file").await.expect("what is left of it is seen");
    assert_eq!((view.get("size"), &view["name"]), (None, &"a.exe".into()));
    assert_eq!(handling["tlp"], "green");
}
