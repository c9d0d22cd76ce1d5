//! The story, step by step. Each step asks the node something over HTTP and fails when the answer is not the one told.

use bytes::Bytes;
use dial::{PagePosition, Place, Verb};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::stage::{INQUIRY, Stage, WARDS};
use super::teller::{Step, Teller};
use crate::exit::Failure;
use crate::reach::question;

/// The sample campaign, written for this demonstration.
const CAMPAIGN: &[u8] = include_bytes!("../../demo/pale-lantern.json");
/// A malware object of the campaign.
const ASHWICK: &str = "malware--195004be-20b9-4f0f-9b2b-0f68bb7baa9c";
/// Objects asked for at once by the hospital: small, so that there are several pages.
const PAGE: usize = 25;

/// Plays every step until one fails; says whether all went as told.
pub(crate) async fn tell(stage: &mut Stage, teller: &mut Teller<'_>) -> Result<bool, Failure> {
    macro_rules! play {
        ($($title:literal => $step:ident;)*) => {
            $(
                let outcome = $step(stage).await;
                let outcome = outcome.map(|(asked, happened, evidence)| Step { title: $title, asked, happened, evidence });
                if !teller.tell(outcome.map_err(|failure| ($title, failure)))? {
                    return Ok(false);
                }
            )*
        };
    }
    play! {
        "A national CERT sets up its own node" => sets_up;
        "An analyst brings in a report on the campaign" => brings_in;
        "Sending the same report again changes nothing" => sends_again;
        "A hospital's machine fetches everything through TAXII" => polls;
        "A suspicious link from an e-mail is looked up, written as people write it" => looks_up_link;
        "An address and a host that nobody has reported, but whose neighbourhood is known" => looks_up_nearby;
        "Colleagues search in their own languages" => searches;
        "What hangs together with the ransomware" => follows_relations;
        "The CERT's own sensors saw it too" => sights;
        "What is out of date or was withdrawn is said to be so" => tells_standing;
        "An object that is none is refused, with the reason" => refuses;
        "What is not granted does not exist" => withholds;
    }
    Ok(true)
}

/// What was asked, what happened, and the evidence.
type Told = Result<(String, String, Vec<String>), Failure>;

async fn sets_up(stage: &mut Stage) -> Told {
    let analyst = stage.add_person("mira", "analyst").await?;
    let reader = stage.add_person("jun", "reader").await?;
    for (id, title, grants) in [
        (WARDS, "Threats to hospitals", vec![("role:analyst", "rw"), ("role:reader", "r")]),
        (INQUIRY, "Open inquiry", vec![("user:mira", "rw")]),
    ] {
        let grants: Vec<Value> =
            grants.iter().map(|(grantee, access)| json!({"grantee": grantee, "access": access})).collect();
        let wanted = json!({"id": id, "title": title, "grants": grants});
        stage.admin.ask(question::send(Verb::Post, ["collections"], &wanted)).await?;
    }
    stage.analyst = Some(analyst);
    stage.reader = Some(reader);
    let state = stage.admin.ask(question::get(["status"])).await?;
    ensure(state["status"] == "ok", "the node does not say that it is well")?;
    let happened =
        "The node has an administrator, an analyst (mira), a reader at a hospital (jun) and two collections.";
    Ok((
        "cresset init, cresset serve; user add, token create, collection add".to_owned(),
        happened.to_owned(),
        vec![format!("{} answers as {} (process {})", stage.url, state["member"]["name"], stage.pid())],
    ))
}

async fn brings_in(stage: &mut Stage) -> Told {
    let answer = stage.analyst()?.import(WARDS, Bytes::from_static(CAMPAIGN)).await?;
    let summary = &answer["summary"];
    let count = sample()?.len();
    ensure(summary["accepted"] == count, &format!("not everything was accepted: {summary}"))?;
    Ok((
        format!("cresset import pale-lantern.json --collection {WARDS}"),
        format!("All {count} objects were examined, indexed and written to disk, and each got its receipt."),
        vec![format!("accepted {}, refused {}", summary["accepted"], summary["refused"])],
    ))
}

