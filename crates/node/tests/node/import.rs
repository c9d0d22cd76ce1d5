//! Files going in.

use node::{Format, ImportError, ImportRequest, Outcome, Receipt, Summary};
use stix::TlpLevel;
use store::{Filter, PageRequest};

use super::*;

async fn import(
    bench: &Bench,
    bytes: impl Into<Bytes>,
    format: Format,
    options: Options,
) -> Result<(Summary, Vec<Receipt>), ImportError> {
    let root = bench.operator().await;
    let request = ImportRequest { collection: "inbox", bytes: bytes.into(), format, options };
    let mut receipts = Vec::new();
    let summary = bench.node.import(&root, request, &mut |part| receipts.extend(part)).await?;
    let unread = summary.unread.clone();
    assert_eq!(summary, Summary { unread, ..Summary::of(&receipts) });
    Ok((summary, receipts))
}

async fn auto(bench: &Bench, text: &str) -> (Summary, Vec<Receipt>) {
    import(bench, text.to_owned(), Format::Auto, Options::default()).await.unwrap()
}

/// The stored object with this id, as JSON.
async fn stored(bench: &Bench, id: &str) -> serde_json::Value {
    let root = bench.operator().await;
    let object = bench.node.object(&root, id, None).await.unwrap().into_inner();
    serde_json::from_slice(&object.bytes).unwrap()
}

const LIST: &str = "value,type,description,confidence,valid_until,tlp,tags\n\
    # a comment\n\
    198.51.100.7,ip,\"says \"\"hello\"\"\",80,2030-01-01,amber,\"c2;bot\"\n\
    evil[.]example,domain,,,,,\n\
    not a domain,domain,,,,,\n\
    hxxp://evil.example/a'b,,,high,,,\n\
    d41d8cd98f00b204e9800998ecf8427e,md5,,,,,\n\
    CVE-2024-12345,cve,,,,,\n\
    192.0.2.0/24,cidr,,,,,\n\
    user@evil.example,email,,200,,,\n";

#[tokio::test]
async fn a_list_becomes_indicators_and_twice_is_known() {
    let (bench, _) = Bench::new().await;
    let (summary, receipts) = auto(&bench, LIST).await;
    assert_eq!((summary.total, summary.accepted, summary.refused), (8, 6, 2), "{receipts:#?}");
    assert_eq!((receipts[2].code, receipts[7].code), (Some("value-unfit"), Some("number-range")));
    assert!(receipts[2].reason.as_deref().unwrap().starts_with("line 5"), "{:?}", receipts[2].reason);
    let first = stored(&bench, receipts[0].id.as_deref().unwrap()).await;
    assert_eq!(first["pattern"], "[ipv4-addr:value = '198.51.100.7']");
    assert_eq!((first["confidence"].as_i64(), first["labels"][1].as_str()), (Some(80), Some("c2")));
    assert_eq!(first["valid_until"], "2030-01-01T00:00:00.000000Z");
    assert_eq!(first["object_marking_refs"][0], "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421");
    let url = stored(&bench, receipts[3].id.as_deref().unwrap()).await;
    assert_eq!(url["pattern"], r"[url:value = 'http://evil.example/a\'b']");
    let author = stored(&bench, first["created_by_ref"].as_str().unwrap()).await;
    assert_eq!(author["name"], "CERT A");
    bench.clock.advance(3_600 * Micros::SECOND);
    let (again, receipts) = auto(&bench, LIST).await;
    assert_eq!((again.total, again.known, again.refused), (8, 6, 2), "{receipts:#?}");
}

/// As MISP writes its attributes out.
const ATTRIBUTES: &str = "uuid,event_id,category,type,value,comment,to_ids,date,attribute_tag\n\
    5f,1,Network activity,domain,evil.example,,1,20240101,\"tlp:red,osint\"\n\
    60,1,External analysis,domain,google.com,looked up by it,0,20240101,tlp:red\n\
    61,1,Network activity,ip-dst,198.51.100.7,,1,20240101,\"TLP:GREEN,tlp:amber+strict,TLP:CLEAR\"\n\
    62,1,Network activity,ip-dst,198.51.100.8,,1,20240101,PAP:RED\n\
    63,1,Network activity,ip-dst,198.51.100.9,,1,20240101,tlp:unclear\n\
    64,1,Network activity,ip-dst,198.51.100.10,,perhaps,20240101,\n\
    65,1,Network activity,ip-dst,198.51.100.11,,false,20240101,\n\
    66,1,Network activity,ip-dst,198.51.100.12,,1,20240101,\"tlpresearch,papaya,type:OSINT\"\n";

