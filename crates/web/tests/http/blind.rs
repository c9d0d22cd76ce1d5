//! Who may write to a collection and not read it: the answer to a write tells whether it was taken, and nothing of what is there.

use handling::Role;
use serde_json::{Value, json};

use crate::house::{House, Person, id, indicator};

fn with(mut object: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

/// An observable, whose version is the moment it was added.
fn address() -> Value {
    json!({"type": "ipv4-addr", "spec_version": "2.1", "id": "ipv4-addr--5853f6a4-638f-5b4e-9b0f-ded361ae3812", "value": "198.51.100.3"})
}

async fn receipts(person: &Person, objects: &[Value]) -> Vec<Value> {
    let body = json!({"type": "bundle", "id": id("bundle", 1), "objects": objects}).to_string();
    let asked = person.ask("POST", "/api/v1/collections/c1/import").without("Accept");
    let answer = asked.header("Content-Type", "application/json").body(body).send().await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()["receipts"].as_array().unwrap().clone()
}

/// What would tell them apart, without what follows from what was sent: ids, versions and findings of the object itself.
fn told(answer: &Value) -> Value {
    let mut told = answer.clone();
    let findings = told["findings"].as_array().into_iter().flatten();
    assert!(findings.clone().all(|one| !one["code"].as_str().unwrap().ends_with("-changed")), "{answer}");
    for key in ["id", "version", "findings"] {
        told.as_object_mut().unwrap().remove(key);
    }
    told
}

/// What ann brought in, and objects of the same ids that meet it: the same, a later and an earlier version, and what is refused.
fn meetings() -> (Vec<Value>, Vec<Value>, Vec<Value>) {
    let held = vec![
        indicator(1, 5),
        indicator(2, 5),
        indicator(3, 5),
        with(indicator(4, 5), json!({"revoked": true})),
        indicator(5, 5),
        with(indicator(6, 5), json!({"created_by_ref": id("identity", 1)})),
        indicator(7, 5),
        address(),
    ];
    let taken = vec![
        indicator(1, 5),
        indicator(2, 6),
        indicator(3, 4),
        indicator(8, 1),
        address(),
        with(indicator(5, 6), json!({"created": "2023-01-01T00:00:00.000Z"})),
        with(indicator(6, 6), json!({"created_by_ref": id("identity", 2)})),
    ];
    let refused = vec![with(indicator(7, 5), json!({"name": "other"})), indicator(4, 6)];
    (held, taken, refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receipts_of_who_may_not_read_tell_nothing_of_what_is_there() {
    let house = House::new().await;
    let (ann, eve) = (house.person("ann", Role::Analyst).await, house.person("eve", Role::Analyst).await);
    house.collection("c1", &[(&ann, "rw"), (&eve, "w")]).await;
    let (held, taken, refused) = meetings();
    receipts(&ann, &held).await;
    house.clock.advance(base::Micros::SECOND * 60);
    let of_ann = receipts(&ann, &refused).await;
    let codes: Vec<&str> = of_ann.iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["version-conflict", "revoked-already"]);
    let of_eve = receipts(&eve, &refused).await;
    assert!(of_eve.iter().all(|one| told(one) == told(&of_eve[0])), "{of_eve:?}");
    assert_eq!((&of_eve[0]["outcome"], &of_eve[0]["code"]), (&json!("refused"), &json!("not-taken")));
    assert!(node::explain("not-taken").is_some());
    let of_eve = receipts(&eve, &taken).await;
    assert!(
        of_eve.iter().all(|one| one["outcome"] == "accepted" && told(one) == told(&of_eve[0])),
        "{of_eve:?}"
    );
    // An observable's version is its `date_added`: not the one of long ago.
    assert!(of_eve[4]["version"].as_str().unwrap().starts_with("2024-06-01T00:01:00"), "{:?}", of_eve[4]);
    let of_ann: Vec<Value> = receipts(&ann, &taken).await.iter().map(|one| one["outcome"].clone()).collect();
    assert_eq!(of_ann, ["known"; 7]);
    // She is told what contradicts what she brought.
    let other = with(indicator(5, 7), json!({"created": "2023-01-01T00:00:00.000Z"}));
    let of_ann = receipts(&ann, &[other]).await;
    assert_eq!((&of_ann[0]["outcome"], &of_ann[0]["code"]), (&json!("newer"), &json!(null)));
    let findings = of_ann[0]["findings"].as_array().unwrap();
    let found = findings.iter().find(|one| one["code"] == "created-changed").unwrap();
    assert_eq!((&found["severity"], &found["path"]), (&json!("warning"), &json!("created")));
    assert_eq!(found["message"], of_ann[0]["reason"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_who_may_not_read_tells_nothing_of_what_is_there() {
    let house = House::new().await;
    let (ann, eve) = (house.person("ann", Role::Analyst).await, house.person("eve", Role::Analyst).await);
    house.collection("c1", &[(&ann, "rw"), (&eve, "w")]).await;
    let (held, taken, refused) = meetings();
    ann.post("c1", &held).await;
    house.clock.advance(base::Micros::SECOND * 60);
    let status = eve.post("c1", &[taken, refused].concat()).await;
    assert_eq!((&status["success_count"], &status["failure_count"]), (&json!(7), &json!(2)));
    let again = eve.get(&format!("/api1/status/{}/", status["id"].as_str().unwrap())).await.json();
    for status in [status, again] {
        let failures = status["failures"].as_array().unwrap();
        assert!(failures.iter().all(|one| told(one) == told(&failures[0])), "{failures:?}");
        assert!(failures[0]["message"].as_str().unwrap().ends_with("[not-taken]"), "{failures:?}");
        let successes = status["successes"].as_array().unwrap();
        assert!(successes.iter().all(|one| told(one) == told(&successes[0])), "{successes:?}");
        assert!(
            successes[4]["version"].as_str().unwrap().starts_with("2024-06-01T00:01:00"),
            "{successes:?}"
        );
    }
}

/// Which marking definitions stand in a collection is told to who may read it.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_is_not_told_which_markings_stand_there() {
    let house = House::new().await;
    let (ann, eve) = (house.person("ann", Role::Analyst).await, house.person("eve", Role::Analyst).await);
    house.collection("c1", &[(&ann, "rw"), (&eve, "w")]).await;
    let definition = json!({
        "type": "marking-definition", "spec_version": "2.1", "id": id("marking-definition", 1),
        "created": "2024-01-01T00:00:00.000Z", "definition_type": "statement", "definition": {"statement": "of Aldermoor"},
    });
    receipts(&ann, &[definition]).await;
    let marked = |number, by| {
        with(indicator(number, 1), json!({"object_marking_refs": [id("marking-definition", by)]}))
    };
    let awaits = |answer: &Value| {
        let findings = answer["findings"].as_array().into_iter().flatten();
        findings.filter(|one| one["code"] == "marking-awaited").count()
    };
    let of_eve = receipts(&eve, &[marked(1, 1), marked(2, 2)]).await;
    assert_eq!(of_eve[0]["findings"], of_eve[1]["findings"]);
    assert_eq!(of_eve.iter().map(awaits).sum::<usize>(), 0);
    let of_ann = receipts(&ann, &[marked(3, 1), marked(4, 2)]).await;
    assert_eq!(of_ann.iter().map(awaits).collect::<Vec<_>>(), [0, 1]);
}
