//! Non-interference: what somebody who is not entitled receives does not depend on what is hidden from them.
//!
//! Two houses go through the same generated story; in one of them hidden things happen besides. Afterwards, and on the way,
//! whoever may not know of these gets the same answers to the same questions, byte for byte, head fields included. Clock and
//! random stream are set anew before every request, so that dates and ids are the same where nothing interferes; only the
//! ids of requests are left out of the comparison.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use base::{Micros, Rng, SeededRng};
use handling::Role;
use serde_json::{Value, json};
use web::Options;

use crate::client::Answer;
use crate::house::{House, PASSWORD, Person, START, id, indicator, modified};

/// Stories told.
const STORIES: u64 = 12;
/// Steps of one story.
const STEPS: usize = 30;
/// Numbers that objects have: few, so that the hidden and the open meet.
const NUMBERS: usize = 5;

/// A random stream that starts anew at every step.
struct StepRng(Mutex<(u64, SeededRng)>);

impl StepRng {
    fn at(&self, step: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = (step, SeededRng::new(step.wrapping_mul(0x5851_F42D_4C95_7F2D)));
    }
}

impl Rng for StepRng {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.fill(out);
    }
}

struct World {
    house: House,
    rng: Arc<StepRng>,
    ann: Person,
    outsiders: Vec<Person>,
    step: u64,
}

impl World {
    async fn new() -> Self {
        let rng = Arc::new(StepRng(Mutex::new((0, SeededRng::new(0)))));
        let stream: Arc<dyn Rng> = Arc::clone(&rng) as Arc<dyn Rng>;
        let house = House::with_rng(Options::default(), stream).await;
        rng.at(1);
        let ann = house.person("ann", Role::Analyst).await;
        rng.at(2);
        let bob = house.person("bob", Role::Analyst).await;
        rng.at(3);
        let eve = house.person("eve", Role::Reader).await;
        rng.at(4);
        house.collection("open", &[(&ann, "rw"), (&bob, "rw"), (&eve, "r")]).await;
        rng.at(5);
        house.collection("second", &[(&ann, "rw"), (&bob, "rw"), (&eve, "r")]).await;
        rng.at(6);
        house.collection("closed", &[(&ann, "rw")]).await;
        Self { house, rng, ann, outsiders: vec![bob, eve], step: 10 }
    }

    /// The next moment; everything before it leaves no trace in clock and random stream.
    fn tick(&mut self, step: u64) {
        self.step = step;
        self.rng.at(step);
        self.house.clock.set(START.plus(i64::try_from(step).unwrap_or(0) * Micros::SECOND));
    }

    async fn act(&mut self, step: u64, act: &Act) -> Answer {
        self.tick(step);
        let who = if act.by_ann { &self.ann } else { &self.outsiders[0] };
        let ask = who.ask(act.method, &act.target).header("Content-Type", act.kind).body(act.body.clone());
        let ask = if act.kind.contains("taxii") { ask } else { ask.without("Accept") };
        ask.send().await
    }
}

/// Something that somebody does.
#[derive(Clone, Debug)]
struct Act {
    by_ann: bool,
    hidden: bool,
    method: &'static str,
    target: String,
    kind: &'static str,
    body: Vec<u8>,
}

struct Dice {
    rng: SeededRng,
    /// What outsiders have brought, by id and version: to bring that again under stricter rules narrows it, which all see.
    open: Mutex<BTreeSet<String>>,
}

