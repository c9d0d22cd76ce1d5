//! What may go to others and what does: `why`, `simulate` and `holders` tell the two apart.

use base::{Clock, Micros, SystemClock};
use serde_json::json;
use stix::Timestamp;

use crate::scene::{ONE, TWO, bundle, indicator, run_with};
use crate::town::{Town, community, holds, until};

/// What the command says in words, and how it ends.
fn words(town: &Town, args: &[&str]) -> (i32, String) {
    let url = town.node.url();
    let told = run_with(args, &[("CRESSET_URL", &url), ("CRESSET_TOKEN", town.node.token())], b"");
    (told.code, told.stdout + &told.stderr)
}

/// What handling allows and nobody has shared is not said to reach anybody: enforcement would let it go, and it stays.
#[test]
fn what_is_allowed_and_not_shared_is_told_as_that() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let one = indicator(ONE, "[ipv4-addr:value = '198.51.100.7']");
    let id = one["id"].as_str().unwrap().to_owned();
    let file = a.scene.file("one.json", bundle(&[json!({"type": "indicator"}), one.clone()]));
    let simulated = |more: &[&str]| {
        let args = [&["simulate", "--object", &file, "--for", "cert-b", "--tlp", "clear"], more].concat();
        let lines = a.node.there(&args).exits(1).lines();
        assert_eq!((lines.len(), &lines[0]["decision"]), (2, &json!("refuse")), "in the order of the file");
        assert_eq!((&lines[1]["decision"], &lines[1]["id"]), (&json!("allow"), &json!(id)));
        lines[1]["shared"].clone()
    };
    assert_eq!((simulated(&[]), simulated(&["--to", "cert-b"])), (json!(false), json!(true)));
    let file = a.scene.file("good.json", bundle(&[one]));
    a.node.there(&["import", &file, "--tlp", "clear"]).exits(0);
    let why = || a.ok(&["why", &id, "--for", "cert-b"]);
    assert_eq!((&why()["decision"], &why()["shared"]), (&json!("allow"), &json!(false)));
    let (code, told) = words(&a, &["why", &id, "--for", "cert-b"]);
    assert!(code == 0 && told.contains("may go to cert-b") && told.contains("cresset share"), "{told}");
    assert!(!told.contains("reaches") && a.ok(&["holders", &id]) == json!([]));
    assert_eq!(a.ok(&["why", &id, "--for", "user:admin"])["shared"], json!(null), "who is here reads it");
    assert!(words(&a, &["why", &id, "--for", "user:admin"]).1.contains("reaches user:admin"));

    a.ok(&["share", &id, "--to", "cert-b"]);
    assert_eq!(why()["shared"], true, "it is on its way");
    assert!(words(&a, &["why", &id, "--for", "cert-b"]).1.contains("reaches cert-b"));
    until("it is there", || holds(&b, &id));
    // What came from another is that one's to have shared.
    assert_eq!(b.ok(&["why", &id, "--for", "user:admin"])["shared"], json!(null));
}

/// Who is away when something is erased is told as one that has signed for nothing, and besides that this is awaited.
#[test]
fn a_receipt_that_is_awaited_is_missing() {
    let [a, mut b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let two = indicator(TWO, "[ipv4-addr:value = '198.51.100.8']");
    let id = two["id"].as_str().unwrap().to_owned();
    let file = a.scene.file("two.json", bundle(&[two]));
    a.node.there(&["import", &file, "--tlp", "amber", "--to", "cert-b"]).exits(0);
    until("the receipt is there", || a.ok(&["holders", &id])[0]["receipt"] == "valid");
    b.node.dies();
    let acks = a.node.there(&["courier", "acks", "--out", "-"]).exits(1);
    assert!(acks.stderr.contains("cresset courier export --to"), "it names what there is: {}", acks.stderr);
    a.ok(&["erase", &id]);
    let holders = a.ok(&["holders", &id]);
    let awaited = json!([{"member": "cert-b", "rule": "erased", "received_at": null, "receipt": "missing", "taking_back": "pending"}]);
    assert_eq!(holders, awaited);
    assert!(words(&a, &["holders", &id]).1.contains("pending"));
}

/// What is here already and brought again for somebody is told as given, or by which rule it is not.
#[test]
fn what_is_brought_again_for_more_is_told_so() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let [one, two] = [ONE, TWO].map(|uuid| indicator(uuid, "[ipv4-addr:value = '198.51.100.7']"));
    let [id, red] = [&one, &two].map(|object| object["id"].as_str().unwrap().to_owned());
    let (first, second) =
        (a.scene.file("one.json", bundle(&[one])), a.scene.file("two.json", bundle(&[two])));
    a.node.there(&["import", &first]).exits(0);
    a.node.there(&["import", &second, "--tlp", "red"]).exits(0);
    let why = words(&a, &["why", &id, "--for", "cert-b"]);
    assert!(why.0 == 1 && why.1.contains("[audience]"), "{why:?}");
    assert!(why.1.contains("nobody has been named yet: `cresset share` gives it"), "{why:?}");
    let why = words(&a, &["why", &red, "--for", "cert-b"]);
    assert!(why.1.contains("nobody has been named yet") && !why.1.contains("gives it"), "{why:?}");

    let lines = a.node.there(&["import", &first, "--to", "cert-b"]).exits(0).lines();
    assert_eq!((&lines[0]["outcome"], &lines[0]["handling"]), (&json!("known"), &json!("given")));
    assert!(lines[0]["reason"].as_str().unwrap().contains("given to cert-b"), "{}", lines[0]);
    assert_eq!(lines[1]["summary"]["given"], 1);
    let (code, told) = words(&a, &["import", &first, "--tlp", "amber", "--to", "cert-b"]);
    assert!(code == 0 && told.contains("1 of them known already, and given to cert-b now"), "{told}");
    until("it is there", || holds(&b, &id));

    let lines = a.node.there(&["import", &second, "--to", "cert-b"]).exits(1).lines();
    assert_eq!((&lines[0]["handling"], &lines[0]["code"]), (&json!("kept"), &json!("tlp-red-persons")));
    assert_eq!(lines[1]["summary"]["withheld"], json!({"tlp-red-persons": 1}));
    let (code, told) = words(&a, &["import", &second, "--to", "cert-b"]);
    let kept = "1 of them not given to cert-b (tlp-red-persons)";
    assert!(code == 1 && told.contains(kept), "{told}");
    let version = a.ok(&["why", &id, "--for", "cert-b", "--version", "2025-01-01T00:00:00.000Z"]);
    assert_eq!(
        (&version["version"], &version["decision"]),
        (&json!("2025-01-01T00:00:00.000Z"), &json!("allow"))
    );
}