#[tokio::test]
async fn tags_of_a_list_are_handling_and_context_is_no_indicator() {
    let (bench, _) = Bench::new().await;
    // As programs write lists into a cell; and one that names the scheme in a form nobody knows.
    let odd =
        "value,tags\n198.51.100.201,\"[\"\"tlp:red\"\", \"\"apt\"\"]\"\n198.51.100.202,marking:tlp:red\n";
    let (summary, receipts) = auto(&bench, odd).await;
    assert_eq!(
        (summary.accepted, summary.refused, receipts[1].code),
        (1, 1, Some("value-unfit")),
        "{receipts:#?}"
    );
    let id = receipts[0].id.as_deref().unwrap();
    assert_eq!(stored(&bench, id).await["labels"], serde_json::json!(["apt"]));
    let object = bench.node.object(&bench.operator().await, id, None).await.unwrap().into_inner();
    let handling = bench.node.handling_of(object.tlp, &object.places).await.unwrap();
    assert_eq!(handling.tlp, Some("red"));
    let (summary, receipts) = auto(&bench, ATTRIBUTES).await;
    assert_eq!((summary.total, summary.accepted, summary.refused), (6, 3, 3), "{receipts:#?}");
    let unread = &summary.unread;
    assert_eq!(unread.columns, ["uuid", "event_id", "category", "date"]);
    assert_eq!((unread.context.count, unread.context.first), (2, 3));
    let root = bench.operator().await;
    let found = bench.node.look_up(&root, &["google.com"], node::Detail::Brief).await.unwrap().into_inner();
    assert!(found[0].matches.is_empty());
    let handled = async |id: &str| {
        let object = bench.node.object(&root, id, None).await.unwrap().into_inner();
        bench.node.handling_of(object.tlp, &object.places).await.unwrap().tlp
    };
    for (at, level, labels) in [
        (0, Some("red"), serde_json::json!(["osint"])),
        (1, Some("amber+strict"), serde_json::Value::Null),
        (5, None, serde_json::json!(["papaya", "tlpresearch", "type:OSINT"])),
    ] {
        let id = receipts[at].id.as_deref().unwrap();
        assert_eq!((handled(id).await, &stored(&bench, id).await["labels"]), (level, &labels), "{at}");
    }
    for (at, code, line) in [(2, "handling-unstated", 5), (3, "value-unfit", 6), (4, "value-unfit", 7)] {
        let Receipt { code: told, reason, .. } = &receipts[at];
        assert_eq!(*told, Some(code), "{reason:?}");
        assert!(reason.as_ref().unwrap().contains(&format!("line {line}")), "{reason:?}");
    }
    // Who states what the tag asks imports the line.
    let options = Options { pap: Some(handling::Pap::Red), ..Options::default() };
    let (summary, _) = import(&bench, ATTRIBUTES, Format::Csv, options).await.unwrap();
    assert_eq!((summary.accepted, summary.refused), (1, 2));
}

#[tokio::test]
async fn lines_without_a_value_are_told() {
    let (bench, _) = Bench::new().await;
    let text = "198.51.100.7\n\n# a comment\nnothing to see\r\n198.51.100.7 again\nhxxp://evil[.]example/a, evil.example\nнет\n";
    let (summary, receipts) = auto(&bench, text).await;
    assert_eq!(summary.accepted, 3, "{receipts:#?}");
    let told = summary.unread.without_value;
    assert_eq!((told.count, told.first), (2, 4));
    let (summary, _) = auto(&bench, "198.51.100.7\n198.51.100.8").await;
    assert!(summary.unread.is_nothing(), "{:?}", summary.unread);
}