impl Dice {
    fn throw(&self, sides: usize) -> usize {
        let mut bytes = [0; 8];
        self.rng.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % sides as u64).unwrap_or(0)
    }

    fn one<'a>(&self, of: &[&'a str]) -> &'a str {
        of[self.throw(of.len())]
    }

    fn number(&self) -> usize {
        self.throw(NUMBERS)
    }

    /// An object of any kind with a number that others may have too.
    fn object(&self) -> Value {
        let version = self.throw(4);
        match self.throw(8) {
            0 => relation(self.number(), version, self.number(), self.number()),
            1 => report(self.number(), version, [self.number(), self.number(), self.number()]),
            2 => sighting(self.number(), version, self.number()),
            3 => json!({"type": "ipv4-addr", "spec_version": "2.1", "id": id("ipv4-addr", self.number()),
                "value": format!("10.0.0.{}", self.number())}),
            4 => {
                json!({"type": "marking-definition", "spec_version": "2.1", "id": id("marking-definition", self.number()),
                "created": "2024-01-01T00:00:00.000Z", "definition_type": "statement",
                "definition": {"statement": self.one(&["Copyright", "ДСП"])}})
            }
            _ => {
                let mut object = indicator(self.number(), version);
                object["description"] = json!(format!("word {}", self.one(&["red", "green", "blue"])));
                if self.throw(6) == 0 {
                    object["revoked"] = json!(true);
                }
                if self.throw(4) == 0 {
                    object["object_marking_refs"] = json!([id("marking-definition", self.number())]);
                }
                if self.throw(4) == 0 {
                    object["created_by_ref"] = json!(id("identity", self.number()));
                }
                if self.throw(4) == 0 {
                    object["created"] = json!("2023-01-01T00:00:00.000Z");
                }
                object
            }
        }
    }

    /// An object that outsiders bring.
    fn open_object(&self) -> Value {
        let object = self.object();
        self.open.lock().unwrap().insert(version_of(&object));
        object
    }

    /// An object that is for few, and that outsiders have not brought before.
    fn hidden_object(&self) -> Value {
        let is_new = |object: &Value| !self.open.lock().unwrap().contains(&version_of(object));
        (0..9).map(|_| self.object()).find(is_new).unwrap_or_else(|| indicator(self.number(), 9))
    }

    fn bundle(&self, count: usize, object: impl Fn() -> Value) -> Vec<u8> {
        let objects: Vec<Value> = (0..count).map(|_| object()).collect();
        json!({"type": "bundle", "id": id("bundle", 1), "objects": objects}).to_string().into_bytes()
    }

    /// What outsiders may see happen: done by one of them.
    fn open(&self) -> Act {
        let collection = self.one(&["open", "second"]);
        let (method, target, kind, body) = match self.throw(6) {
            0 => {
                let target =
                    format!("/api1/collections/{collection}/objects/{}/", id("indicator", self.number()));
                ("DELETE", target, "application/taxii+json;version=2.1", Vec::new())
            }
            1 => {
                let body =
                    json!({"of": id("indicator", self.number()), "count": 1, "collection": collection});
                ("POST", "/api/v1/sightings".to_owned(), "application/json", body.to_string().into_bytes())
            }
            2 => {
                let target = format!("/api/v1/collections/{collection}/import?format=stix");
                ("POST", target, "application/octet-stream", self.bundle(3, || self.open_object()))
            }
            _ => {
                let objects: Vec<Value> = (0..1 + self.throw(3)).map(|_| self.open_object()).collect();
                let body = json!({"objects": objects}).to_string().into_bytes();
                let target = format!("/api1/collections/{collection}/objects/");
                ("POST", target, "application/taxii+json;version=2.1", body)
            }
        };
        Act { by_ann: false, hidden: false, method, target, kind, body }
    }

    /// What they may not: done by somebody else, about things that are not for them.
    fn hidden(&self) -> Act {
        let collection = self.one(&["open", "second", "closed"]);
        let how = match self.throw(7) {
            0 => "tlp=red".to_owned(),
            1 => "to=user:ann".to_owned(),
            2 => "embargo_until=2099-01-01T00:00:00Z".to_owned(),
            3 => "tlp=red&to=user:root&pap=red".to_owned(),
            4 => "to=user:ann&originator_control=true&purpose=awareness".to_owned(),
            5 => "to=user:ann&retain_until=2099-01-01T00:00:00Z".to_owned(),
            _ => format!("to=circle:{}&to=user:ann&embargo_until=2098-01-01T00:00:00Z", "ab".repeat(32)),
        };
        let import = |format: &str, body: Vec<u8>| {
            let target = format!("/api/v1/collections/{collection}/import?format={format}&{how}");
            ("POST", target, "application/octet-stream", body)
        };
        let (method, target, kind, body) = match self.throw(8) {
            0 => import("text", format!("seen: 10.0.0.{} and 10.9.9.9", self.number()).into_bytes()),
            1 => {
                let body = json!({"of": id("indicator", self.number()), "collection": "closed"});
                ("POST", "/api/v1/sightings".to_owned(), "application/json", body.to_string().into_bytes())
            }
            2 => {
                let target = format!("/api/v1/collections/closed/objects/{}", id("indicator", self.number()));
                ("DELETE", target, "application/json", Vec::new())
            }
            _ => import("stix", self.bundle(1 + self.throw(4), || self.hidden_object())),
        };
        Act { by_ann: true, hidden: true, method, target, kind, body }
    }
}

fn version_of(object: &Value) -> String {
    format!("{} {}", object["id"], object["modified"])
}