async fn sends_again(stage: &mut Stage) -> Told {
    let answer = stage.analyst()?.import(WARDS, Bytes::from_static(CAMPAIGN)).await?;
    let summary = &answer["summary"];
    ensure(summary["known"] == sample()?.len(), &format!("not everything was known: {summary}"))?;
    Ok((
        "the same command once more".to_owned(),
        "The node recognised every object. Reports travel on many roads; arriving twice does no harm."
            .to_owned(),
        vec![format!("accepted {}, known already {}", summary["accepted"], summary["known"])],
    ))
}

async fn polls(stage: &mut Stage) -> Told {
    let client = stage.reader()?.taxii();
    let failed = |error: dial::TaxiiError| Failure::no(error);
    let Place::Discovery { roots, .. } = client.place(&stage.taxii()?).await.map_err(failed)? else {
        return Err(Failure::no("there is no TAXII discovery"));
    };
    let root = roots.first().ok_or_else(|| Failure::no("TAXII discovery names no API root"))?;
    let collections = client.collections(root).await.map_err(failed)?;
    let wards = collections.iter().find(|one| one.alias.as_deref() == Some(WARDS));
    let wards = wards.ok_or_else(|| Failure::no("the reader's TAXII client does not see the collection"))?;
    let (mut fetched, mut pages) = (Vec::new(), 0);
    let mut position = PagePosition::default();
    loop {
        let page = client.page(&wards.url, &position, PAGE).await.map_err(failed)?;
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
    ensure(sent == got, "what was fetched is not byte for byte what was sent")?;
    Ok((
        format!("GET {} and on, as jun, {PAGE} objects a page", wards.url.path()),
        "The hospital's machine has everything, in the order in which it was published, and nothing was rewritten on the way."
            .to_owned(),
        vec![format!("{} objects in {pages} pages, byte for byte as the analyst sent them", fetched.len())],
    ))
}

async fn looks_up_link(stage: &mut Stage) -> Told {
    let link = "hxxps://portal-login[.]ashwick[.]example/invoice/7731";
    let answers = stage.reader()?.look_up(&[link, "https://www.hospital.example/menu"]).await?;
    let [known, unknown] = two(&answers)?;
    let hit = matched(known, "exact")?;
    ensure(unknown["known"] == false, "an innocent link is said to be known")?;
    Ok((
        format!("cresset lookup '{link}' and an innocent link"),
        "The defanged link was recognised as the page that hands out the loader; the hospital's own menu is unknown."
            .to_owned(),
        vec![line(hit), "https://www.hospital.example/menu: not known".to_owned()],
    ))
}

async fn looks_up_nearby(stage: &mut Stage) -> Told {
    let (host, address) = ("cdn7.update.lantern-sync.example", "198.51.100.77");
    let answers = stage.reader()?.look_up(&[host, address]).await?;
    let [by_domain, by_range] = two(&answers)?;
    let (parent, range) = (matched(by_domain, "parent-domain")?, matched(by_range, "range")?);
    Ok((
        format!("cresset lookup {host} {address}"),
        "Neither was ever reported. The host lies under a known command domain, the address inside a block the group rents."
            .to_owned(),
        vec![format!("{host}: {}", line(parent)), format!("{address}: {}", line(range))],
    ))
}

async fn searches(stage: &mut Stage) -> Told {
    let reader = stage.reader()?;
    let mut evidence = Vec::new();
    for (words, expected) in
        [("пятничная ночь", "campaign"), ("苍白灯笼", "threat-actor"), ("ward systems", "")]
    {
        let found = reader.search(words).await?;
        let hit = found.iter().find(|row| row["type"] == expected).or(found.first());
        let hit = hit.filter(|row| expected.is_empty() || row["type"] == expected);
        let hit =
            hit.ok_or_else(|| Failure::no(format_args!("searching {words:?} did not find the {expected}")))?;
        evidence.push(format!("{words} -> {} ({} found)", line(hit), found.len()));
    }
    Ok((
        "cresset search, in Russian, Chinese and English".to_owned(),
        "Each found the objects by the names and words that the report gives them in that language."
            .to_owned(),
        evidence,
    ))
}

async fn follows_relations(stage: &mut Stage) -> Told {
    let reader = stage.reader()?;
    let mut evidence = Vec::new();
    let mut count = 0;
    for (direction, arrow) in [("in", "<--"), ("out", "-->")] {
        let mut request = question::get(["objects", ASHWICK, "edges"]);
        request.query.push(("direction", direction.to_owned()));
        let answer = reader.ask(request).await?;
        let edges = answer["items"].as_array().cloned().unwrap_or_default();
        count += edges.iter().filter(|edge| edge["through"].is_string()).count();
        for name in ["uses", "mitigates", "downloads"] {
            let edge = edges.iter().find(|edge| edge["name"] == name);
            let label = edge.and_then(|edge| edge["other_label"].as_str());
            evidence.extend(label.map(|label| format!("Ashwick {arrow} {name} {arrow} {label}")));
        }
    }
    ensure(evidence.len() >= 3, "the relationships of the ransomware are not there")?;
    Ok((
        format!("cresset edges {ASHWICK}"),
        format!(
            "The node knows {count} relationships of the ransomware, in both directions: who uses it, what it does, what helps."
        ),
        evidence,
    ))
}

async fn sights(stage: &mut Stage) -> Told {
    let value = "lantern-sync.example";
    let before = sightings(&stage.reader()?.look_up(&[value]).await?)?;
    let seen = json!({"of": value, "count": 4, "collection": WARDS});
    stage.analyst()?.ask(question::send(Verb::Post, ["sightings"], &seen)).await?;
    let after = sightings(&stage.reader()?.look_up(&[value]).await?)?;
    ensure(after == before + 4, &format!("sightings went from {before} to {after}"))?;
    Ok((
        format!("cresset sight {value} --count 4"),
        "The sighting is an object of its own, in the CERT's name; whoever looks the domain up sees the count."
            .to_owned(),
        vec![format!("seen {before} times before, {after} times now")],
    ))
}

async fn tells_standing(stage: &mut Stage) -> Told {
    let (relay, mirror) = ("203.0.113.14", "pharmacy-mirror.example");
    let answers = stage.reader()?.look_up(&[relay, mirror]).await?;
    let [old, withdrawn] = two(&answers)?;
    let (old, withdrawn) = (matched(old, "exact")?, matched(withdrawn, "exact")?);
    ensure(old["expired"] == true, "the expired relay is not said to be expired")?;
    ensure(withdrawn["revoked"] == true, "the withdrawn domain is not said to be revoked")?;
    Ok((
        format!("cresset lookup {relay} {mirror}"),
        "Both are known, and neither should block anybody any more: one address was given back, one domain was a mistake."
            .to_owned(),
        vec![format!("{relay}: {}", line(old)), format!("{mirror}: {}", line(withdrawn))],
    ))
}

async fn refuses(stage: &mut Stage) -> Told {
    let good = json!({
        "type": "ipv4-addr", "spec_version": "2.1", "value": "192.0.2.200",
        "id": "ipv4-addr--c54b9c40-4e5b-5b29-8b1a-5d0e1a7c9d11",
    });
    let bad = json!({
        "type": "indicator", "spec_version": "2.1", "id": "indicator--not-a-uuid",
        "created": "yesterday", "modified": "2025-09-15T07:30:00.000Z",
        "pattern": "[ipv4-addr:value = '192.0.2.1']", "pattern_type": "stix",
    });
    let file = json!({"type": "bundle", "id": "bundle--0f0c3a5e-3f0e-4c6a-9a57-6a7d2c1e5b90", "objects": [bad, good]});
    let answer = stage.analyst()?.import(WARDS, Bytes::from(file.to_string())).await?;
    let receipts = answer["receipts"].as_array().cloned().unwrap_or_default();
    let [refused, accepted] = two(&receipts)?;
    ensure(refused["outcome"] == "refused", "the broken object was not refused")?;
    ensure(accepted["outcome"] == "accepted", "the good object beside it was not accepted")?;
    let (reason, code) = (words(&refused["reason"]), words(&refused["code"]));
    Ok((
        "cresset import, two objects, one of them broken".to_owned(),
        "The broken one was refused with the place and the reason; the good one beside it was taken."
            .to_owned(),
        vec![format!("refused: {reason} [{code}]"), format!("accepted: {}", words(&accepted["id"]))],
    ))
}

async fn withholds(stage: &mut Stage) -> Told {
    let secret = "198.51.100.201";
    let note = json!({
        "type": "bundle", "id": "bundle--5c1b8f0e-7a86-4a3b-9a0e-2b8f6f4f9a77",
        "objects": [{
            "type": "indicator", "spec_version": "2.1", "id": "indicator--3f8a6a0c-5d0b-4c8f-8a3d-0c6c1b7e2f10",
            "created": "2025-09-25T08:00:00.000Z", "modified": "2025-09-25T08:00:00.000Z",
            "name": "Server under observation by the police", "indicator_types": ["malicious-activity"],
            "pattern": format!("[ipv4-addr:value = '{secret}']"), "pattern_type": "stix",
            "valid_from": "2025-09-25T08:00:00Z",
        }],
    });
    stage.analyst()?.import(INQUIRY, Bytes::from(note.to_string())).await?;
    let (analyst, reader) = (stage.analyst()?, stage.reader()?);
    let (theirs, ours) = (analyst.look_up(&[secret]).await?, reader.look_up(&[secret]).await?);
    matched(one(&theirs)?, "exact")?;
    ensure(one(&ours)?["known"] == false, "the reader can look up what is not granted")?;
    let found = reader.search("police").await?;
    ensure(found.is_empty(), "the reader can search what is not granted")?;
    let listed = reader.ask(question::get(["collections"])).await?;
    ensure(!listed.to_string().contains(INQUIRY), "the reader sees the collection in the list")?;
    let (absent, _) = reader.ask_any(question::get(["collections", INQUIRY])).await?;
    let (invented, _) = reader.ask_any(question::get(["collections", "no-such-thing"])).await?;
    ensure((absent, invented) == (404, 404), "withheld and absent answer differently")?;
    Ok((
        format!("as jun: lookup {secret}, search police, list collections, GET {INQUIRY}"),
        "The analyst sees the inquiry. For the reader it is not there: not in look-up, search, lists or counts.".to_owned(),
        vec![
            format!("mira: {secret} known; jun: not known, 0 found"),
            format!("jun: {INQUIRY} answers {absent}, as does a collection that does not exist"),
        ],
    ))
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

fn ensure(holds: bool, otherwise: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::no(otherwise)) }
}

fn one(values: &[Value]) -> Result<&Value, Failure> {
    match values {
        [one] => Ok(one),
        _ => Err(Failure::no(format_args!("{} answers came instead of 1", values.len()))),
    }
}

fn two(values: &[Value]) -> Result<[&Value; 2], Failure> {
    match values {
        [one, two] => Ok([one, two]),
        _ => Err(Failure::no(format_args!("{} answers came instead of 2", values.len()))),
    }
}

/// The indicator that belongs to the value in this way.
fn matched<'a>(answer: &'a Value, how: &str) -> Result<&'a Value, Failure> {
    let mut matches = answer["matches"].as_array().into_iter().flatten();
    let found = matches.find(|hit| hit["how"] == how && hit["type"] == "indicator");
    found.ok_or_else(|| Failure::no(format_args!("{} has no match of the kind {how:?}", answer["value"])))
}

fn sightings(answers: &[Value]) -> Result<i64, Failure> {
    matched(one(answers)?, "exact")?["sightings"]["count"]
        .as_i64()
        .ok_or_else(|| Failure::no("the answer does not count sightings"))
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

fn words(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