#[tokio::test]
async fn a_changed_line_is_a_newer_version_with_the_same_created() {
    let (bench, _) = Bench::new().await;
    let (_, first) = auto(&bench, "domain,confidence\nevil.example,10\n").await;
    let id = first[0].id.as_deref().unwrap();
    let before = stored(&bench, id).await;
    bench.clock.advance(Micros::SECOND);
    let (summary, _) = auto(&bench, "domain;confidence\nevil.example;20\n").await;
    assert_eq!(summary.newer, 1);
    let after = stored(&bench, id).await;
    assert_eq!((&after["created"], &after["confidence"]), (&before["created"], &20.into()));
    assert_ne!(after["modified"], before["modified"]);
}

/// Imports a list by somebody into a collection.
async fn list(bench: &Bench, who: &Principal, to: (&str, &Options), text: &str) -> Receipt {
    let (collection, options) = (to.0, to.1.clone());
    let bytes = Bytes::from(text.to_owned());
    let request = ImportRequest { collection, bytes, format: Format::Csv, options };
    let mut receipts = Vec::new();
    bench.node.import(who, request, &mut |part| receipts.extend(part)).await.unwrap();
    receipts.remove(0)
}

/// `created` and `modified` of the latest version that somebody sees in one collection.
async fn dates(bench: &Bench, who: &Principal, collection: &str, id: &str) -> (String, String) {
    let filter = Filter { ids: vec![id.to_owned()], ..Filter::default() };
    let request = PageRequest { limit: 9, filter, ..PageRequest::default() };
    let page = bench.node.page(who, collection, &request).await.unwrap().into_inner();
    let object: serde_json::Value = serde_json::from_slice(&page.objects).unwrap();
    (object["created"].as_str().unwrap().to_owned(), object["modified"].as_str().unwrap().to_owned())
}

/// Collections that everybody reads, and one that ann alone does; eve may only write to the first.
async fn shelves() -> (Bench, [Arc<Principal>; 2]) {
    let (bench, _) = Bench::new().await;
    for name in ["ann", "eve"] {
        bench.user(name, Role::Analyst).await;
    }
    let write = Access { read: false, write: true };
    bench.collection("one", vec![("user:ann", RW), ("user:eve", write)]).await;
    bench.collection("two", vec![("user:ann", RW)]).await;
    bench.collection("many", vec![("user:ann", RW), ("user:root", RW)]).await;
    let people = [bench.principal("ann").await, bench.principal("eve").await];
    (bench, people)
}

const VALUE: &str = "domain,confidence\nevil.example,10\n";

#[tokio::test]
async fn a_value_has_one_history_wherever_it_is_imported() {
    let (bench, [ann, _]) = shelves().await;
    let open = Options::default();
    let id = list(&bench, &ann, ("one", &open), VALUE).await.id.unwrap();
    let first = dates(&bench, &ann, "one", &id).await;
    bench.clock.advance(Micros::SECOND);
    assert_eq!(list(&bench, &ann, ("two", &open), VALUE).await.outcome, Outcome::Accepted);
    assert_eq!(dates(&bench, &ann, "two", &id).await, first, "the very same");
    let changed = "domain,confidence\nevil.example,20\n";
    assert_eq!(list(&bench, &ann, ("two", &open), changed).await.outcome, Outcome::Newer);
    let second = dates(&bench, &ann, "two", &id).await;
    assert_eq!((&second.0, second.1 > first.1), (&first.0, true));
    let told = bench.node.object(&ann, &id, None).await.unwrap().into_inner();
    assert_eq!((told.version, told.contradictions), (second.1.clone(), 0));
    let found = bench.node.look_up(&ann, &["evil.example"], node::Detail::Brief).await.unwrap().into_inner();
    assert_eq!(found[0].matches.len(), 1);
    // What stands in the collection itself goes before what stands elsewhere.
    bench.clock.advance(Micros::SECOND);
    assert_eq!(list(&bench, &ann, ("one", &open), VALUE).await.outcome, Outcome::Known);

    // Who reads more collections than the importer gave it to is told of none of them by its dates.
    let receipt = list(&bench, &ann, ("many", &open), VALUE).await;
    assert!(receipt.findings.iter().all(|finding| finding.code != "created-changed"), "{receipt:?}");
    let (created, modified) = dates(&bench, &ann, "many", &id).await;
    assert_eq!((created == modified, created > second.0), (true, true));
}