fn head(kind: &str, number: usize, version: usize) -> Value {
    json!({"type": kind, "spec_version": "2.1", "id": id(kind, number), "created": "2024-01-01T00:00:00.000Z",
        "modified": modified(version)})
}

fn relation(number: usize, version: usize, from: usize, to: usize) -> Value {
    let mut object = head("relationship", number, version);
    object["relationship_type"] = json!(["related-to", "derived-from", "duplicate-of"][number % 3]);
    object["source_ref"] = json!(id("indicator", from));
    object["target_ref"] = json!(id("indicator", to));
    object
}

fn report(number: usize, version: usize, about: [usize; 3]) -> Value {
    let mut object = head("report", number, version);
    object["name"] = json!("word report");
    object["published"] = json!("2024-01-01T00:00:00Z");
    object["object_refs"] = json!(about.map(|number| id("indicator", number)));
    object
}

fn sighting(number: usize, version: usize, of: usize) -> Value {
    let mut object = head("sighting", number, version);
    object["sighting_of_ref"] = json!(id("indicator", of));
    object["count"] = json!(number + 1);
    object
}

const KINDS: [&str; 7] =
    ["indicator", "relationship", "report", "sighting", "ipv4-addr", "marking-definition", "identity"];

/// Every question that there is to be asked, of every surface.
fn questions() -> Vec<(&'static str, String, Option<Vec<u8>>)> {
    let mut targets: Vec<String> = [
        "/taxii2/",
        "/api1/",
        "/api1/collections/",
        "/api1/status/00000000-0000-4000-8000-000000000000/",
        "/api/v1/collections",
        "/api/v1/figures",
        "/api/v1/export",
        "/api/v1/export?format=csv",
        "/api/v1/me",
        "/api/v1/status",
        "/api/v1/state",
        "/api/v1/doctor",
        "/api/v1/users",
        "/api/v1/tokens",
        "/metrics",
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/",
        "/collections",
        "/api/v1/search?q=word",
        "/api/v1/search?q=word&limit=1",
        "/api/v1/search?q=10.0.0.1",
        "/api/v1/search?q=red&type=indicator",
        "/search?q=word",
        "/nothing",
    ]
    .map(str::to_owned)
    .to_vec();
    for collection in ["open", "second", "closed", "inbox"] {
        targets.push(format!("/api1/collections/{collection}/"));
        targets.push(format!("/collections/{collection}"));
        targets.push(format!("/api/v1/collections/{collection}"));
        targets.push(format!("/api/v1/collections/{collection}/objects?version=all&limit=2"));
        for list in ["objects", "manifest"] {
            for query in [
                "",
                "?limit=1",
                "?match[version]=all&limit=2",
                "?match[version]=first",
                "?match[type]=indicator&limit=1",
                "?match[spec_version]=2.1",
                "?added_after=2024-06-01T00:00:20Z",
                "?match[version]=2024-01-01T00:01:00Z",
            ] {
                targets.push(format!("/api1/collections/{collection}/{list}/{query}"));
            }
        }
    }
    for kind in KINDS {
        for number in 0..NUMBERS {
            let id = id(kind, number);
            targets.push(format!("/api1/collections/open/objects/{id}/"));
            targets.push(format!("/api1/collections/open/objects/{id}/versions/"));
            targets.push(format!("/api1/collections/second/objects/{id}/?match[version]=all"));
            targets.push(format!("/api/v1/objects/{id}"));
            targets.push(format!("/api/v1/objects/{id}/history?limit=1"));
            targets.push(format!("/api/v1/objects/{id}/edges?limit=1"));
            targets.push(format!("/api/v1/objects/{id}/edges?direction=in&limit=1"));
            targets.push(format!("/api/v1/objects/{id}/why?for=user:bob"));
            targets.push(format!("/api/v1/objects/{id}/why?for=automation"));
            targets.push(format!("/objects/{id}"));
            targets.push(format!("/objects/{id}/related?way=in&name=object_refs"));
        }
    }
    let mut questions: Vec<_> = targets.into_iter().map(|target| ("GET", target, None)).collect();
    let values: Vec<String> = (0..NUMBERS).map(|number| format!("10.0.0.{number}")).collect();
    let values = [&values[..], &["10.0.0.0/24".to_owned(), "10.9.9.9".to_owned()]].concat();
    let look_up = json!({ "values": values });
    questions.push(("POST", "/api/v1/lookup".into(), Some(look_up.to_string().into_bytes())));
    let seen = json!({"type": "bundle", "id": id("bundle", 2), "objects": [
        {"type": "ipv4-addr", "spec_version": "2.1", "id": id("ipv4-addr", 1), "value": "10.0.0.1"},
        {"type": "observed-data", "spec_version": "2.1", "id": id("observed-data", 1), "created": "2024-01-01T00:00:00.000Z",
         "modified": "2024-01-01T00:00:00.000Z", "first_observed": "2024-01-01T00:00:00Z",
         "last_observed": "2024-01-01T00:00:00Z", "number_observed": 1, "object_refs": [id("ipv4-addr", 1)]}]});
    questions.push(("POST", "/api/v1/observed".into(), Some(seen.to_string().into_bytes())));
    questions
}

