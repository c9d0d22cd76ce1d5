//! Versions of objects: which one is asked for, and what deleting takes away.

use handling::Role;
use serde_json::{Value, json};

use crate::house::{House, Person, id, indicator, modified};

async fn names(person: &Person, target: &str) -> Vec<String> {
    let answer = person.get(target).await;
    answer.objects().iter().map(|object| object["modified"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_picked_by_modified_and_not_by_arrival() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    for version in [2, 1, 3] {
        ann.post("c1", &[indicator(1, version)]).await;
    }
    let object = format!("/api1/collections/c1/objects/{}/", id("indicator", 1));
    let objects = format!("/api1/collections/c1/objects/?match[id]={}", id("indicator", 1));
    for (query, versions) in [
        ("", vec![3]),
        ("match[version]=last", vec![3]),
        ("match[version]=first", vec![1]),
        ("match[version]=all", vec![2, 1, 3]),
        ("match[version]=first,last", vec![1, 3]),
        ("match[version]=2024-01-01T00:02:00Z", vec![2]),
        ("match[version]=2024-01-01T00:02:00.000000Z,first", vec![2, 1]),
        ("match[version]=all&match[spec_version]=2.1", vec![2, 1, 3]),
        ("match[version]=all&match[spec_version]=2.0", vec![]),
        ("match[version]=2020-01-01T00:00:00Z,last", vec![3]),
    ] {
        let wanted: Vec<String> = versions.into_iter().map(modified).collect();
        assert_eq!(names(&ann, &format!("{object}?{query}")).await, wanted, "{query}");
        assert_eq!(names(&ann, &format!("{objects}&{query}")).await, wanted, "{query}");
    }
    let manifest = ann.get("/api1/collections/c1/manifest/?match[version]=all").await.objects();
    let lines: Vec<Value> = manifest.iter().map(|line| line["version"].clone()).collect();
    assert_eq!(lines, [json!(modified(2)), json!(modified(1)), json!(modified(3))]);
    let listed = ann.get(&format!("{object}versions/")).await.json();
    assert_eq!(listed["versions"].as_array().unwrap().len(), 3);
    ann.get(&format!("{object}?match[version]=2020-01-01T00:00:00Z")).await.taxii_error(404);
    ann.get(&format!("/api1/collections/c1/objects/{}/", id("indicator", 9))).await.taxii_error(404);
    ann.get(&format!("/api1/collections/c1/objects/{}/versions/", id("indicator", 9))).await.taxii_error(404);
    ann.get("/api1/collections/c1/objects/nonsense/").await.taxii_error(404);
}

/// Over TAXII nothing can be said of handling: what was said of an earlier version holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_posted_later_stays_under_the_handling_of_the_earlier_one() {
    let house = House::new().await;
    let (ann, bob) = (house.person("ann", Role::Analyst).await, house.person("bob", Role::Reader).await);
    house.collection("c1", &[(&ann, "rw"), (&bob, "r")]).await;
    let first = ann.ask("POST", "/api/v1/collections/c1/import?tlp=red");
    let first = first.header("Content-Type", "application/octet-stream").body(indicator(1, 1).to_string());
    assert_eq!(first.send().await.json()["summary"]["accepted"], 1);
    let status = ann.post("c1", &[indicator(1, 2), indicator(2, 1)]).await;
    let messages: Vec<bool> =
        status["successes"].as_array().unwrap().iter().map(|one| one["message"].is_string()).collect();
    assert_eq!(messages, [true, false], "{status}");
    let objects = "/api1/collections/c1/objects/?match[version]=all";
    assert_eq!(names(&ann, objects).await.len(), 3);
    assert_eq!(names(&bob, objects).await, [modified(1)], "the other one alone");
}

/// Of several words under one identifier each row of a list bears the level of its own, and leads to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_says_of_each_word_under_one_id_how_that_one_is_handled() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    let mut others = indicator(1, 2);
    others["created"] = "2024-01-01T00:00:01.000Z".into();
    let said = [("c1", "clear", indicator(1, 1), "n1 v1"), ("c2", "amber", others, "n1 v2")];
    for (collection, level, object, _) in &said {
        house.collection(collection, &[(&ann, "rw")]).await;
        let import = ann.ask("POST", &format!("/api/v1/collections/{collection}/import?tlp={level}"));
        let import = import.header("Content-Type", "application/octet-stream").body(object.to_string());
        assert_eq!(import.send().await.json()["summary"]["accepted"], 1);
    }
    for list in ["/", "/search?q=n1", "/search?q=10.0.0.1"] {
        let page = house.page("ann", list).await;
        let rows: Vec<&str> = page.split("<li").skip(1).collect();
        for (_, level, _, name) in &said {
            let row = rows.iter().find(|row| row.contains(name)).unwrap_or_else(|| panic!("{list}: {page}"));
            let levels: Vec<&str> =
                ["TLP:CLEAR", "TLP:AMBER"].into_iter().filter(|level| row.contains(level)).collect();
            assert_eq!(levels, [format!("TLP:{}", level.to_uppercase())], "{list}: {row}");
            let href = row.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
            let own = house.page("ann", href).await;
            let heading = own.split("<h1").nth(1).unwrap().split("</h1>").next().unwrap();
            assert!(heading.contains(name) && own.contains(levels[0]), "{list} {href}: {heading}");
        }
    }
}

