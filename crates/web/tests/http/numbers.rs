//! Numbers that a double does not hold: judged, compared and upgraded by what is written.

use handling::Role;
use serde_json::Value;

use crate::client::Answer;
use crate::house::{House, Person, id};

/// A tool with a custom property, as text: no reader of JSON of this test comes between.
fn tool(version: usize, number: &str) -> String {
    let id = id("tool", version);
    format!(
        r#"{{"type":"tool","spec_version":"2.1","id":"{id}","created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z","name":"t","x_abc":{number}}}"#
    )
}

async fn import(person: &Person, body: String) -> Value {
    let asked = person.ask("POST", "/api/v1/collections/c1/import").without("Accept");
    let answer = asked.header("Content-Type", "application/json").body(body).send().await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

async fn stored(person: &Person, id: &str) -> String {
    let answer: Answer = person.get(&format!("/api1/collections/c1/objects/{id}/")).await;
    assert_eq!(answer.status, 200);
    String::from_utf8(answer.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn integers_beyond_what_stix_allows_are_findings_however_large() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let beyond = [
        "9007199254740992",
        "9223372036854775807",
        "9223372036854775808",
        "-18446744073709551616",
        "12345678901234567890123",
    ];
    for (at, number) in beyond.iter().enumerate() {
        import(&ann, tool(at, number)).await;
        let answer =
            ann.ask("GET", &format!("/api/v1/objects/{}", id("tool", at))).without("Accept").send().await;
        let findings = answer.json()["findings"].clone();
        let found = findings
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["code"] == "number-range" && one["path"] == "x_abc");
        assert!(found, "{number}: {findings}");
    }
    for (at, number) in ["9007199254740991", "-0", "9223372036854775808.0", "1e300"].iter().enumerate() {
        import(&ann, tool(100 + at, number)).await;
        let answer = ann
            .ask("GET", &format!("/api/v1/objects/{}", id("tool", 100 + at)))
            .without("Accept")
            .send()
            .await;
        assert!(!String::from_utf8_lossy(&answer.body).contains("number-range"), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_version_with_two_integers_that_round_alike_is_a_conflict() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    import(&ann, tool(1, "12345678901234567890123")).await;
    let receipts = import(&ann, tool(1, "12345678901234567890999")).await;
    assert_eq!(receipts["receipts"][0]["code"], "version-conflict", "{receipts}");
    let receipts = import(&ann, tool(1, "12345678901234567890123").replace(',', " , ")).await;
    assert_eq!(receipts["receipts"][0]["outcome"], "known", "{receipts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upgrade_leaves_numbers_as_they_were_written() {
    let house = House::new().await;
    let ann = house.person("ann", Role::Analyst).await;
    house.collection("c1", &[(&ann, "rw")]).await;
    let numbers = r#"[12345678901234567890123,3.14159265358979323846,2.50,1E5,-0,{"deep":0.10e+1}]"#;
    let old = tool(1, numbers)
        .replace(r#""spec_version":"2.1","#, "")
        .replace(r#""name""#, r#""labels":["remote-access"],"name""#);
    import(
        &ann,
        format!(r#"{{"type":"bundle","id":"{}","spec_version":"2.0","objects":[{old}]}}"#, id("bundle", 1)),
    )
    .await;
    let text = stored(&ann, &id("tool", 1)).await;
    assert!(
        text.contains(r#""spec_version":"2.1""#) && text.contains(r#""tool_types":["remote-access"]"#),
        "{text}"
    );
    assert!(text.contains(&format!(r#""x_abc":{numbers}"#)), "{text}");
    // In an observable that moves out of its observed data, too.
    let seen = format!(
        r#"{{"type":"observed-data","id":"{}","created":"2017-01-01T00:00:00.000Z","modified":"2017-01-01T00:00:00.000Z","first_observed":"2017-01-01T00:00:00Z","last_observed":"2017-01-01T00:00:00Z","number_observed":1,"objects":{{"0":{{"type":"url","value":"http://example.org/","x_abc":{numbers}}}}}}}"#,
        id("observed-data", 1)
    );
    import(
        &ann,
        format!(r#"{{"type":"bundle","id":"{}","spec_version":"2.0","objects":[{seen}]}}"#, id("bundle", 2)),
    )
    .await;
    let page = ann.get("/api1/collections/c1/objects/?match[type]=url").await;
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains(&format!(r#""x_abc":{numbers}"#)), "{text}");
}
