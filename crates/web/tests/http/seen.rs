//! What was observed, asked of the patterns held: nothing of the answer is left out, and how each indicator stands is said.

use handling::Role;
use serde_json::{Value, json};

use crate::house::{House, Person, id, indicator};

/// One process with a command line, observed on a day of 2023 or at no known time.
fn observed(command_line: &str, days: &[Option<&str>]) -> Vec<u8> {
    let process = "process--26aaa0d9-cdd5-4b44-b275-f8010cb6846d";
    let mut objects = vec![
        json!({"type": "process", "spec_version": "2.1", "id": process, "pid": 7, "command_line": command_line}),
    ];
    for (at, day) in days.iter().enumerate() {
        let mut seen = json!({
            "type": "observed-data", "spec_version": "2.1", "id": id("observed-data", at),
            "created": "2024-01-01T00:00:00.000Z", "modified": "2024-01-01T00:00:00.000Z",
            "number_observed": 1, "object_refs": [process],
        });
        if let Some(day) = day {
            seen["first_observed"] = json!(format!("{day}T00:00:00Z"));
            seen["last_observed"] = json!(format!("{day}T12:00:00Z"));
        }
        objects.push(seen);
    }
    json!({"type": "bundle", "id": id("bundle", 1), "objects": objects}).to_string().into_bytes()
}