#[tokio::test]
async fn a_value_goes_on_from_nothing_that_is_revoked_or_for_fewer() {
    let (bench, [ann, _]) = shelves().await;
    let open = Options::default();
    let few = Options { to: vec!["user:ann".into()], ..Options::default() };
    let id = list(&bench, &ann, ("one", &few), VALUE).await.id.unwrap();
    bench.clock.advance(Micros::SECOND);
    assert_eq!(list(&bench, &ann, ("two", &open), VALUE).await.handling, None, "not under what is for few");
    assert_ne!(dates(&bench, &ann, "one", &id).await.0, dates(&bench, &ann, "two", &id).await.0);

    let other = "domain\nworse.example\n";
    let id = list(&bench, &ann, ("one", &open), other).await.id.unwrap();
    let mut object = stored(&bench, &id).await;
    (object["revoked"], object["modified"]) = (true.into(), "2026-02-01T00:00:00.000Z".into());
    assert_eq!(bench.accept(&ann, "one", &[object.to_string()]).await.receipts[0].outcome, Outcome::Newer);
    bench.clock.advance(Micros::SECOND);
    assert_eq!(list(&bench, &ann, ("two", &open), other).await.outcome, Outcome::Accepted);
    let found = bench.node.look_up(&ann, &["worse.example"], node::Detail::Brief).await.unwrap().into_inner();
    assert_eq!(found[0].matches.iter().map(|found| found.revoked).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn a_value_goes_on_elsewhere_from_nothing_that_others_who_are_named_do_not_have() {
    let region = crate::peers::Region::of(&["a", "b", "c"]).await;
    let a = &region[0].bench;
    for name in ["one", "two", "three"] {
        a.collection(name, vec![("user:root", RW)]).await;
    }
    let who = a.operator().await;
    let named = |names: &[&str]| Options {
        to: names.iter().map(|name| (*name).to_owned()).collect(),
        tlp: Some(TlpLevel::Amber),
        ..Options::default()
    };
    // Since when something internal is known is told to nobody outside by what comes later to another collection.
    let id = list(a, &who, ("one", &Options::default()), VALUE).await.id.unwrap();
    a.clock.advance(Micros::SECOND);
    list(a, &who, ("two", &named(&["b"])), VALUE).await;
    let (internal, given) = (dates(a, &who, "one", &id).await, dates(a, &who, "two", &id).await);
    assert!(given.0 > internal.0, "{given:?} {internal:?}");

    // Who has it already is given the very same again, and a new one says when.
    let other = "domain\nworse.example\n";
    let id = list(a, &who, ("one", &named(&["b"])), other).await.id.unwrap();
    let first = dates(a, &who, "one", &id).await;
    for (collection, to, same) in [("two", &["b"][..], true), ("three", &["b", "c"], false)] {
        a.clock.advance(Micros::SECOND);
        list(a, &who, (collection, &named(to)), other).await;
        assert_eq!(dates(a, &who, collection, &id).await == first, same, "{collection}");
    }
    // In the collection itself it is this history that is given.
    a.clock.advance(Micros::SECOND);
    list(a, &who, ("one", &named(&["b", "c"])), "domain,confidence\nworse.example,20\n").await;
    assert_eq!(dates(a, &who, "one", &id).await.0, first.0);
}

#[tokio::test]
async fn who_may_not_read_goes_on_from_what_stands_and_is_not_told() {
    let (bench, [ann, eve]) = shelves().await;
    let open = Options::default();
    let id = list(&bench, &ann, ("one", &open), VALUE).await.id.unwrap();
    let first = dates(&bench, &ann, "one", &id).await;
    bench.clock.advance(Micros::SECOND);
    let mut told = Vec::new();
    for text in [VALUE, "domain,confidence\nevil.example,20\n", "domain\nnew.example\n"] {
        let mut receipt = list(&bench, &eve, ("one", &open), text).await;
        receipt.id = None;
        told.push(receipt);
    }
    assert_eq!(told[0].outcome, Outcome::Accepted);
    assert!(told.iter().all(|receipt| *receipt == told[0]), "{told:#?}");
    let second = dates(&bench, &ann, "one", &id).await;
    assert_eq!((&second.0, second.1 > first.1), (&first.0, true));
    assert_eq!(bench.node.object(&ann, &id, None).await.unwrap().into_inner().contradictions, 0);
}

#[tokio::test]
async fn a_long_list_is_committed_in_parts_and_known_afterwards() {
    let (bench, _) = Bench::new().await;
    let mut list = String::from("domain\n");
    for at in 0..2_345 {
        list.push_str(&format!("host{at}.example\n"));
    }
    let (first, _) = auto(&bench, &list).await;
    assert_eq!((first.total, first.accepted), (2_345, 2_345));
    bench.clock.advance(Micros::SECOND);
    let (again, _) = auto(&bench, &list).await;
    assert_eq!((again.total, again.known), (2_345, 2_345));
}

#[tokio::test]
async fn columns_that_say_nothing_of_values_are_refused() {
    let (bench, _) = Bench::new().await;
    let (summary, receipts) =
        import(&bench, "colour,size\nred,1\n", Format::Csv, Options::default()).await.unwrap();
    assert_eq!((summary.total, receipts[0].code), (1, Some("value-unfit")));
    let late = "value,valid_from,valid_until\n192.0.2.1,2024-01-02,2024-01-01\n192.0.2.2,soon,\n";
    let (_, receipts) = auto(&bench, late).await;
    assert_eq!((receipts[0].code, receipts[1].code), (Some("time-order"), Some("timestamp")));
}

#[tokio::test]
async fn values_are_found_in_free_text() {
    let (bench, _) = Bench::new().await;
    let text = "[Report] The bot at 198[.]51[.]100[.]7 talks to hxxps://evil[.]example/gate.php, (CVE-2024-12345). \
        Again 198.51.100.7.";
    let (summary, receipts) = auto(&bench, text).await;
    assert_eq!(summary.accepted, summary.total, "{receipts:#?}");
    assert_eq!(summary.total, 3, "{receipts:#?}");
    let (again, _) = auto(&bench, text).await;
    assert_eq!(again.known, summary.total);
    let (none, _) = auto(&bench, "nothing to see here").await;
    assert_eq!(none.total, 0);
}

#[tokio::test]
async fn a_bundle_is_taken_object_by_object() {
    let (bench, _) = Bench::new().await;
    let bundle = format!(
        r#"{{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[{},{{"type":"x"}},{}]}}"#,
        indicator(1, "[url:value = 'http://a.example/']", ""),
        indicator(2, "[url:value = 'http://b.example/']", "")
    );
    let (summary, receipts) = auto(&bench, &bundle).await;
    assert_eq!((summary.accepted, summary.refused), (2, 1));
    assert_eq!(receipts[1].outcome, Outcome::Refused);
}

#[tokio::test]
async fn stix_2_0_is_recognised_and_upgraded() {
    let (bench, _) = Bench::new().await;
    let old = r#"{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","spec_version":"2.0","objects":[
        {"type":"indicator","id":"indicator--00000000-0000-4000-8000-000000000009","created":"2017-01-01T00:00:00.000Z",
         "modified":"2017-01-01T00:00:00.000Z","labels":["malicious-activity"],
         "pattern":"[url:value = 'http://old.example/']","valid_from":"2017-01-01T00:00:00Z","x_kept":1}]}"#;
    let (summary, receipts) = auto(&bench, old).await;
    assert_eq!(summary.accepted, 1, "{receipts:#?}");
    let upgraded = stored(&bench, "indicator--00000000-0000-4000-8000-000000000009").await;
    assert_eq!((&upgraded["spec_version"], &upgraded["x_kept"]), (&"2.1".into(), &1.into()));
    assert_eq!(upgraded["pattern_type"], "stix");
}

