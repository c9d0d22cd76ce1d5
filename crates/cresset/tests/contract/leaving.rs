//! Who is taken out of a circle keeps nothing of what it had by it, files and all, and gets it again when it is taken in again; and who
//! is in a circle learns it from anybody in it.

use serde_json::{Value, json};

use crate::retention::holds as holds_bytes;
use crate::scene::{ONE, TWO, bundle, indicator};
use crate::town::{Town, community, holds as has, until};

const MARKER: &str = "zzcirclemarkerzz";

fn named(uuid: &str, name: &str) -> Value {
    let mut object = indicator(uuid, "[ipv4-addr:value = '203.0.113.9']");
    object["name"] = json!(name);
    object
}

/// How B tells C as a holder of what it gave: under which rule, how its receipt stands, and what is awaited of it.
fn told(b: &Town, id: &str) -> Option<(String, String)> {
    let holders = b.ok(&["holders", id]);
    let of_c = holders.as_array().unwrap().iter().find(|row| row["member"] == "cert-c")?.clone();
    let text = |name: &str| of_c[name].as_str().unwrap().to_owned();
    let awaited = of_c["taking_back"].as_str().map(|word| format!(", {word}")).unwrap_or_default();
    Some((text("rule"), text("receipt") + &awaited))
}

#[test]
fn who_is_taken_out_of_a_circle_keeps_nothing_of_it() {
    let [a, b, mut c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    let (id, kept) = (format!("indicator--{ONE}"), format!("indicator--{TWO}"));
    a.ok(&["circle", "create", "banks", "--members", "cert-b,cert-c"]);
    until("B and C know the circle", || {
        [&b, &c].iter().all(|town| town.ok(&["circle", "list"]).as_array().unwrap().len() == 1)
    });
    // B gives it by a circle that A keeps.
    let file = b.scene.file("one.json", bundle(&[named(ONE, MARKER)]));
    b.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-a/banks"]).exits(0);
    let other = b.scene.file("two.json", bundle(&[named(TWO, "stays")]));
    b.node.there(&["import", &other, "--tlp", "amber", "--to", "cert-a/banks,cert-c"]).exits(0);
    until("C has both", || has(&c, &id) && has(&c, &kept));
    let valid = Some(("released".to_owned(), "valid".to_owned()));
    until("C has signed for it", || told(&b, &id) == valid);
    // The log may be folded back into the database between the two being read.
    until("its bytes are there", || holds_bytes(&c.scene.data(), MARKER));

    // C's node is down when the circle takes it out.
    let address = c.address();
    c.node.dies();
    a.ok(&["circle", "remove", "banks", "cert-c"]);
    let left = Some(("circle-left".to_owned(), "missing, pending".to_owned()));
    until("B tells C as having left", || told(&b, &id) == left);
    assert_eq!(b.node.there(&["explain", "circle-left"]).code, 0);
    c.node = c.scene.serve_at(&address);
    until("C has let go of it", || {
        c.ok(&["circle", "list"]).as_array().unwrap().is_empty() && c.ok(&["node", "state"])["objects"] == 1
    });
    until("C's files hold nothing of it", || !holds_bytes(&c.scene.data(), MARKER));
    until("C has signed for that", || told(&b, &id).is_none());
    assert!(!has(&c, &id) && has(&c, &kept) && has(&a, &id) && has(&b, &id));
    assert_eq!(told(&b, &kept), valid);
    assert_eq!(c.ok(&["rebuild", "--check"])["equal"], true);
    let of_circle =
        |town: &Town| town.ok(&["node", "state", "--circle", "cert-a/banks"])["state_hash"].clone();
    assert_eq!(of_circle(&a), of_circle(&b));

    a.ok(&["circle", "add", "banks", "cert-c", "--history", "all"]);
    until("C has it again", || has(&c, &id));
    until("C has signed for it again", || told(&b, &id) == valid);
    assert_eq!(of_circle(&b), of_circle(&c));
    a.ok(&["circle", "remove", "banks", "cert-c"]);
    until("C has let go of it again", || told(&b, &id).is_none() && !has(&c, &id));
    let recalled = b.ok(&["recall", &id, "--wait", "30"]);
    let receipts = recalled["receipts"].as_array().unwrap();
    assert!(receipts.iter().any(|row| row["member"] == "cert-c" && row["status"] == "done"), "{recalled}");
}

#[test]
fn who_is_taken_into_a_circle_learns_it_from_anybody_in_it() {
    let [mut a, mut b, c] = community([("cert-a", "cert"), ("cert-b", "cert"), ("cert-c", "cert")]);
    let id = format!("indicator--{ONE}");
    let address = b.address();
    b.node.dies();
    a.ok(&["circle", "create", "banks", "--members", "cert-b,cert-c"]);
    until("C knows the circle", || c.ok(&["circle", "list"]).as_array().unwrap().len() == 1);
    // Its owner is away when B comes back.
    a.node.dies();
    b.node = b.scene.serve_at(&address);
    let file = c.scene.file("one.json", bundle(&[named(ONE, MARKER)]));
    c.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-a/banks"]).exits(0);
    until("B has it", || has(&b, &id));
    assert_eq!(b.ok(&["circle", "list"])[0]["members"], json!(["cert-a", "cert-b", "cert-c"]));
}

/// Before migration 40 what has `created` alone had no date in the store, and was called by it between members: recalls and narrowings found
/// nothing, and were answered as done.
#[test]
fn what_an_earlier_build_signed_and_did_not_do_is_finished() {
    let [a, mut b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    const OTHERS: [&str; 2] =
        ["33333333-0000-4000-8000-000000000003", "44444444-0000-4000-8000-000000000004"];
    let ids = [ONE, TWO, OTHERS[0], OTHERS[1]].map(|uuid| format!("x-exercise--{uuid}"));
    let object = |id: &String| {
        json!({"type": "x-exercise", "spec_version": "2.1", "id": id, "created": "2026-01-02T03:04:05.678Z", "name": id,
               "extensions": {"extension-definition--00000000-0000-4000-8000-00000000000e": {"extension_type": "new-sdo"}}})
    };
    let file = a.scene.file("x.json", bundle(&ids.iter().map(object).collect::<Vec<_>>()));
    a.node.there(&["import", &file, "--tlp", "green", "--to", "cert-b"]).exits(0);
    until("B has all", || ids.iter().all(|id| has(&b, id)));
    let address = b.address();
    let database = b.scene.data().join("cresset.db");
    let as_before = |statement: &str| {
        let sql = rusqlite::Connection::open(&database).unwrap();
        sql.execute(statement, []).unwrap()
    };
    b.node.dies();
    assert_eq!(
        as_before("UPDATE version SET modified = NULL WHERE modified = '2026-01-02T03:04:05.678Z'"),
        4
    );
    b.node = b.scene.serve_at(&address);
    let recalled = a.ok(&["recall", &ids[0], "--wait", "30"]);
    assert_eq!(recalled["receipts"][0]["status"], "done", "{recalled}");
    a.ok(&["narrow", &ids[1], "--tlp", "amber"]);
    a.ok(&["narrow", &ids[2], "--tlp", "red"]);
    a.ok(&["erase", &ids[3], "--wait", "30"]);
    until("B has answered", || crate::relay::settled(&a, "cert-b") && crate::relay::settled(&b, "cert-a"));
    let level = |b: &Town| b.ok(&["get", &ids[1]])["handling"]["tlp"].clone();
    let left = [&ids[0], &ids[2], &ids[3]];
    assert!(left.iter().all(|id| has(&b, id)) && level(&b) == "green", "it was left as it was");

    // It has looked for what is left, when there was nothing that it could find.
    until("B has looked", || {
        let sql = rusqlite::Connection::open(&database).unwrap();
        let looked = "SELECT EXISTS (SELECT 1 FROM number WHERE name = 'deeds_finished')";
        sql.query_row(looked, [], |row| row.get(0)).unwrap()
    });
    b.node.dies();
    assert!(
        as_before("UPDATE version SET modified = '2026-01-02T03:04:05.678Z' WHERE modified IS NULL") >= 4
    );
    assert_eq!(as_before("DELETE FROM number WHERE name = 'deeds_finished'"), 1);
    b.node = b.scene.serve_at(&address);
    until("what was called back, is for others now or was erased is gone", || {
        !left.iter().any(|id| has(&b, id))
    });
    until("what was narrowed is", || level(&b) == "amber");
    let erased = b.scene.file("erased.json", bundle(&[object(&ids[3])]));
    b.node.there(&["import", &erased]).exits(1);
    assert!(!has(&b, &ids[3]), "what was erased does not come in again");
    assert_eq!(b.ok(&["rebuild", "--check"])["equal"], true);
}