/// Of several words under one identifier and date each line of the history leads to its own, and that which is shown is marked.
#[tokio::test(flavor = "multi_thread")]
async fn the_history_leads_to_each_of_several_under_one_date() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    let mut others = indicator(1, 1);
    (others["created"], others["name"]) = ("2024-01-01T00:00:01.000Z".into(), "another".into());
    for (collection, object) in [("c1", indicator(1, 1)), ("c2", others)] {
        house.collection(collection, &[(&ann, "rw")]).await;
        ann.post(collection, &[object]).await;
    }
    let target = format!("/objects/{}", id("indicator", 1));
    let history = |page: &str| page.split("id=\"history\"").nth(1).unwrap().to_owned();
    let page = house.page("ann", &target).await;
    let links: Vec<String> = history(&page)
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    assert_eq!(links.len(), 2, "{links:?}");
    let mut names = std::collections::BTreeSet::new();
    for link in &links {
        let own = house.page("ann", link).await;
        let lines = history(&own);
        assert_eq!(lines.matches("aria-current").count(), 1, "{link}");
        assert!(lines.contains(&format!("href=\"{link}\" aria-current")), "{link}: {lines}");
        let heading = own.split("<h1").nth(1).unwrap().split("</h1>").next().unwrap();
        names.insert(heading.split('>').nth(1).unwrap().to_owned());
    }
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["another", "n1 v1"]);
    let wrong = house.page("ann", &format!("{target}?added=yesterday")).await;
    assert!(wrong.contains("added is the moment"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_takes_one_version_or_all() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    ann.post("c1", &[indicator(1, 1), indicator(1, 2), indicator(1, 3), indicator(2, 1)]).await;
    let object = format!("/api1/collections/c1/objects/{}/", id("indicator", 1));
    let second = format!("{object}?match[version]={}", modified(2));
    let gone = ann.ask("DELETE", &second).send().await;
    assert_eq!((gone.status, gone.body.len()), (200, 0));
    assert_eq!(gone.header("content-type"), Some(crate::client::TAXII));
    ann.get(&second).await.taxii_error(404);
    ann.ask("DELETE", &second).send().await.taxii_error(404);
    assert_eq!(names(&ann, &format!("{object}?match[version]=all")).await, [modified(1), modified(3)]);
    ann.ask("DELETE", &format!("{object}?match[version]=all,last")).send().await.taxii_error(400);
    assert_eq!(ann.ask("DELETE", &object).send().await.status, 200);
    ann.get(&object).await.taxii_error(404);
    ann.get(&format!("{object}versions/")).await.taxii_error(404);
    ann.ask("DELETE", &object).send().await.taxii_error(404);
    let left = ann.pages("/api1/collections/c1/objects/?match[version]=all").await;
    assert_eq!(left, [[id("indicator", 2)]]);
    assert_eq!(ann.get("/api1/collections/c1/manifest/").await.objects().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_keeps_its_date_and_what_comes_again_gets_a_new_one() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let last = async || {
        let answer = ann.get("/api1/collections/c1/objects/").await;
        answer.header("x-taxii-date-added-last").unwrap().to_owned()
    };
    ann.post("c1", &[indicator(1, 0)]).await;
    let first = last().await;
    let again = ann.post("c1", &[indicator(1, 0)]).await;
    assert_eq!((&again["success_count"], &again["failure_count"]), (&json!(1), &json!(0)));
    assert_eq!(last().await, first);
    let object = format!("/api1/collections/c1/objects/{}/", id("indicator", 1));
    assert_eq!(ann.ask("DELETE", &object).send().await.status, 200);
    ann.post("c1", &[indicator(1, 0)]).await;
    assert!(last().await > first);
}

#[tokio::test(flavor = "multi_thread")]
async fn observables_and_marking_definitions_have_versions_too() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let address = json!({ "type": "ipv4-addr", "id": "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd", "value": "198.51.100.3" });
    let marking = json!({
        "type": "marking-definition", "spec_version": "2.1", "id": id("marking-definition", 3),
        "created": "2024-02-02T00:00:00.000Z", "definition_type": "statement", "definition": { "statement": "s" },
    });
    let status = ann.post("c1", &[address, marking]).await;
    assert_eq!(status["success_count"], 2, "{status}");
    let lines = ann.get("/api1/collections/c1/manifest/").await.objects();
    assert_eq!(lines[0]["version"], lines[0]["date_added"]);
    assert_eq!(lines[1]["version"], "2024-02-02T00:00:00.000Z");
    let target = format!("/api1/collections/c1/objects/{}/", id("marking-definition", 3));
    assert_eq!(ann.get(&format!("{target}?match[version]=2024-02-02T00:00:00Z")).await.objects().len(), 1);
}

/// What contradicts stands beside, in one collection: nobody is told of it in place of what stands there longest, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn another_created_stands_beside_in_one_collection() {
    let house = House::new().await;
    let (ann, hal) = (house.person("ann", Role::Analyst).await, house.person("hal", Role::Analyst).await);
    house.collection("c1", &[(&ann, "rw"), (&hal, "rw")]).await;
    ann.post("c1", &[indicator(1, 1)]).await;
    let first = ann.get("/api1/collections/c1/objects/").await;
    let first = first.header("x-taxii-date-added-last").unwrap().to_owned();
    let mut other = indicator(1, 9);
    other["created"] = json!("2023-01-01T00:00:00.000Z");
    other["revoked"] = json!(true);
    for (message, sent) in [(true, "first"), (false, "again")] {
        let status = hal.post("c1", &[other.clone()]).await;
        let success = &status["successes"][0];
        assert_eq!(
            (&status["success_count"], success["message"].is_string()),
            (&json!(1), message),
            "{sent}"
        );
        let told = success["message"].as_str().unwrap_or("[created-changed]");
        assert!(told.ends_with("[created-changed]"), "{told}");
    }
    ann.post("c1", &[indicator(1, 5)]).await;
    let objects = "/api1/collections/c1/objects/";
    assert_eq!(names(&ann, objects).await, [modified(5)]);
    assert_eq!(names(&ann, &format!("{objects}?match[version]=first")).await, [modified(1)]);
    assert_eq!(names(&ann, &format!("{objects}?match[version]=all")).await, [1, 9, 5].map(modified));
    assert_eq!(names(&ann, &format!("{objects}?added_after={first}")).await, [modified(5)]);
    let since = format!("{objects}?added_after={first}&match[version]=all");
    assert_eq!(names(&ann, &since).await, [9, 5].map(modified));
    let object = format!("{objects}{}/", id("indicator", 1));
    let listed = ann.get(&format!("{object}versions/")).await.json();
    assert_eq!(listed["versions"], json!([1, 9, 5].map(modified)));
    assert_eq!(ann.get(&format!("{object}?match[version]={}", modified(9))).await.objects(), [other]);

    let told = ann.get(&format!("/api/v1/objects/{}", id("indicator", 1))).await.json();
    assert_eq!((&told["revoked"], &told["contradictions"]), (&json!(false), &json!(1)));
    let gone = ann.ask("DELETE", &format!("{object}?match[version]={}", modified(9))).send().await;
    assert_eq!(gone.status, 200);
    assert_eq!(names(&ann, &format!("{objects}?match[version]=all")).await, [1, 5].map(modified));
}