async fn ask(person: &Person, bundle: Vec<u8>) -> Value {
    let asked = person.ask("POST", "/api/v1/observed").without("Accept");
    let answer = asked.header("Content-Type", "application/json").body(bundle).send().await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

fn with(mut object: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_that_ran_into_a_limit_are_counted_and_named_to_who_may_see_them() {
    let house = House::new().await;
    let (ann, bob) = (house.person("ann", Role::Analyst).await, house.person("bob", Role::Reader).await);
    house.collection("c1", &[(&ann, "rw")]).await;
    house.collection("c2", &[(&ann, "rw"), (&bob, "r")]).await;
    let costly = |number| {
        let pattern = json!("[process:command_line MATCHES '^(([a-z])+.)+[A-Z]([a-z])+$']");
        with(indicator(number, 1), json!({"pattern": pattern}))
    };
    ann.post("c1", &[costly(1)]).await;
    ann.post("c2", &[costly(2), with(indicator(3, 1), json!({"pattern": "[process:pid = 7]"}))]).await;
    let bundle = observed(&format!("{}b", "a".repeat(40)), &[Some("2023-05-01")]);
    let all = ask(&ann, bundle.clone()).await;
    assert_eq!((&all["tried"], &all["undecided"]), (&json!(3), &json!(2)));
    assert_eq!(all["undecided_ids"], json!([id("indicator", 1), id("indicator", 2)]));
    let some = ask(&bob, bundle).await;
    assert_eq!((&some["tried"], &some["undecided"]), (&json!(2), &json!(1)));
    assert_eq!(some["undecided_ids"], json!([id("indicator", 2)]));
    assert_eq!(some["items"][0]["id"], id("indicator", 3));
    let decided = ask(&bob, observed("short", &[None])).await;
    assert_eq!((&decided["undecided"], &decided["undecided_ids"]), (&json!(0), &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn last_years_logs_meet_the_patterns_that_were_valid_then() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let made =
        |number, more: Value| with(with(indicator(number, 1), json!({"pattern": "[process:pid = 7]"})), more);
    let until = "2023-06-01T00:00:00Z";
    ann.post(
        "c1",
        &[
            made(1, json!({"valid_from": "2023-01-01T00:00:00Z", "valid_until": until})),
            made(2, json!({"valid_from": "2023-01-01T00:00:00Z", "revoked": true})),
            made(3, json!({"valid_from": "2024-01-01T00:00:00Z"})),
        ],
    )
    .await;
    let told = |answer: &Value| -> Vec<(Value, bool, bool, bool)> {
        let flag = |one: &Value, key: &str| one[key].as_bool().unwrap();
        let items = answer["items"].as_array().unwrap().iter();
        items
            .map(|one| {
                let observations = one["observations"].clone();
                (observations, flag(one, "revoked"), flag(one, "expired"), flag(one, "valid_then"))
            })
            .collect()
    };
    let last_year = ask(&ann, observed("x", &[Some("2023-05-01")])).await;
    assert_eq!(
        told(&last_year),
        [(json!([0]), false, true, true), (json!([0]), true, false, true), (json!([0]), false, false, false),]
    );
    assert_eq!(last_year["items"][0]["id"], id("indicator", 1));
    assert_eq!(last_year["items"][0]["valid_until"], until);
    assert_eq!(last_year["items"][2]["valid_from"], "2024-01-01T00:00:00Z");
    // Of several observations, one from when the indicator was valid is the one that is told.
    let both = ask(&ann, observed("x", &[Some("2024-02-01"), Some("2023-05-01")])).await;
    assert_eq!(told(&both)[0], (json!([1]), false, true, true));
    assert_eq!(told(&both)[2], (json!([0]), false, false, true));
    // Without usable times it is now, which is in 2024.
    let now = ask(&ann, observed("x", &[None])).await;
    assert_eq!(told(&now).iter().map(|one| one.3).collect::<Vec<_>>(), [false, true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn edges_say_what_is_no_longer_in_force_and_no_more_than_the_asker_may_see() {
    let house = House::new().await;
    let (ann, bob) = (house.person("ann", Role::Analyst).await, house.person("bob", Role::Reader).await);
    house.collection("c1", &[(&ann, "rw"), (&bob, "r")]).await;
    house.collection("c2", &[(&ann, "rw")]).await;
    let relationship = |number, version, target: String| {
        json!({
            "type": "relationship", "spec_version": "2.1", "id": id("relationship", number),
            "created": "2024-01-01T00:00:00.000Z", "modified": crate::house::modified(version),
            "relationship_type": "related-to", "source_ref": id("indicator", 1), "target_ref": target,
        })
    };
    let over = json!({"valid_until": "2024-02-01T00:00:00Z"});
    let withdrawn = json!({"revoked": true});
    let (one, two, three) = (id("indicator", 2), id("indicator", 3), id("indicator", 4));
    ann.post("c1", &[indicator(1, 1), with(indicator(2, 1), over), indicator(3, 1), indicator(4, 1)]).await;
    ann.post("c1", &[relationship(1, 1, one.clone()), relationship(2, 1, two.clone())]).await;
    ann.post("c1", &[with(relationship(2, 2, two.clone()), withdrawn.clone())]).await;
    ann.post("c1", &[relationship(3, 1, three.clone())]).await;
    // Only in a collection that bob cannot read.
    ann.post("c2", &[with(indicator(4, 2), withdrawn)]).await;
    let told = async |person: &Person, other: &str| {
        let target = format!("/api/v1/objects/{}/edges", id("indicator", 1));
        let edges = person.ask("GET", &target).without("Accept").send().await.json();
        let edge =
            edges["items"].as_array().unwrap().iter().find(|edge| edge["other"] == other).unwrap().clone();
        ["revoked", "expired", "other_revoked", "other_expired"].map(|key| edge[key].as_bool().unwrap())
    };
    assert_eq!(told(&ann, &one).await, [false, false, false, true]);
    assert_eq!(told(&ann, &two).await, [true, false, false, false]);
    assert_eq!(told(&ann, &three).await, [false, false, true, false]);
    assert_eq!(told(&bob, &three).await, [false, false, false, false]);
    let page = async |person: &Person| {
        let text = house.page(&person.name, &format!("/objects/{}", id("indicator", 1))).await;
        let side =
            text.split("id=\"outward\"").nth(1).unwrap().split("</section>").next().unwrap().to_owned();
        (side.matches(">revoked<").count(), side.matches(">expired<").count())
    };
    assert_eq!(page(&ann).await, (2, 1));
    assert_eq!(page(&bob).await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_cannot_go_on_does_not_say_that_nothing_was_found() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let stuck = house.page("ann", "/search?q=a&next=zz").await;
    assert!(stuck.contains("the cursor does not belong") && !stuck.contains("Nothing found"), "{stuck}");
    assert!(house.page("ann", "/search?q=a").await.contains("Nothing found"));
}

/// What matches was observed before the indicator was valid, and a limit was reached in looking at what was observed then.
#[tokio::test(flavor = "multi_thread")]
async fn whether_it_was_valid_then_is_not_said_where_it_is_not_known() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let either = "[process:pid = 8] OR [process:command_line MATCHES '^(([a-z])+.)+[A-Z]([a-z])+$']";
    let made = with(indicator(1, 1), json!({"pattern": either, "valid_from": "2023-01-01T00:00:00Z"}));
    ann.post("c1", &[made]).await;
    let bundle = |command_line: &str| {
        let mut bundle: Value =
            serde_json::from_slice(&observed(command_line, &[Some("2023-05-01")])).unwrap();
        let mut before: Value = serde_json::from_slice(&observed("x", &[None, Some("2022-05-01")])).unwrap();
        let other = "process--36aaa0d9-cdd5-4b44-b275-f8010cb6846d";
        let (mut process, mut seen) = (before["objects"][0].take(), before["objects"][2].take());
        (process["pid"], process["id"], seen["object_refs"]) = (json!(8), json!(other), json!([other]));
        bundle["objects"].as_array_mut().unwrap().extend([process, seen]);
        bundle.to_string().into_bytes()
    };
    for (command_line, expected) in
        [(format!("{}b", "a".repeat(40)), Value::Null), ("x".to_owned(), json!(false))]
    {
        let answer = ask(&ann, bundle(&command_line)).await;
        assert_eq!((&answer["undecided"], &answer["items"][0]["observations"]), (&json!(0), &json!([1])));
        assert_eq!(answer["items"][0]["valid_then"], expected, "{answer}");
    }
}

/// Where two creators claim one indicator, each match tells of the version that matched.
#[tokio::test(flavor = "multi_thread")]
async fn a_match_tells_of_the_version_that_matched() {
    let house = House::new().await;
    let (ann, hal) = (house.person("ann", Role::Analyst).await, house.person("hal", Role::Analyst).await);
    house.collection("alpha", &[(&ann, "rw")]).await;
    house.collection("beta", &[(&hal, "rw"), (&ann, "r")]).await;
    let claimed = |more: Value| with(with(indicator(1, 1), json!({"pattern": "[process:pid = 7]"})), more);
    ann.post("alpha", &[claimed(json!({"valid_from": "2023-01-01T00:00:00Z"}))]).await;
    let foreign =
        json!({"created_by_ref": id("identity", 7), "revoked": true, "valid_from": "2024-01-01T00:00:00Z"});
    hal.post("beta", &[claimed(foreign)]).await;
    let answer = ask(&ann, observed("x", &[Some("2023-05-01")])).await;
    let told: Vec<_> =
        answer["items"].as_array().unwrap().iter().map(|one| (&one["revoked"], &one["valid_then"])).collect();
    assert_eq!(told, [(&json!(false), &json!(true)), (&json!(true), &json!(false))], "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_valid_yet_is_said_to_be_so_wherever_it_is_told() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let later = "2100-01-01T00:00:00Z";
    let from = |number, moment: &str| with(indicator(number, 1), json!({"valid_from": moment}));
    let relationship = json!({
        "type": "relationship", "spec_version": "2.1", "id": id("relationship", 1),
        "created": "2024-01-01T00:00:00.000Z", "modified": crate::house::modified(1),
        "relationship_type": "related-to", "source_ref": id("indicator", 2), "target_ref": id("indicator", 1),
    });
    ann.post("c1", &[from(1, later), from(2, "2024-01-01T00:00:00Z"), relationship]).await;
    let told = |one: &Value| (one["not_yet_valid"].as_bool().unwrap(), !one["valid_from"].is_null());

    let values = json!({"values": ["10.0.0.1", "10.0.0.2"]}).to_string();
    let asked = ann.ask("POST", "/api/v1/lookup").header("content-type", "application/json").body(values);
    let answers = asked.send().await.json()["answers"].clone();
    assert_eq!(told(&answers[0]["matches"][0]), (true, true), "{answers}");
    assert_eq!(answers[0]["matches"][0]["valid_from"], "2100-01-01T00:00:00.000000Z");
    assert_eq!(told(&answers[1]["matches"][0]), (false, false), "{answers}");

    let get = async |target: &str| ann.ask("GET", target).without("Accept").send().await.json();
    let found = get("/api/v1/search?q=n1").await["items"].clone();
    assert_eq!(told(&found[0]), (true, true), "{found}");
    let object = get(&format!("/api/v1/objects/{}", id("indicator", 1))).await;
    assert_eq!(told(&object), (true, true), "{object}");
    let edges = get(&format!("/api/v1/objects/{}/edges", id("indicator", 2))).await["items"].clone();
    let edge = edges.as_array().unwrap().iter().find(|edge| edge["name"] == "related-to").unwrap();
    assert_eq!((&edge["not_yet_valid"], &edge["other_not_yet_valid"]), (&json!(false), &json!(true)));
    for (target, marks) in [
        (format!("/objects/{}", id("indicator", 1)), 1),
        (format!("/objects/{}", id("indicator", 2)), 1),
        ("/search?q=n1".to_owned(), 1),
    ] {
        let page = house.page("ann", &target).await;
        assert_eq!(page.matches(">not yet valid<").count(), marks, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observation_meets_what_is_not_valid_yet_and_is_told_so() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let made = json!({"pattern": "[process:pid = 7]", "valid_from": "2100-01-01T00:00:00Z"});
    ann.post("c1", &[with(indicator(1, 1), made)]).await;
    let item = ask(&ann, observed("x", &[None])).await["items"][0].clone();
    assert_eq!((&item["not_yet_valid"], &item["valid_then"]), (&json!(true), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_found_with_and_without_its_v() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    ann.post("c1", &[with(indicator(1, 1), json!({"name": "Loader v1.2.3 of 恶意软件"}))]).await;
    for (words, found) in
        [("1.2.3", 1), ("v1.2.3", 1), ("2.3", 1), ("1.2", 0), ("v1.2.4", 0), ("恶意 1.2.3", 1)]
    {
        let target = format!(
            "/api/v1/search?q={}",
            form_urlencoded::byte_serialize(words.as_bytes()).collect::<String>()
        );
        let answer = ann.ask("GET", &target).without("Accept").send().await.json();
        assert_eq!(answer["items"].as_array().unwrap().len(), found, "{words}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_turns_the_direction_of_writing_is_shown_and_goes_back_into_the_form_as_it_was() {
    let house = House::new().await;
    house.person("ann", Role::Analyst).await;
    let page = house.page("ann", "/search?q=report%E2%80%AEfdp%22%3E").await;
    assert!(page.contains("<title>report\\u{202e}fdp"), "{page}");
    assert!(page.contains("value=\"report\u{202e}fdp&#34;&#62;\""), "{page}");
}

/// Whoever reads sees how an object is handled, on its page and in every list, also where nothing marks it.
#[tokio::test(flavor = "multi_thread")]
async fn pages_say_how_things_are_handled() {
    const GREEN: &str = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb";
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let green = with(indicator(2, 1), json!({"object_marking_refs": [GREEN]}));
    ann.post("c1", &[indicator(1, 1), green]).await;
    let tag = |class: &str, text: &str| format!("<span class=\"tag {class}\">{text}</span>");
    let unmarked = tag("tlp tlp-amber-strict", "unmarked, handled as TLP:AMBER+STRICT");
    for (number, tag) in [(1, &unmarked), (2, &tag("tlp tlp-green", "TLP:GREEN"))] {
        let page = house.page("ann", &format!("/objects/{}", id("indicator", number))).await;
        assert_eq!((page.matches(tag.as_str()).count(), page.matches("tag tlp").count()), (1, 1), "{page}");
    }
    for target in ["/", "/search?q=n", "/search?q=10.0.0.1", "/search?q=10.0.0.2"] {
        let page = house.page("ann", target).await;
        let listed = page.matches("<li><a href=\"/objects/").count();
        let marked = page.matches(&tag("plain", "unmarked")).count() + page.matches(">TLP:GREEN<").count();
        assert!(listed > 0 && listed == marked, "{target}: {listed} {marked} {page}");
    }
    let get = async |number| {
        let target = format!("/api/v1/objects/{}", id("indicator", number));
        let handling = ann.ask("GET", &target).without("Accept").send().await.json()["handling"].clone();
        (handling["tlp"].clone(), handling["handled_as"].clone())
    };
    assert_eq!(get(1).await, (Value::Null, json!("amber+strict")));
    assert_eq!(get(2).await, (json!("green"), json!("green")));
}

/// A value that only a revoked indicator knows is told from one that is held.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_is_no_plain_yes() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    ann.post("c1", &[indicator(1, 1), with(indicator(2, 1), json!({"revoked": true}))]).await;
    let page = house.filled("ann", "/look-up", "values=10.0.0.1%0A10.0.0.2%0A10.0.0.3").await;
    assert!(page.contains("1 of 3 known, 1 more only by what was revoked."), "{page}");
    let said = |word: &str| page.matches(&format!("</td><td><span class=\"tag {word}</span>")).count();
    assert_eq!((said("warn\">yes"), said("plain\">revoked"), said("plain\">no")), (1, 1, 1), "{page}");
    assert_eq!(page.matches(">unmarked<").count(), 2, "{page}");
    // As before for programs: it is known, and said to be revoked.
    let values = json!({"values": ["10.0.0.2"]}).to_string();
    let asked = ann.ask("POST", "/api/v1/lookup").header("content-type", "application/json").body(values);
    let answer = asked.send().await.json()["answers"][0].clone();
    assert_eq!((&answer["known"], &answer["matches"][0]["revoked"]), (&json!(true), &json!(true)));
}