/// An answer without the id of its request and the port it came from.
fn told(world: &World, answer: &Answer) -> String {
    let mut told = format!("{}\n", answer.status);
    let request_id = answer.header("x-request-id").unwrap_or("none").to_owned();
    for (name, value) in answer.head() {
        if name != "x-request-id" && name != "date" {
            told.push_str(&format!("{name}: {value}\n"));
        }
    }
    told.push_str(&String::from_utf8_lossy(&answer.body));
    told.replace(&request_id, "REQUEST").replace(&world.house.address.to_string(), "NODE")
}

/// Where an answer says to go on, whatever the surface.
fn next_of(answer: &Answer) -> Option<String> {
    let json: Value = serde_json::from_slice(&answer.body).ok()?;
    json.get("next")?.as_str().map(str::to_owned)
}

impl World {
    async fn told_to(
        &mut self,
        who: Option<usize>,
        method: &'static str,
        target: &str,
        body: Option<&[u8]>,
    ) -> Answer {
        self.tick(self.step + 1);
        let ask = match who {
            Some(at) => self.outsiders[at].ask(method, target),
            None => self.house.ask(method, target),
        };
        let ask = if target.starts_with("/api1") || target.starts_with("/taxii2") {
            ask
        } else {
            ask.without("Accept")
        };
        match body {
            Some(body) => ask.header("Content-Type", "application/json").body(body).send().await,
            None => ask.send().await,
        }
    }
}

/// Asks both worlds the same and compares, following every cursor.
async fn compare(worlds: &mut [World; 2], story: u64) {
    let questions = questions();
    for who in [Some(0), Some(1), None] {
        for (method, target, body) in &questions {
            if who.is_none() && body.is_some() {
                continue;
            }
            let joint = if target.contains('?') { '&' } else { '?' };
            let mut full = target.clone();
            for _ in 0..20 {
                let without = worlds[0].told_to(who, method, &full, body.as_deref()).await;
                let with = worlds[1].told_to(who, method, &full, body.as_deref()).await;
                assert_eq!(
                    told(&worlds[0], &without),
                    told(&worlds[1], &with),
                    "story {story}: {who:?} asks {method} {full}"
                );
                let Some(next) = next_of(&without) else { break };
                full = format!("{target}{joint}next={next}");
            }
        }
    }
    pages(worlds, story).await;
}