/// Whoever may write somewhere neither replaces nor revokes what another collection holds.
#[tokio::test(flavor = "multi_thread")]
async fn another_creators_word_in_another_collection_hides_nothing() {
    let house = House::new().await;
    let [ann, hal, bob] = ["ann", "hal", "bob"].map(|name| house.person(name, Role::Analyst));
    let (ann, hal, bob) = (ann.await, hal.await, bob.await);
    house.collection("alpha", &[(&ann, "rw"), (&bob, "r")]).await;
    house.collection("beta", &[(&hal, "rw"), (&bob, "r")]).await;
    ann.post("alpha", &[indicator(1, 1)]).await;
    let mut foreign = indicator(1, 9);
    foreign["created"] = json!("2023-01-01T00:00:00.000Z");
    foreign["created_by_ref"] = json!(id("identity", 7));
    foreign["pattern"] = json!("[ipv4-addr:value = '10.9.9.9']");
    foreign["revoked"] = json!(true);
    let status = hal.post("beta", &[foreign]).await;
    assert_eq!(status["success_count"], 1, "{status}");
    let look_up = async |person: &Person, value: &str| {
        let body = json!({ "values": [value] }).to_string();
        let answer =
            person.ask("POST", "/api/v1/lookup").header("content-type", "application/json").body(body);
        let answer = answer.send().await.json();
        answer["answers"][0]["matches"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["revoked"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(look_up(&bob, "10.0.0.1").await, [json!(false)]);
    assert_eq!(look_up(&bob, "10.9.9.9").await, [json!(true)]);
    let object = format!("/api/v1/objects/{}", id("indicator", 1));
    let seen = bob.get(&object).await.json();
    assert_eq!(
        (&seen["version"], &seen["revoked"], &seen["contradictions"]),
        (&json!(modified(1)), &json!(false), &json!(1))
    );
    let history = bob.get(&format!("{object}/history")).await.json();
    let marks: Vec<&Value> =
        history["items"].as_array().unwrap().iter().map(|version| &version["contradicts"]).collect();
    assert_eq!(marks, [&json!(false), &json!(true)]);
    // Who may see one of the two is told nothing of the other.
    let seen = hal.get(&object).await.json();
    assert_eq!((&seen["version"], &seen["contradictions"]), (&json!(modified(9)), &json!(0)));
}

/// What says when it was made and never when it was changed has that for its version, wherever one is told or asked for.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_modified_has_its_created_for_a_version() {
    const AT: &str = "2020-01-01T00:00:00.000Z";
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let made = [
        json!({"type": "x-own", "spec_version": "2.1", "id": id("x-own", 1), "created": AT, "x_p": 1}),
        json!({"type": "ipv4-addr", "spec_version": "2.1", "id": id("ipv4-addr", 2), "value": "1.2.3.5", "created": AT}),
        json!({"type": "marking-definition", "spec_version": "2.1", "id": id("marking-definition", 3), "created": AT,
            "definition_type": "statement", "definition": {"statement": "x"}}),
    ];
    let status = ann.post("c1", &made).await;
    let told: Vec<&str> =
        status["successes"].as_array().unwrap().iter().map(|one| one["version"].as_str().unwrap()).collect();
    assert_eq!(told, [AT; 3], "{status}");
    for line in ann.get("/api1/collections/c1/manifest/").await.objects() {
        assert_eq!(line["version"], AT, "{line}");
    }
    for object in &made {
        let at = format!("/api1/collections/c1/objects/{}/", object["id"].as_str().unwrap());
        assert_eq!(ann.get(&format!("{at}versions/")).await.json()["versions"], json!([AT]));
        let at_its_date = ann.get(&format!("{at}?match[version]={AT}")).await.objects();
        assert_eq!(at_its_date, vec![object.clone()]);
        let over = format!("/api/v1/objects/{}?version={AT}", object["id"].as_str().unwrap());
        assert_eq!(ann.get(&over).await.status, 200, "{over}");
    }
    // As of every object: one content of each version, and another `created` is no version of it.
    let mut changed = made[0].clone();
    changed["x_p"] = 2.into();
    let status = ann.post("c1", &[changed.clone()]).await;
    assert!(status["failures"][0]["message"].as_str().unwrap().contains("version-conflict"), "{status}");
    changed["created"] = "2021-01-01T00:00:00.000Z".into();
    let status = ann.post("c1", &[changed]).await;
    assert!(status["successes"][0]["message"].as_str().unwrap().contains("created-changed"), "{status}");
    assert_eq!(
        ann.get(&format!("/api1/collections/c1/objects/{}/", id("x-own", 1))).await.objects(),
        [made[0].clone()]
    );
}

fn spec(person_objects: &[Value]) -> Vec<String> {
    let said = |object: &Value| object["spec_version"].as_str().unwrap_or("2.0").to_owned();
    person_objects.iter().map(said).collect()
}

/// An indicator in STIX 2.0 or 2.1.
fn in_edition(edition: &str, number: usize, version: usize) -> Value {
    let mut object = indicator(number, version);
    if edition == "2.0" {
        object.as_object_mut().unwrap().remove("spec_version");
        object["labels"] = json!(["malicious-activity"]);
    }
    object
}

/// `match[version]` picks among what the other filters leave, and without `match[spec_version]` each object is given in the latest
/// specification version that it is held in (TAXII 2.1, 3.4.1).
#[tokio::test(flavor = "multi_thread")]
async fn versions_are_picked_among_those_of_the_specification_asked_for() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    // The edition and version of each, in the order in which they come.
    let stories: [(usize, &[(&str, usize)]); 4] = [
        (1, &[("2.0", 5), ("2.1", 2)]),
        (2, &[("2.1", 5), ("2.0", 2)]),
        (3, &[("2.0", 1), ("2.0", 3), ("2.1", 2), ("2.1", 4)]),
        (4, &[("2.0", 1), ("2.0", 2)]),
    ];
    for (number, versions) in stories {
        for (edition, version) in versions {
            ann.post("c1", &[in_edition(edition, number, *version)]).await;
        }
    }
    for (query, expected) in [
        ("", [vec![("2.1", 2)], vec![("2.1", 5)], vec![("2.1", 4)], vec![("2.0", 2)]]),
        ("match[spec_version]=2.0", [vec![("2.0", 5)], vec![("2.0", 2)], vec![("2.0", 3)], vec![("2.0", 2)]]),
        ("match[spec_version]=2.1", [vec![("2.1", 2)], vec![("2.1", 5)], vec![("2.1", 4)], vec![]]),
        (
            "match[spec_version]=2.0,2.1",
            [vec![("2.0", 5)], vec![("2.1", 5)], vec![("2.1", 4)], vec![("2.0", 2)]],
        ),
        ("match[version]=first", [vec![("2.1", 2)], vec![("2.1", 5)], vec![("2.1", 2)], vec![("2.0", 1)]]),
        (
            "match[version]=first&match[spec_version]=2.0",
            [vec![("2.0", 5)], vec![("2.0", 2)], vec![("2.0", 1)], vec![("2.0", 1)]],
        ),
        (
            "match[version]=all",
            [vec![("2.1", 2)], vec![("2.1", 5)], vec![("2.1", 2), ("2.1", 4)], vec![("2.0", 1), ("2.0", 2)]],
        ),
        (
            "match[version]=all&match[spec_version]=2.0,2.1",
            [
                vec![("2.0", 5), ("2.1", 2)],
                vec![("2.1", 5), ("2.0", 2)],
                vec![("2.0", 1), ("2.0", 3), ("2.1", 2), ("2.1", 4)],
                vec![("2.0", 1), ("2.0", 2)],
            ],
        ),
    ] {
        for (number, expected) in (1_usize..).zip(&expected) {
            let indicator = id("indicator", number);
            for target in [
                format!("/api1/collections/c1/objects/{indicator}/?{query}"),
                format!("/api1/collections/c1/objects/?match[id]={indicator}&{query}"),
            ] {
                let objects = ann.get(&target).await.objects();
                let found: Vec<(String, &str)> = spec(&objects)
                    .into_iter()
                    .zip(objects.iter().map(|one| one["modified"].as_str().unwrap()))
                    .collect();
                let wanted: Vec<(String, String)> = expected
                    .iter()
                    .map(|(edition, version)| ((*edition).to_owned(), modified(*version)))
                    .collect();
                let wanted: Vec<(String, &str)> =
                    wanted.iter().map(|(edition, version)| (edition.clone(), version.as_str())).collect();
                assert_eq!(found, wanted, "{target}");
            }
        }
        // The whole collection, and by type, give the same objects as each by its id.
        for filter in ["", "&match[type]=indicator"] {
            let target = format!("/api1/collections/c1/objects/?{query}{filter}");
            let count: usize = expected.iter().map(Vec::len).sum();
            assert_eq!(ann.get(&target).await.objects().len(), count, "{target}");
            let manifest = ann.get(&target.replace("/objects/", "/manifest/")).await.objects();
            assert_eq!(manifest.len(), count, "{target}");
        }
    }
    let versions = format!("/api1/collections/c1/objects/{}/versions/", id("indicator", 3));
    for (query, count) in [("", 2), ("?match[spec_version]=2.0", 2), ("?match[spec_version]=2.0,2.1", 4)] {
        let listed = ann.get(&format!("{versions}{query}")).await.json();
        assert_eq!(listed["versions"].as_array().unwrap().len(), count, "{query}");
    }
}

/// What an object says of its specification's version is what is told of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_of_the_specification_that_it_names() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    for (number, spec) in (1_usize..).zip(["2.1", "2.0", "2.2", "3.0", ""]) {
        let mut object = indicator(number, 1);
        object["spec_version"] = spec.into();
        let status = ann.post("c1", &[object]).await;
        assert_eq!(status["success_count"], 1, "{status}");
    }
    let manifest = ann.get("/api1/collections/c1/manifest/").await.objects();
    let types: Vec<Option<&str>> = manifest.iter().map(|line| line["media_type"].as_str()).collect();
    let [new, old] = ["2.1", "2.0"].map(|version| format!("application/stix+json;version={version}"));
    assert_eq!(
        types,
        [Some(new.as_str()), Some(&old), None, None, None],
        "one that the collection lists, or none"
    );
    for (asked, found) in [
        ("2.1", vec!["2.1"]),
        ("2.0", vec!["2.0"]),
        ("2.2", vec!["2.2"]),
        ("3.0", vec!["3.0"]),
        ("2.1,2.2", vec!["2.1", "2.2"]),
    ] {
        let objects =
            ann.get(&format!("/api1/collections/c1/objects/?match[spec_version]={asked}")).await.objects();
        assert_eq!(spec(&objects), found, "{asked}");
    }
    assert_eq!(ann.get("/api1/collections/c1/objects/").await.objects().len(), 5);
}

/// A later revocation in the older specification is not hidden by a version in the newer, and a number that nobody speaks takes no place.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_stays_the_last_word_in_any_specification() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let mut revoked = in_edition("2.0", 1, 5);
    revoked["revoked"] = true.into();
    let mut beyond = indicator(2, 1);
    beyond["spec_version"] = "9.9".into();
    ann.post("c1", &[in_edition("2.1", 1, 2), revoked, indicator(2, 3), beyond]).await;
    let first = format!("/api1/collections/c1/objects/{}/", id("indicator", 1));
    assert_eq!(ann.get(&first).await.objects()[0]["revoked"], true);
    assert_eq!(names(&ann, "/api1/collections/c1/objects/").await, [modified(5), modified(3)]);
    assert_eq!(names(&ann, &format!("{first}?match[version]={}", modified(2))).await, [modified(2)]);
    assert_eq!(names(&ann, &format!("{first}?match[spec_version]=2.1")).await, [modified(2)]);
}
