//! The steps at one member's own node: what it does for its people, whether it is in a community or not.

use dial::{PagePosition, Place, Versions};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::stage::Stage;
use super::story::{CAMPAIGN, Told, ensure, list, told, words};
use crate::exit::Failure;
use crate::reach::question;

/// The collection that the hospitals may read.
const WARDS: &str = "wards";
/// The collection that they may not know of.
const INQUIRY: &str = "inquiry";
/// A malware object of the campaign.
const ASHWICK: &str = "malware--195004be-20b9-4f0f-9b2b-0f68bb7baa9c";
/// Objects asked for at once by the hospital: small, so that there are several pages.
const PAGE: usize = 25;

/// People and collections.
pub(crate) async fn give_rights(stage: &mut Stage) -> Told {
    let mut asked = stage.add_person("mira", "analyst").await?;
    asked.extend(stage.add_person("jun", "reader").await?);
    let admin = &stage.a.admin;
    let open: &[&str] = &["--grant", "role:analyst=rw", "--grant", "role:reader=r"];
    for (id, title, grants) in
        [(WARDS, "Threats to hospitals", open), (INQUIRY, "Open inquiry", &["--grant", "user:mira=rw"])]
    {
        let words = [&["collection", "add", id, "--title", title], grants].concat();
        asked.push(admin.types(&words).await?.done()?.typed);
    }
    let seen = stage.jun()?.types(&["collection", "list"]).await?.done()?;
    let titles: Vec<&str> = list(seen.json()).iter().map(|one| words(&one["title"])).collect();
    let right = titles.contains(&"Threats to hospitals") && !titles.contains(&"Open inquiry");
    ensure(right, || format!("jun sees the collections {titles:?}"))?;
    let evidence =
        vec![format!("mira: analyst; jun: reader; jun sees of all collections: {}", titles.join(", "))];
    asked.push(seen.typed);
    told(
        asked,
        "An analyst (mira), a reader at a hospital (jun), a collection for both of them, and one that is mira's alone.",
        evidence,
    )
}

/// The campaign comes in, and once more.
pub(crate) async fn bring_in(stage: &mut Stage) -> Told {
    let words = ["import", "papers/pale-lantern.json", "--collection", WARDS];
    let first = stage.mira()?.types(&words).await?.done()?;
    let count = sample()?.len();
    let accepted = &first.last()["summary"];
    ensure(accepted["accepted"] == count, || format!("not everything was accepted: {accepted}"))?;
    let again = stage.mira()?.types(&words).await?.done()?;
    let known = &again.last()["summary"];
    ensure(known["known"] == count, || format!("not everything was known: {known}"))?;
    told(
        vec![first.typed.clone(), again.typed.clone()],
        format!(
            "All {count} objects were examined, indexed and written to disk, each with its receipt. Sent again, every one was recognised: reports travel on many roads."
        ),
        vec![
            format!("first: accepted {}, refused {}", accepted["accepted"], accepted["refused"]),
            format!("again: accepted {}, known already {}", known["accepted"], known["known"]),
        ],
    )
}

/// TAXII, page by page.
pub(crate) async fn poll(stage: &mut Stage) -> Told {
    let client = stage.jun()?.taxii();
    let failed = |error: dial::TaxiiError| Failure::no(format_args!("{}: {error}", stage.a.member.slug));
    let Place::Discovery { roots, .. } = client.place(&stage.a.taxii()?).await.map_err(failed)? else {
        return Err(Failure::no("there is no TAXII discovery"));
    };
    let root = roots.first().ok_or_else(|| Failure::no("TAXII discovery names no API root"))?;
    let collections = client.collections(root).await.map_err(failed)?;
    let wards = collections.iter().find(|one| one.alias.as_deref() == Some(WARDS));
    let wards = wards.ok_or_else(|| Failure::no("the reader's TAXII client does not see the collection"))?;
    let (mut fetched, mut pages) = (Vec::new(), 0);
    let mut position = PagePosition::default();
    loop {
        let page = client.page(&wards.url, &position, PAGE, Versions::Last).await.map_err(failed)?;
        fetched.extend(page.objects);
        pages += 1;
        match page.onward {
            Some(onward) => position = onward,
            None => break,
        }
    }
    let mut sent: Vec<&str> = sample()?.iter().map(|raw| raw.get()).collect();
    let mut got: Vec<&str> = fetched.iter().filter_map(|bytes| std::str::from_utf8(bytes).ok()).collect();
    sent.sort_unstable();
    got.sort_unstable();
    ensure(sent == got, || "what was fetched is not byte for byte what was sent".to_owned())?;
    told(
        vec![format!("GET {}?limit={PAGE} and on, with jun's token", wards.url.path())],
        "The hospital's machine has everything, in the order in which it was published, and nothing was rewritten on the way.",
        vec![format!("{} objects in {pages} pages, byte for byte as the analyst sent them", fetched.len())],
    )
}