#[tokio::test]
async fn the_tlp_of_an_import_is_kept_beside_foreign_objects() {
    let (bench, _) = Bench::new().await;
    bench.user("ann", Role::Analyst).await;
    let bytes = indicator(1, "[url:value = 'http://a.example/']", "");
    let options = Options { tlp: Some(TlpLevel::Red), ..Options::default() };
    import(&bench, bytes.clone(), Format::Auto, options).await.unwrap();
    let root = bench.operator().await;
    let id = "indicator--00000000-0000-4000-8000-000000000001";
    let object = bench.node.object(&root, id, None).await.unwrap().into_inner();
    assert_eq!((object.tlp, object.bytes.as_ref()), (Some(4), bytes.as_bytes()));
    assert!(bench.node.object(&bench.principal("ann").await.as_ref().clone(), id, None).await.is_err());
}

#[tokio::test]
async fn what_is_not_read_is_refused_by_name_and_leaves_nothing() {
    let (bench, _) = Bench::new().await;
    for (bytes, code) in [
        (&br#"{"Event":{"info":"x"}}"#[..], "format-not-supported-yet"),
        (br#"{"document":{"csaf_version":"2.0"}}"#, "format-not-supported-yet"),
        (b"{\"type\":\"bundle\"", "format-unknown"),
        (b"\xff\xfe\x00", "format-unknown"),
        (br#"{"type":"bundle","objects":7}"#, "format-unknown"),
    ] {
        let refused = import(&bench, bytes, Format::Auto, Options::default()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{}", String::from_utf8_lossy(bytes));
    }
    let misp = import(&bench, "{}", Format::Misp, Options::default()).await.unwrap_err();
    assert_eq!(misp.code(), "format-not-supported-yet");
    let converter = "misp_stix_converter export -f FILE -v 2.1";
    assert!(misp.to_string().contains(converter) && misp.to_string().contains("misp-stix"), "{misp}");
    assert!(include_str!("../../../../README.md").contains(converter), "the README names the same command");
    let csaf = import(
        &bench,
        br#"{"document":{"csaf_version":"2.0"}}"#.as_slice(),
        Format::Auto,
        Options::default(),
    );
    assert!(!csaf.await.unwrap_err().to_string().contains("misp"));
    let root = bench.operator().await;
    let all = PageRequest { limit: 10, filter: Filter::default(), ..Default::default() };
    assert_eq!(bench.node.page(&root, "inbox", &all).await.unwrap().get().count, 0);
}

/// A file of the real data, unpacked; `None` where it is not here.
fn real(name: &str) -> Option<Vec<u8>> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !file.exists() {
        eprintln!("SKIPPED: {} is not here", file.display());
        return None;
    }
    Some(std::process::Command::new("gzip").arg("-dc").arg(file).output().unwrap().stdout)
}

#[tokio::test]
async fn real_reports_are_taken_whole_and_twice_is_known() {
    for name in
        ["AstarothMalware", "GandCrab", "IcedID_Malware", "qakbotmalware", "realtek-sdk-cve-2021-35394"]
    {
        let Some(bytes) = real(&format!("stix2-reports/{name}.json.gz")) else { return };
        let (bench, _) = Bench::new().await;
        let (summary, receipts) =
            import(&bench, bytes.clone(), Format::Auto, Options::default()).await.unwrap();
        let refused: Vec<_> =
            receipts.iter().filter(|receipt| receipt.outcome == Outcome::Refused).take(3).collect();
        assert!(summary.total > 10 && refused.is_empty(), "{name}: {summary:?} {refused:#?}");
        let (again, _) = import(&bench, bytes, Format::Auto, Options::default()).await.unwrap();
        assert_eq!((again.total, again.known), (summary.total, summary.total), "{name}");
    }
}

#[tokio::test]
async fn real_attack_comes_out_as_it_went_in() {
    let Some(bytes) = real("attack/ics-attack-18.1.json.gz") else { return };
    let (bench, _) = Bench::new().await;
    let bytes = Bytes::from(bytes);
    let (summary, _) = import(&bench, bytes.clone(), Format::Auto, Options::default()).await.unwrap();
    assert_eq!((summary.total, summary.refused), (summary.accepted, 0));
    let root = bench.operator().await;
    let mut sent: Vec<_> = stix::split(&bytes).unwrap().objects;
    sent.sort_unstable();
    let mut request = PageRequest { limit: 500, ..Default::default() };
    let mut pages = Vec::new();
    loop {
        let page = bench.node.page(&root, "inbox", &request).await.unwrap().into_inner();
        pages.push(format!("[{}]", String::from_utf8(page.objects.to_vec()).unwrap()));
        request.next = page.page.next;
        if request.next.is_none() {
            break;
        }
    }
    let mut got: Vec<_> =
        pages.iter().flat_map(|page| stix::split(page.as_bytes()).unwrap().objects).collect();
    got.sort_unstable();
    assert!(got == sent, "{} sent, {} got", sent.len(), got.len());
}

/// A list of more values than one import takes goes in parts, each with the header; a line is named by its number in the whole.
#[tokio::test]
async fn a_long_list_goes_in_parts_that_keep_the_numbers_of_lines() {
    let most = base::limit::IMPORT_OBJECTS_MAX;
    let address = |number: usize| format!("10.{}.{}.{},", number >> 16, number >> 8 & 255, number & 255);
    let lines = |count: usize| (0..count).map(|number| address(number) + "\n").collect::<String>();
    let (header, last) =
        ("\u{feff}# from a feed\nip,note\n", "nothing,\n198.51.100.7,\"two\nlines\"\n198.51.100.8,\n");
    let list = format!("{header}{}{last}", lines(most));
    let parts = node::list_in_parts(list.as_bytes(), Format::Auto).unwrap();
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0], format!("# from a feed\nip,note\n{}", lines(most)));
    let (bench, _) = Bench::new().await;
    let (summary, receipts) =
        import(&bench, parts[1].clone(), Format::Auto, Options::default()).await.unwrap();
    assert_eq!((summary.accepted, summary.refused), (2, 1), "{receipts:?}");
    let told = receipts[0].reason.as_deref().unwrap();
    // Two lines of a header, and the others.
    assert!(told.starts_with(&format!("line {}:", 2 + most + 1)), "{told}");
    let two = format!("ip,domain\n{}", "10.0.0.1,one.example\n".repeat(most));
    assert_eq!(
        node::list_in_parts(two.as_bytes(), Format::Csv).unwrap().len(),
        2,
        "by the columns of values"
    );
    for whole in [format!("ip,note\n{}", lines(most)), lines(most + 1), String::new()] {
        assert_eq!(node::list_in_parts(whole.as_bytes(), Format::Auto), None);
    }
}

/// Comments, empty lines and ends of lines of both kinds count, wherever they stand.
#[tokio::test]
async fn a_line_is_named_by_its_number_whatever_stands_before_it() {
    let (bench, _) = Bench::new().await;
    let list = "# one\n\nvalue,type\n# four\n\n# six\nnot a domain,domain\n198.51.100.7,ip\n\n\nalso not,domain\n#\n";
    for list in [list.to_owned(), list.replace('\n', "\r\n"), format!("\u{feff}{list}")] {
        let (_, receipts) = auto(&bench, &list).await;
        let told: Vec<_> = receipts.iter().filter_map(|receipt| receipt.reason.as_deref()).collect();
        assert_eq!(told.len(), 2, "{receipts:?}");
        assert!(told[0].starts_with("line 7:") && told[1].starts_with("line 11:"), "{told:?}");
    }
    let (_, receipts) =
        import(&bench, "# one\n\ncolour,size\nred,1\n", Format::Csv, Options::default()).await.unwrap();
    assert!(receipts[0].reason.as_deref().unwrap().starts_with("line 3:"), "{receipts:?}");
}

/// A marking is what its definition in the same collection says: whose definition stands elsewhere, or nowhere, waits, and its receipt says so;
/// not where the definition comes further on in the same file.
#[tokio::test]
async fn what_awaits_a_marking_is_told_so() {
    const DEFINITION: &str = "marking-definition--00000000-0000-4000-8000-0000000000d1";
    let (bench, _) = Bench::new().await;
    bench.collection("other", vec![("role:analyst", RW)]).await;
    let root = bench.operator().await;
    let definition = format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{DEFINITION}","created":"2025-01-01T00:00:00.000Z","definition_type":"statement","definition":{{"statement":"copyright"}}}}"#
    );
    let marked = |number: u32| {
        indicator(
            number,
            "[url:value = 'http://1.example/']",
            &format!(r#","object_marking_refs":["{DEFINITION}"]"#),
        )
    };
    let bundle = |objects: &[String]| {
        format!(
            r#"{{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[{}]}}"#,
            objects.join(",")
        )
    };
    let in_all = async |collection: &str, objects: &[String], refused: u64| {
        let request = ImportRequest {
            collection,
            bytes: Bytes::from(bundle(objects)),
            format: Format::Auto,
            options: Options::default(),
        };
        let mut receipts = Vec::new();
        let summary = bench.node.import(&root, request, &mut |part| receipts.extend(part)).await.unwrap();
        assert_eq!(summary.refused, refused, "{receipts:?}");
        let told =
            |receipt: &Receipt| receipt.findings.iter().any(|finding| finding.code == "marking-awaited");
        (summary.awaiting, receipts.iter().map(told).collect::<Vec<_>>())
    };
    let brought = async |collection: &str, objects: &[String]| in_all(collection, objects, 0).await;
    assert_eq!(brought("inbox", &[marked(1), definition.clone()]).await, (0, vec![false, false]));
    assert_eq!(brought("other", &[marked(1), marked(2)]).await, (2, vec![true, true]));
    assert_eq!(brought("other", &[marked(1)]).await, (1, vec![true]), "it waits still");
    // What is refused waits for nothing: another object has its identifier and date already.
    let other = marked(1).replace("http://1.example/", "http://2.example/");
    assert_eq!(in_all("other", &[other, marked(2)], 1).await, (1, vec![false, true]));
    assert_eq!(brought("other", &[definition, marked(3)]).await, (0, vec![false, false]));
    assert_eq!(brought("other", &[marked(1), marked(2)]).await, (0, vec![false, false]));
}

/// A request whose objects take too long to examine is not taken as a whole, whatever is in it; of a file what came before is stored.
#[tokio::test]
async fn a_request_that_takes_too_long_to_examine_is_not_taken() {
    let (mut bench, _) = Bench::new().await;
    let objects: Vec<String> = (1..=100).map(|at| indicator(at, "[url:value MATCHES '^a']", "")).collect();
    let accept = async |bench: &Bench, objects: &[String]| {
        let root = bench.operator().await;
        let objects = objects.iter().map(|object| Bytes::from(object.clone())).collect();
        let (options, status) = (Options::default(), node::KeepStatus::Yes);
        let request = node::AcceptRequest { collection: "inbox", objects, options, status };
        bench.node.accept(&root, request).await
    };
    let bundle = |spec: &str| {
        let spec = if spec == "2.0" { r#""spec_version":"2.0","# } else { "" };
        let objects = objects.join(",");
        let objects = if spec.is_empty() { objects } else { objects.replace(r#""spec_version":"2.1","#, "") };
        format!(
            r#"{{"type":"bundle",{spec}"id":"bundle--00000000-0000-4000-8000-000000000000","objects":[{objects}]}}"#
        )
    };
    let hasty = || node::Settings { examine_max: std::time::Duration::ZERO, ..node::Settings::default() };
    bench.reopened(hasty()).await;
    assert_eq!(accept(&bench, &objects).await.unwrap_err().code(), "request-too-costly");
    for spec in ["2.1", "2.0"] {
        let refused = import(&bench, bundle(spec), Format::Auto, Options::default()).await.unwrap_err();
        assert_eq!(refused.code(), "request-too-costly", "{spec}");
    }
    let root = bench.operator().await;
    let held = async |bench: &Bench| {
        let request = PageRequest { limit: 1_000, filter: Filter::default(), ..PageRequest::default() };
        bench.node.page(&root, "inbox", &request).await.unwrap().into_inner().count
    };
    assert_eq!(held(&bench).await, 0, "something was stored");
    let few = accept(&bench, &objects[..3]).await.unwrap();
    assert_eq!(few.receipts.len(), 3, "what is short is examined on the spot");
    bench.reopened(node::Settings::default()).await;
    let all = accept(&bench, &objects).await.unwrap();
    assert!(all.receipts.iter().all(|receipt| receipt.outcome != Outcome::Refused), "{:?}", all.receipts);
    assert_eq!(held(&bench).await, 100);
    for spec in ["2.1", "2.0"] {
        let (summary, _) = import(&bench, bundle(spec), Format::Auto, Options::default()).await.unwrap();
        assert_eq!(summary.total, 100, "{spec}");
    }
}
