//! The road between members' nodes where both ends show whose they are: it works by itself, and whoever is not the member that
//! was meant is told nothing.

use serde_json::{Value, json};

use crate::scene::{bundle, indicator};
use crate::town::{Town, agree, community, community_at, has, id, peer, until};

fn gives(town: &Town, number: usize, to: &str) {
    let pattern = format!("[ipv4-addr:value = '198.18.0.{number}']");
    let one = indicator(id(number).trim_start_matches("indicator--"), &pattern);
    let file = town.scene.file(&format!("{number}.json"), bundle(&[one]));
    town.node.there(&["import", &file, "--tlp", "amber", "--to", to]).exits(0);
}

/// Members whose nodes are reached by the mutual road.
fn members<const N: usize>(slugs: [&str; N]) -> [Town; N] {
    community_at(slugs.map(|slug| (slug, "cert")), Town::mutual)
}

#[test]
fn members_meet_where_both_ends_show_whose_they_are() {
    // Nobody has given either node a certificate, and a newcomer that is no member yet joins the same way.
    let [a, b] = members(["cert-a", "cert-b"]);
    gives(&a, 1, "cert-b");
    until("B has it", || has(&b, 1));
    until("the receipt is there", || a.ok(&["holders", &id(1)])[0]["receipt"] == "valid");
    for (town, other) in [(&a, "cert-b"), (&b, "cert-a")] {
        let peer = peer(town, other);
        assert_eq!(
            (&peer["road"], &peer["mutual"], &peer["road_refused"]),
            (&json!("mutual"), &json!(true), &Value::Null),
            "{peer}"
        );
        let doctor = town.ok(&["doctor"]);
        let checks = doctor["checks"].as_array().unwrap();
        let road = checks.iter().find(|check| check["name"] == "node certificate").unwrap();
        assert_eq!(road["ok"], true, "{road}");
    }
    // A new key of the member: its node is known by the old one until the news has come, and then by the new.
    a.ok(&["community", "rotate-key"]);
    agree(&[&a, &b], 2);
    gives(&a, 2, "cert-b");
    gives(&b, 3, "cert-a");
    until("both have what is for them", || has(&b, 2) && has(&a, 3));
    assert_eq!((&peer(&b, "cert-a")["mutual"], &peer(&a, "cert-b")["mutual"]), (&json!(true), &json!(true)));
}

#[test]
fn members_change_to_the_mutual_road_one_by_one() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    gives(&a, 1, "cert-b");
    until("B has it", || has(&b, 1));
    assert_eq!(
        (&peer(&a, "cert-b")["road"], &peer(&a, "cert-b")["mutual"]),
        (&json!("plain"), &json!(false))
    );
    a.node.there(&["community", "endpoint", "ftp://x"]).exits(1);
    let b_alone = b.ok(&["community", "endpoint", &b.mutual()]);
    assert_eq!(b_alone["status"], "done", "{b_alone}");
    until("A goes to B that way", || peer(&a, "cert-b")["road"] == "mutual");
    gives(&a, 2, "cert-b");
    gives(&b, 3, "cert-a");
    until("both have what is for them", || has(&b, 2) && has(&a, 3));
    a.ok(&["community", "endpoint", &a.mutual()]);
    agree(&[&a, &b], 2);
    gives(&a, 4, "cert-b");
    gives(&b, 5, "cert-a");
    until("both have what is for them", || has(&b, 4) && has(&a, 5));
    until("both ends show whose they are", || {
        peer(&a, "cert-b")["mutual"] == true && peer(&b, "cert-a")["mutual"] == true
    });
}

#[test]
fn a_new_key_is_believed_on_a_road_that_goes_one_way() {
    let (a, b) = (Town::new(), Town::new());
    let anchor = a.create_at("cert-a", &a.mutual(), &[]);
    // Nobody answers where B says it is: B alone calls, and learns of A's new key from an answer under it.
    b.join_as(&anchor, "cert-b", "cert", "https://127.0.0.1:9");
    a.approve("cert-b");
    agree(&[&a, &b], 2);
    a.ok(&["community", "rotate-key"]);
    agree(&[&a, &b], 2);
    gives(&a, 1, "cert-b");
    until("B has fetched it", || has(&b, 1));
    assert_eq!(peer(&b, "cert-a")["mutual"], true);
}

#[test]
fn who_answers_in_anothers_place_is_told_nothing() {
    let ([a, b], c) = (members(["cert-a", "cert-b"]), Town::new());
    // C's node answers B's address; B itself is gone.
    let address = b.address();
    assert_eq!(b.node.terminate(), 0);
    let impostor = c.scene;
    drop(c.node);
    let stranger = impostor.serve_at(&address);
    gives(&a, 1, "cert-b");
    until("A has seen who answers", || peer(&a, "cert-b")["road_refused"] == "certificate-unknown");
    let shown = peer(&a, "cert-b");
    assert_eq!((&shown["mutual"], &shown["lag_out"]), (&json!(false), &json!(1)), "{shown}");
    stranger.there(&["community", "show"]).exits(1);
    drop(stranger);
    // B's own node, whose clock has stood still for a month.
    let late = b.scene.serve_as(&address, &["--allow-test-controls"], &[("CRESSET_CLOCK_OFFSET", "-30d")]);
    until("A has seen how old it is", || peer(&a, "cert-b")["road_refused"] == "certificate-expired");
    assert_eq!(peer(&a, "cert-b")["lag_out"], 1);
    assert_eq!(late.terminate(), 0);
    // With its clock right it is B again.
    let b = Town { node: b.scene.serve_at(&address), scene: b.scene };
    until("B has it", || has(&b, 1));
    until("A speaks with it again", || peer(&a, "cert-b")["mutual"] == true);
}

#[test]
fn a_member_that_was_put_aside_is_told_nothing_more() {
    // Two of three decide, one vote after the other: what is asked here is the road, not how votes cross.
    let [a, b, c] = [Town::new(), Town::new(), Town::new()];
    let anchor = a.create_at("cert-a", &a.mutual(), &["--approvals", "2"]);
    b.join_as(&anchor, "cert-b", "cert", &b.mutual());
    a.approve("cert-b");
    agree(&[&a, &b], 2);
    c.join_as(&anchor, "cert-c", "cert", &c.mutual());
    a.approve("cert-c");
    b.approve("cert-c");
    agree(&[&a, &b, &c], 3);
    gives(&a, 1, "cert-c");
    until("C has it", || has(&c, 1));
    a.ok(&["community", "suspend", "cert-c", "--reason", "a trial"]);
    b.approve("cert-c");
    until("C is put aside", || a.has("cert-c", "suspended") && b.has("cert-c", "suspended"));
    // It is told that, and nothing more.
    until("C knows", || c.has("cert-c", "suspended"));
    // What C says is not heard any more, whatever it still knows of the others.
    gives(&c, 2, "cert-a");
    c.node.there(&["peer", "sync", "cert-a", "--wait", "3"]);
    assert!(!has(&a, 2));
    gives(&a, 3, "cert-b");
    until("the others go on", || has(&b, 3));
}