/// A link, defanged.
pub(crate) async fn look_up_link(stage: &mut Stage) -> Told {
    let link = "hxxps://portal-login[.]ashwick[.]example/invoice/7731";
    let said = stage.jun()?.types(&["lookup", link, "https://www.hospital.example/menu"]).await?.done()?;
    let [known, unknown] = two(&said.lines)?;
    let hit = matched(known, "exact")?;
    ensure(unknown["known"] == false, || "an innocent link is said to be known".to_owned())?;
    told(
        vec![said.typed.clone()],
        "The defanged link was recognised as the page that hands out the loader; the hospital's own menu is unknown.",
        vec![line(hit), "https://www.hospital.example/menu: not known".to_owned()],
    )
}

/// Neighbours of what is known.
pub(crate) async fn look_up_nearby(stage: &mut Stage) -> Told {
    let (host, address) = ("cdn7.update.lantern-sync.example", "198.51.100.77");
    let said = stage.jun()?.types(&["lookup", host, address]).await?.done()?;
    let [by_domain, by_range] = two(&said.lines)?;
    let (parent, range) = (matched(by_domain, "parent-domain")?, matched(by_range, "range")?);
    told(
        vec![said.typed.clone()],
        "Neither was ever reported. The host lies under a known command domain, the address inside a block the group rents.",
        vec![format!("{host}: {}", line(parent)), format!("{address}: {}", line(range))],
    )
}

/// Three languages.
pub(crate) async fn search(stage: &mut Stage) -> Told {
    let mut asked = Vec::new();
    let mut evidence = Vec::new();
    for (text, expected) in
        [("пятничная ночь", "campaign"), ("苍白灯笼", "threat-actor"), ("ward systems", "")]
    {
        let said = stage.jun()?.types(&["search", text]).await?.done()?;
        let found = list(&said.json()["items"]);
        let hit = found.iter().find(|row| expected.is_empty() || row["type"] == expected);
        let hit =
            hit.ok_or_else(|| Failure::no(format_args!("searching {text:?} did not find the {expected}")))?;
        evidence.push(format!("{text} -> {} ({} found)", line(hit), found.len()));
        asked.push(said.typed.clone());
    }
    told(
        asked,
        "Each found the objects by the names and words that the report gives them in that language.",
        evidence,
    )
}

/// Edges in both directions.
pub(crate) async fn follow_relations(stage: &mut Stage) -> Told {
    let said = stage.jun()?.types(&["edges", ASHWICK]).await?.done()?;
    let edges = list(said.json());
    let count = edges.iter().filter(|edge| edge["through"].is_string()).count();
    let mut evidence = Vec::new();
    for (direction, arrow) in [("in", "<--"), ("out", "-->")] {
        for name in ["uses", "mitigates", "downloads"] {
            let edge = edges.iter().find(|edge| edge["direction"] == direction && edge["name"] == name);
            let label = edge.and_then(|edge| edge["other_label"].as_str());
            evidence.extend(label.map(|label| format!("Ashwick {arrow} {name} {arrow} {label}")));
        }
    }
    ensure(evidence.len() >= 3, || "the relationships of the ransomware are not there".to_owned())?;
    told(
        vec![said.typed.clone()],
        format!(
            "The node knows {count} relationships of the ransomware, in both directions: who uses it, what it does, what helps."
        ),
        evidence,
    )
}

/// Expired and revoked.
pub(crate) async fn tell_standing(stage: &mut Stage) -> Told {
    let (relay, mirror) = ("203.0.113.14", "pharmacy-mirror.example");
    let said = stage.jun()?.types(&["lookup", relay, mirror]).await?.done()?;
    let [old, withdrawn] = two(&said.lines)?;
    let (old, withdrawn) = (matched(old, "exact")?, matched(withdrawn, "exact")?);
    ensure(old["expired"] == true, || "the expired relay is not said to be expired".to_owned())?;
    ensure(withdrawn["revoked"] == true, || "the withdrawn domain is not said to be revoked".to_owned())?;
    told(
        vec![said.typed.clone()],
        "Both are known, and neither should block anybody any more: one address was given back, one domain was a mistake.",
        vec![format!("{relay}: {}", line(old)), format!("{mirror}: {}", line(withdrawn))],
    )
}