/// What comes in and is refused to somebody named is counted and ends with 1, brought again too; what only has to wait is done.
#[test]
fn what_is_refused_to_who_is_named_is_counted_and_ends_with_1() {
    let [a, _b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let file = |uuid: &str| {
        let one = indicator(uuid, "[ipv4-addr:value = '198.51.100.7']");
        a.scene.file(&format!("{uuid}.json"), bundle(&[one]))
    };
    let (red, later) = (file(ONE), file(TWO));
    let in_an_hour = Timestamp::text_of(SystemClock::default().now().plus(3_600 * Micros::SECOND));
    for outcome in ["accepted", "known"] {
        let lines = a.node.there(&["import", &red, "--tlp", "red", "--to", "cert-b"]).exits(1).lines();
        assert_eq!((&lines[0]["outcome"], &lines[0]["code"]), (&json!(outcome), &json!("tlp-red-persons")));
        let summary = &lines[1]["summary"];
        assert_eq!((&summary["withheld"], &summary["later"]), (&json!({"tlp-red-persons": 1}), &json!(null)));
        let wait = ["import", &later, "--tlp", "amber", "--to", "cert-b", "--embargo-until", &in_an_hour];
        let lines = a.node.there(&wait).exits(0).lines();
        assert_eq!(
            (&lines[0]["outcome"], &lines[0]["code"]),
            (&json!(outcome), &json!("embargo")),
            "{lines:?}"
        );
        let summary = &lines[1]["summary"];
        assert_eq!((&summary["withheld"], &summary["later"]), (&json!(null), &json!({"embargo": 1})));
    }
    let (code, told) = words(&a, &["import", &later, "--to", "cert-b"]);
    let yet = "1 of them not given to cert-b yet (embargo): it goes there when that has passed";
    assert!(code == 0 && told.contains(yet), "{told}");
}

/// What is kept with errors of its own is said in words, by the errors' codes.
#[test]
fn what_is_kept_with_errors_of_its_own_is_said() {
    let town = Town::new();
    let objects = [ONE, TWO].map(|uuid| indicator(uuid, "[ipv4-addr:value = "));
    let file = town.scene.file("broken.json", bundle(&objects[..1]));
    let (code, told) = words(&town, &["import", &file]);
    assert!(code == 0 && told.contains("1 accepted"), "{told}");
    let one = "1 of them with errors of its own (pattern-syntax): kept, and never matched; --json lists them";
    assert!(told.contains(one), "{told}");
    let mut both = objects.clone();
    both[1]["confidence"] = json!("high");
    let file = town.scene.file("both.json", bundle(&both));
    let (_, told) = words(&town, &["import", &file]);
    assert!(
        told.contains("2 of them with errors of their own (pattern-syntax,")
            || told.contains(", pattern-syntax)"),
        "{told}"
    );
    let good = town.scene.file("good.json", bundle(&[indicator(ONE, "[ipv4-addr:value = '198.51.100.7']")]));
    assert!(!words(&town, &["import", &good]).1.contains("of their own"), "nothing to say of it");
}

/// A deed is about a report and not about what it lists: who gives one, or takes it back, is told that the rest stays as it is.
#[test]
fn what_a_report_lists_is_said_to_stay_as_it_is() {
    let [a, b] = community([("cert-a", "cert"), ("cert-b", "cert")]);
    let (one, two) = (
        indicator(ONE, "[ipv4-addr:value = '198.51.100.7']"),
        indicator(TWO, "[url:value = 'http://a.example/']"),
    );
    let report = "report--5a170000-0000-4000-8000-0000000000a1";
    let listing = json!({"type": "report", "spec_version": "2.1", "id": report, "created": "2024-01-01T00:00:00.000Z",
        "modified": "2024-01-01T00:00:00.000Z", "name": "Two", "published": "2024-01-01T00:00:00Z", "object_refs": [one["id"], two["id"]]});
    let file = a.scene.file("report.json", bundle(&[one.clone(), two, listing]));
    a.node.there(&["import", &file, "--tlp", "amber"]).exits(0);
    let (code, told) = words(&a, &["share", report, "--to", "cert-b"]);
    assert!(code == 0 && told.contains("it lists 2 objects") && told.contains("cresset share"), "{told}");
    until("B has the report", || holds(&b, report));
    assert!(!holds(&b, one["id"].as_str().unwrap()));
    let (_, told) = words(&a, &["recall", report, "--wait", "30"]);
    assert!(told.contains("it lists 2 objects, which stay") && told.contains("cresset recall"), "{told}");
    let (_, told) = words(&a, &["share", one["id"].as_str().unwrap(), "--to", "cert-b"]);
    assert!(!told.contains("lists"), "{told}");
}