/// The pages, through a browser's session.
async fn pages(worlds: &mut [World; 2], story: u64) {
    let mut cookies = Vec::new();
    for world in worlds.iter_mut() {
        world.tick(world.step + 1);
        let form = format!("user=bob&password={}&to=%2F", PASSWORD.replace(' ', "+"));
        let ask =
            world.house.ask("POST", "/sign-in").header("Content-Type", "application/x-www-form-urlencoded");
        let answer = ask.body(form).send().await;
        let cookie = answer.header("set-cookie").unwrap_or_default().split(';').next().unwrap_or_default();
        assert!(!cookie.is_empty(), "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        cookies.push(cookie.to_owned());
    }
    let mut targets: Vec<String> = [
        "/",
        "/search?q=word",
        "/search?q=word&type=indicator",
        "/search?type=indicator",
        "/search?type=report",
        "/search?type=ipv4-addr",
        "/search?q=10.0.0.1",
        "/collections/open?type=report",
        "/collections",
        "/collections/open",
        "/collections/closed",
    ]
    .map(str::to_owned)
    .to_vec();
    for kind in KINDS {
        targets.extend((0..NUMBERS).map(|number| format!("/objects/{}", id(kind, number))));
        for relation in ["way=in&name=object_refs", "way=in&name=related-to", "way=out&name=related-to"] {
            targets.push(format!("/objects/{}/related?{relation}", id(kind, 1)));
        }
    }
    for target in targets {
        let mut answers = Vec::new();
        for (world, cookie) in worlds.iter_mut().zip(&cookies) {
            world.tick(world.step + 1);
            let answer = world.house.ask("GET", &target).header("Cookie", cookie).send().await;
            answers.push(told(world, &answer));
        }
        assert_eq!(answers[0], answers[1], "story {story}: the page {target}");
    }
}

/// More than is passed over for any answer: of types that others have, of one that nobody else has, all listing what others see.
const MUCH: usize = base::limit::LISTED_PASSED_MAX + 100;

/// However much is hidden, no page, filter, count or list of reports says so.
#[tokio::test(flavor = "multi_thread")]
async fn very_much_that_is_hidden_does_not_show_anywhere() {
    let mut worlds = [World::new().await, World::new().await];
    let bundle = |objects: Vec<Value>| {
        json!({"type": "bundle", "id": id("bundle", 1), "objects": objects}).to_string().into_bytes()
    };
    let import = |by_ann, how: &str, objects: Vec<Value>| Act {
        by_ann,
        hidden: by_ann,
        method: "POST",
        target: format!("/api/v1/collections/open/import?format=stix{how}"),
        kind: "application/octet-stream",
        body: bundle(objects),
    };
    let open = vec![
        indicator(1, 1),
        indicator(2, 1),
        report(1, 1, [1, 2, 3]),
        relation(1, 1, 1, 2),
        json!({"type": "ipv4-addr", "spec_version": "2.1", "id": id("ipv4-addr", 1), "value": "10.0.0.1"}),
    ];
    let act = import(false, "", open);
    for world in &mut worlds {
        assert_eq!(world.act(1_000, &act).await.status, 200);
    }
    let hidden = (10..10 + MUCH).flat_map(|number| {
        let mut odd = head("x-odd", number, 1);
        odd["name"] = json!("hidden");
        [indicator(number, 1), report(number, 1, [1, 2, number]), odd]
    });
    let act = import(true, "&to=user:ann", hidden.collect());
    assert_eq!(worlds[1].act(2_000, &act).await.status, 200);
    for world in &mut worlds {
        world.tick(5_000);
    }
    let known = worlds[1].ann.ask("GET", "/api/v1/search?q=hidden&limit=1").without("Accept").send().await;
    assert!(String::from_utf8_lossy(&known.body).contains("x-odd--"), "there is something to hide");
    pages(&mut worlds, 0).await;
    let questions = questions();
    let asked = questions.iter().filter(|(_, target, _)| {
        ["figures", "search", "lookup", "indicator--", "/api1/collections/open/manifest/"]
            .iter()
            .any(|part| target.contains(part))
    });
    for (method, target, body) in asked {
        let without = worlds[0].told_to(Some(0), method, target, body.as_deref()).await;
        let with = worlds[1].told_to(Some(0), method, target, body.as_deref()).await;
        assert_eq!(told(&worlds[0], &without), told(&worlds[1], &with), "{method} {target}");
    }
    for mut world in worlds {
        world.house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_does_not_show_anywhere() {
    for story in 0..STORIES {
        let dice = Dice { rng: SeededRng::new(20_261_122 + story), open: Mutex::default() };
        let mut worlds = [World::new().await, World::new().await];
        let mut hidden_done = 0;
        for step in 0..STEPS {
            let act = if dice.throw(2) == 0 { dice.hidden() } else { dice.open() };
            let moment = 1_000 + step as u64 * 10;
            if act.hidden {
                let done = worlds[1].act(moment, &act).await.status;
                assert!([200, 201, 202, 403, 404, 422].contains(&done), "story {story}: {act:?} gave {done}");
                hidden_done += usize::from(done < 300);
                continue;
            }
            let mut answers = Vec::new();
            for world in &mut worlds {
                let answer = world.act(moment, &act).await;
                answers.push(told(world, &answer));
            }
            assert_eq!(answers[0], answers[1], "story {story}, step {step}: {act:?}");
        }
        assert!(hidden_done > 3, "a story without secrets proves nothing");
        let mut known_to_ann = Vec::new();
        for world in &mut worlds {
            world.tick(4_000);
            known_to_ann
                .push(told(world, &world.ann.ask("GET", "/api/v1/figures").without("Accept").send().await));
        }
        assert_ne!(known_to_ann[0], known_to_ann[1], "story {story}: there is something to hide");
        for world in &mut worlds {
            world.tick(5_000);
        }
        compare(&mut worlds, story).await;
        for mut world in worlds {
            world.house.stop().await;
        }
    }
}