/// Good beside bad.
pub(crate) async fn refuse(stage: &mut Stage) -> Told {
    let said =
        stage.mira()?.types(&["import", "papers/broken.json", "--collection", WARDS]).await?.ended(1)?;
    let of = |outcome: &str| said.lines.iter().find(|receipt| receipt["outcome"] == outcome);
    let refused = of("refused").ok_or_else(|| Failure::no("the broken object was not refused"))?;
    let accepted = of("accepted");
    let accepted = accepted.ok_or_else(|| Failure::no("the good object beside it was not accepted"))?;
    let (reason, code) = (words(&refused["reason"]), words(&refused["code"]));
    told(
        vec![said.typed.clone()],
        "Of two objects, the broken one was refused with the place and the reason; the good one beside it was taken.",
        vec![format!("refused: {reason} [{code}]"), format!("accepted: {}", words(&accepted["id"]))],
    )
}

/// A collection that is not there for everybody.
pub(crate) async fn withhold(stage: &mut Stage) -> Told {
    let secret = "198.51.100.201";
    let (mira, jun) = (stage.mira()?, stage.jun()?);
    let brought = mira.types(&["import", "papers/inquiry.json", "--collection", INQUIRY]).await?.done()?;
    let theirs = mira.types(&["lookup", secret]).await?.done()?;
    matched(theirs.json(), "exact")?;
    let ours = jun.types(&["lookup", secret]).await?.ended(1)?;
    ensure(ours.json()["known"] == false, || "the reader can look up what is not granted".to_owned())?;
    let found = jun.types(&["search", "police"]).await?.done()?;
    let hits = list(&found.json()["items"]).len();
    ensure(hits == 0, || "the reader can search what is not granted".to_owned())?;
    let listed = jun.ask(question::get(["collections"])).await?;
    ensure(!listed.to_string().contains(INQUIRY), || {
        "the reader sees the collection in the list".to_owned()
    })?;
    let (absent, _) = jun.ask_any(question::get(["collections", INQUIRY])).await?;
    let (invented, _) = jun.ask_any(question::get(["collections", "no-such-thing"])).await?;
    ensure((absent, invented) == (404, 404), || "withheld and absent answer differently".to_owned())?;
    told(
        vec![brought.typed, theirs.typed.clone(), ours.typed.clone(), found.typed.clone()],
        "The analyst sees the inquiry. For the reader it is not there: not in look-up, search, lists or counts.",
        vec![
            format!("mira: {secret} known; jun: not known, {hits} found"),
            format!("jun: {INQUIRY} answers {absent}, as does a collection that does not exist"),
        ],
    )
}

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow)]
    objects: Vec<&'a RawValue>,
}

/// The sample's objects, exact bytes.
fn sample() -> Result<Vec<&'static RawValue>, Failure> {
    let bundle: Bundle<'static> = serde_json::from_slice(CAMPAIGN).map_err(Failure::unreachable)?;
    Ok(bundle.objects)
}

fn two(values: &[Value]) -> Result<[&Value; 2], Failure> {
    match values {
        [one, two] => Ok([one, two]),
        _ => Err(Failure::no(format_args!("{} answers came instead of 2", values.len()))),
    }
}

/// The indicator that belongs to the value in this way.
fn matched<'a>(answer: &'a Value, how: &str) -> Result<&'a Value, Failure> {
    let mut matches = list(&answer["matches"]).iter();
    let found = matches.find(|hit| hit["how"] == how && hit["type"] == "indicator");
    found.ok_or_else(|| Failure::no(format_args!("{} has no match of the kind {how:?}", answer["value"])))
}

/// One object found, in a line.
fn line(hit: &Value) -> String {
    let standing = match (hit["revoked"] == true, hit["expired"] == true) {
        (true, _) => ", REVOKED".to_owned(),
        (false, true) => format!(", EXPIRED since {}", day(words(&hit["valid_until"]))),
        (false, false) => String::new(),
    };
    let confidence =
        hit["confidence"].as_u64().map(|sure| format!(", confidence {sure}")).unwrap_or_default();
    format!("{} \"{}\"{confidence}{standing}", words(&hit["type"]), words(&hit["label"]))
}

/// The day of a moment.
fn day(moment: &str) -> &str {
    moment.split('T').next().unwrap_or_default()
}
