//! The steps between members: founding, warning, withholding, sighting, sharing, recalling, going on, proving.

use serde_json::Value;
use tokio::time::Instant;

use super::actor::{Actor, Said, typed, types_offline};
use super::house::House;
use super::stage::{MEMBERS, Stage, until};
use super::story::{Told, ensure, list, seconds, short, told, words};
use crate::exit::Failure;
use crate::reach::question;

/// The indicators of the warning.
const WARNING: [&str; 4] = [
    "indicator--5b7f6f0a-92a4-4c55-9a3c-6a1de1c2f701",
    "indicator--7c1e0d5e-3a0b-4f6f-8b0e-15d1a5f0c602",
    "indicator--c2a9d2f4-6d1d-49f9-8f6e-0b7a3d9e4803",
    FALSE,
];
/// The one that turns out to be false, and its hash.
const FALSE: &str = "indicator--e81d3b97-05c6-4a1c-bd4c-94f2c0b6a504";
/// The hash that it names.
const FALSE_HASH: &str = "c1ff6f52f888a27aae7b4acfab5b2dc257c130093b26fb02807aa6899e2690a0";
/// What is sent while the secretariat is off.
const URGENT: &str = "indicator--0f3a8c6d-7e52-4d0a-a1c7-2d9b5e8f1605";
/// An id that no object has.
const INVENTED: &str = "indicator--00000000-0000-4000-8000-000000000000";
/// The command server of the warning.
const SERVER: &str = "203.0.113.201";

/// Four nodes stand.
pub(crate) async fn settle_in(stage: &mut Stage) -> Told {
    let mut evidence = Vec::new();
    for house in stage.houses() {
        let state = state(&house.admin).await?;
        ensure(state["status"] == "ok" && state["objects"] == 0, || {
            format!("{} does not say that it is well and empty: {state}", house.member.slug)
        })?;
        let pid = house.pid().unwrap_or_default();
        evidence.push(format!("{:<16} {}  process {pid}, 0 objects", house.member.slug, house.url));
    }
    evidence.push(format!("made and started in {}", seconds(stage.set_in)));
    let a = &stage.a;
    told(
        vec![
            format!(
                "admin@{}$ cresset init --name '{}' --data {}",
                a.member.slug, a.member.name, a.member.slug
            ),
            format!("admin@{0}$ cresset serve --data {0} --listen {1}", a.member.slug, a.listens_at()),
            "and so at the other three".to_owned(),
        ],
        "Each has its own keys, its own data, its own administrator. There is no centre, and nothing in common yet.",
        evidence,
    )
}

/// The community is founded, and everybody is let in by those who are in.
pub(crate) async fn found(stage: &mut Stage) -> Told {
    let begin = Instant::now();
    let mut asked = Vec::new();
    let [first, ..] = MEMBERS;
    let words =
        ["community", "create", "--name", "Alder Valley", "--member-name", first.name, "--slug", first.slug];
    let admin = &stage.a.admin;
    asked.push(admin.types(&[&words[..], &["--endpoint", &stage.a.met_at()]].concat()).await?.done()?.typed);
    asked.push(admin.types(&["community", "anchor", "--out", "papers/anchor.json"]).await?.done()?.typed);
    let houses = stage.houses();
    for (place, newcomer) in houses.iter().enumerate().skip(1) {
        let member = newcomer.member;
        let words =
            ["community", "join", "papers/anchor.json", "--slug", member.slug, "--member-name", member.name];
        let met_at = newcomer.met_at();
        let words = [&words[..], &["--kind", member.kind, "--endpoint", &met_at]].concat();
        let joined = newcomer.admin.types(&words).await?.done()?;
        for (at, voter) in houses.iter().take(place).enumerate() {
            let approved = approve(&voter.admin, member.slug).await?;
            if at == 0 && place == 1 {
                asked.push(joined.typed.clone());
                asked.extend(approved.map(|said| said.typed));
            }
        }
        let within: Vec<&House> = houses.iter().take(place + 1).copied().collect();
        until(&format!("{} know {} as a member", named(&within), member.slug), || agreed(&within)).await?;
    }
    asked.push("and so for the other two, each approved by those who are in".to_owned());
    let shown = stage.desk.admin.types(&["community", "show"]).await?.done()?;
    let view = shown.json();
    let hash = words_of(&view["state_hash"]);
    told(
        asked,
        "Members sign who is in; every node replays the signed registry to the same state. The secretariat has one voice like the others.",
        vec![
            format!(
                "4 members at epoch {}; decisions take {} of {} voices",
                view["epoch"], view["approvals"], view["voters"]
            ),
            format!("the registry's state on all four nodes: {hash}"),
            format!("founded and joined in {}", seconds(begin.elapsed())),
        ],
    )
}

fn named(houses: &[&House]) -> String {
    houses.iter().map(|house| house.member.slug).collect::<Vec<_>>().join(", ")
}

fn words_of(value: &Value) -> String {
    words(value).to_owned()
}

/// Approves a newcomer as soon as it has knocked here; nothing is typed when the others were enough.
async fn approve(voter: &Actor, slug: &str) -> Result<Option<Said>, Failure> {
    let mut within = false;
    until(&format!("{} hears that {slug} asks to be let in", voter.at), async || {
        let pending = voter.ask(question::get(["community", "pending"])).await?;
        within = is_member(voter, slug).await?;
        Ok(within || list(&pending["items"]).iter().any(|one| one["slug"] == slug))
    })
    .await?;
    if within {
        return Ok(None);
    }
    let said = voter.types(&["community", "approve", slug]).await?;
    // The others' voices may have been enough in the meantime.
    if said.code != 0 && is_member(voter, slug).await? {
        return Ok(None);
    }
    said.done().map(Some)
}

async fn is_member(at: &Actor, slug: &str) -> Result<bool, Failure> {
    let view = at.ask(question::get(["community"])).await?;
    Ok(list(&view["members"]).iter().any(|member| member["slug"] == slug && member["status"] == "active"))
}

/// Whether these nodes know each other, and nobody else, by one state of the registry.
async fn agreed(houses: &[&House]) -> Result<bool, Failure> {
    let mut states = Vec::new();
    for house in houses {
        let view = house.admin.ask(question::get(["community"])).await?;
        let members = list(&view["members"]);
        if members.len() != houses.len() || members.iter().any(|member| member["status"] != "active") {
            return Ok(false);
        }
        states.push(view["state_hash"].clone());
    }
    Ok(states.windows(2).all(|pair| pair.first() == pair.last()))
}

/// A gives B a warning.
pub(crate) async fn warn(stage: &mut Stage) -> Told {
    for other in [&stage.c, &stage.desk] {
        let seen = view(&other.admin).await?;
        stage.notes.before.push(seen);
    }
    stage.notes.warned = Some(Instant::now());
    let admin = &stage.a.admin;
    let said = admin
        .types(&["import", "papers/warning.json", "--tlp", "amber", "--to", stage.b.member.slug])
        .await?
        .done()?;
    let summary = &said.last()["summary"];
    ensure(summary["accepted"] == WARNING.len(), || format!("not everything was accepted: {summary}"))?;
    let mut evidence =
        vec![format!("receipts: {} accepted, {} refused", summary["accepted"], summary["refused"])];
    let mut asked = vec![said.typed];
    for (house, expected) in [(&stage.b, "allow"), (&stage.c, "refuse"), (&stage.desk, "refuse")] {
        let why = admin.types(&["why", FALSE, "--for", house.member.slug]).await?;
        let why = why.ended(i32::from(expected != "allow"))?;
        let judged = why.json();
        evidence.push(format!(
            "for {}: {} [{}]",
            house.member.slug,
            words(&judged["decision"]),
            words(&judged["rule"])
        ));
        asked.push(why.typed);
    }
    told(
        asked,
        "Four indicators of tonight's wave, TLP:AMBER, for Brackwater. The node says for each member whether it gets them, and by which rule.",
        evidence,
    )
}

/// B has it.
pub(crate) async fn arrive(stage: &mut Stage) -> Told {
    let admin = &stage.b.admin;
    let what = format!("{} has the warning", stage.b.member.slug);
    until(&what, async || has_all(admin, &WARNING).await).await?;
    let took = stage.notes.warned.map_or_else(String::new, |begin| seconds(begin.elapsed()));
    let state = admin.types(&["node", "state"]).await?.done()?;
    let held = state.json()["objects"].clone();
    ensure(held == WARNING.len(), || format!("{} holds {held} objects instead of 4", stage.b.member.slug))?;
    let got = admin.types(&["get", FALSE]).await?.done()?;
    let object = got.json();
    let from = format!("{} from {}", words(&object["signature"]), words(&object["origin"]));
    ensure(from == "valid from cert-aldermoor", || format!("its signature is {from}"))?;
    let found = admin.types(&["lookup", SERVER]).await?.done()?;
    let label = words(&found.json()["matches"][0]["label"]);
    told(
        vec![state.typed.clone(), got.typed.clone(), found.typed.clone()],
        "The node of Brackwater holds these four objects and no other, each with Aldermoor's signature, and its people are told when they ask.",
        vec![
            format!("there at most {took} after the command was typed"),
            format!("objects held: {held}; signature {from}, leaf {} of its ledger", object["leaf"]),
            format!(
                "road: {}; TLP:{}",
                road(&object["path"]),
                words(&object["handling"]["tlp"]).to_uppercase()
            ),
            format!("{SERVER} at {}: known, \"{label}\"", stage.b.member.slug),
        ],
    )
}

fn road(path: &Value) -> String {
    list(path).iter().map(words).collect::<Vec<_>>().join(" -> ")
}

async fn state(at: &Actor) -> Result<Value, Failure> {
    at.types(&["node", "state"]).await?.done().map(|said| said.json().clone())
}

async fn has(at: &Actor, id: &str) -> Result<bool, Failure> {
    let (status, answer) = at.ask_any(question::get(["objects", id])).await?;
    match status {
        200 => Ok(true),
        404 => Ok(false),
        _ => Err(Failure::no(format_args!("{} answered {status}: {}", at.at, answer["detail"]))),
    }
}

async fn has_all(at: &Actor, ids: &[&str]) -> Result<bool, Failure> {
    for id in ids {
        if !has(at, id).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The questions by which an uninvolved member's people might learn of the warning.
const PRYING: [&[&str]; 6] = [
    &["node", "state"],
    &["collection", "list"],
    &["lookup", SERVER, "ward-invoices.example", FALSE_HASH],
    &["search", "second wave"],
    &["export", "--format", "csv"],
    &["edges", FALSE],
];

/// What they are told.
async fn view(at: &Actor) -> Result<Vec<Value>, Failure> {
    let mut seen = Vec::new();
    for question in PRYING {
        let said = at.types(question).await?;
        seen.push(serde_json::json!([said.code, said.text, said.words]));
    }
    Ok(seen)
}

/// C and the secretariat have nothing.
pub(crate) async fn withhold(stage: &mut Stage) -> Told {
    let synced = stage.a.admin.types(&["peer", "sync", "--wait", "30"]).await?.done()?;
    let admin = &stage.c.admin;
    let who = format!("{}@{}", admin.name, admin.at);
    let mut asked = vec![synced.typed.clone()];
    asked.extend(PRYING.map(|question| typed(&who, question)));
    asked.extend([typed(&who, &["get", FALSE]), "and the same at the secretariat".to_owned()]);
    let mut evidence = vec![format!("{}: nothing waits for anybody any more", stage.a.member.slug)];
    for (house, before) in [&stage.c, &stage.desk].into_iter().zip(&stage.notes.before) {
        let slug = house.member.slug;
        let after = view(&house.admin).await?;
        let told_apart = before.iter().zip(&after).zip(PRYING).find(|((before, after), _)| before != after);
        if let Some(((before, after), question)) = told_apart {
            return Err(Failure::no(format_args!(
                "{slug} answers {question:?} otherwise now: {before}, then {after}"
            )));
        }
        let hidden = house.admin.types(&["get", FALSE]).await?.ended(1)?;
        let invented = house.admin.types(&["get", INVENTED]).await?.ended(1)?;
        ensure(hidden.words.replace(FALSE, INVENTED) == invented.words, || {
            format!("{slug} answers otherwise for what is hidden: {} and {}", hidden.words, invented.words)
        })?;
        let held = state(&house.admin).await?["objects"].clone();
        ensure(held == 0, || format!("{slug} holds {held} objects"))?;
        evidence.push(format!(
            "{slug}: {held} objects; {} questions answered as before the warning, word for word",
            after.len()
        ));
        evidence.push(format!("{slug}: {}", hidden.words.split(';').next().unwrap_or_default()));
    }
    told(
        asked,
        "What their people ask is answered word for word as before the warning. All that shows is that Aldermoor's ledger has grown: by hashes, without a word of what they stand for.",
        evidence,
    )
}

/// B's sighting reaches A.
pub(crate) async fn sight(stage: &mut Stage) -> Told {
    let begin = Instant::now();
    let (here, there) = (&stage.a.admin, &stage.b.admin);
    let [page, ..] = WARNING;
    let said = there.types(&["sight", page, "--count", "3"]).await?.done()?;
    let sighting = words(&said.json()["id"]).to_owned();
    let what = format!("{} hears of the sighting of {}", here.at, there.at);
    until(&what, async || has(here, &sighting).await).await?;
    let took = begin.elapsed();
    let got = here.types(&["get", &sighting]).await?.done()?;
    let origin = words(&got.json()["origin"]);
    ensure(origin == there.at, || format!("the sighting is said to be of {origin:?}"))?;
    let wanted = serde_json::json!({"values": ["ward-invoices.example"], "sightings": true});
    let answer = here.ask(question::send(dial::Verb::Post, ["lookup"], &wanted)).await?;
    let seen = answer["answers"][0]["matches"][0]["sightings"]["count"].clone();
    ensure(seen == 3, || format!("{} counts {seen} sightings instead of 3", here.at))?;
    for house in [&stage.c, &stage.desk] {
        ensure(!has(&house.admin, &sighting).await?, || {
            format!("{} has the sighting too", house.member.slug)
        })?;
    }
    let evidence = vec![
        format!("{sighting}, signature {} from {origin}", words(&got.json()["signature"])),
        format!("at {} after {}: ward-invoices.example was seen {seen} times", here.at, seconds(took)),
        "cert-cinderholm, secretariat: no such object".to_owned(),
    ];
    stage.notes.sighting = sighting;
    told(
        vec![said.typed, got.typed.clone()],
        "A sighting is Brackwater's own word about Aldermoor's object. It goes back to where the warning came from, and no further.",
        evidence,
    )
}

/// A gives it to C.
pub(crate) async fn share(stage: &mut Stage) -> Told {
    let begin = Instant::now();
    let (admin, newcomer) = (&stage.a.admin, &stage.c.admin);
    let mut asked = Vec::new();
    for id in WARNING {
        asked.push(admin.types(&["share", id, "--to", newcomer.at]).await?.done()?.typed);
    }
    asked.truncate(1);
    asked.push("and so for the other three".to_owned());
    until(&format!("{} has the warning", newcomer.at), async || has_all(newcomer, &WARNING).await).await?;
    let took = begin.elapsed();
    let mut signed = Vec::new();
    until(&format!("{} has signed for it at {}", newcomer.at, admin.at), async || {
        let holders = admin.ask(question::get(["objects", FALSE, "holders"])).await?;
        signed = list(&holders["items"]).iter().filter(|one| one["receipt"] == "valid").cloned().collect();
        Ok(signed.len() == 2)
    })
    .await?;
    let holders = admin.types(&["holders", FALSE]).await?.done()?;
    asked.push(holders.typed);
    ensure(!has(newcomer, &stage.notes.sighting).await?, || {
        format!("{} was given the sighting of another too", newcomer.at)
    })?;
    let rest = state(&stage.desk.admin).await?["objects"].clone();
    ensure(rest == 0, || format!("the secretariat holds {rest} objects"))?;
    let mut evidence = vec![format!("at {} {} after the first command", newcomer.at, seconds(took))];
    evidence.extend(signed.iter().map(|one| {
        format!(
            "{} holds it [{}], signed for at {}",
            words(&one["member"]),
            words(&one["rule"]),
            words(&one["received_at"])
        )
    }));
    evidence.push(format!(
        "{} does not get the sighting: that was not for it; secretariat: {rest} objects",
        newcomer.at
    ));
    told(
        asked,
        "Only Aldermoor can widen who may have its objects. Cinderholm gets the same four, and Aldermoor holds a signed receipt from each holder.",
        evidence,
    )
}

/// A takes one object back from everybody.
pub(crate) async fn recall(stage: &mut Stage) -> Told {
    let begin = Instant::now();
    let admin = &stage.a.admin;
    let reason = "a printer driver, not a loader";
    let said = admin.types(&["recall", FALSE, "--reason", reason, "--wait", "30"]).await?.done()?;
    let took = begin.elapsed();
    let receipts = list(&said.json()["receipts"]);
    let mut evidence = Vec::new();
    for receipt in receipts {
        let (member, status) = (words(&receipt["member"]), words(&receipt["status"]));
        let signature = words(&receipt["signature"]);
        ensure(status == "done" && !signature.is_empty(), || format!("{member} has not signed: {receipt}"))?;
        evidence.push(format!("{member}: gone at {}, signature {}", words(&receipt["at"]), short(signature)));
    }
    ensure(receipts.len() == 2, || format!("{} receipts came instead of 2", receipts.len()))?;
    let mut asked = vec![said.typed.clone()];
    for house in [&stage.a, &stage.b, &stage.c] {
        let slug = house.member.slug;
        let gone = house.admin.types(&["get", FALSE]).await?.ended(1)?;
        let unknown = house.admin.types(&["lookup", FALSE_HASH]).await?.ended(1)?;
        ensure(unknown.json()["known"] == false, || format!("{slug} still knows the hash"))?;
        let rest: Vec<&str> = WARNING.into_iter().filter(|id| *id != FALSE).collect();
        ensure(has_all(&house.admin, &rest).await?, || format!("{slug} has lost what was not called back"))?;
        if slug == stage.b.member.slug {
            asked.extend([gone.typed, unknown.typed, "and so at the other two".to_owned()]);
        }
    }
    evidence.push(
        "at all three: no such object, hash not known; the other three indicators are still there".to_owned(),
    );
    evidence.push(format!("from the command to the last receipt: {}", seconds(took)));
    told(
        asked,
        "Aldermoor takes its word back. Every holder removes it from its store, search and look-up, and only then signs that it is gone.",
        evidence,
    )
}

/// Without the secretariat.
pub(crate) async fn go_on(stage: &mut Stage) -> Told {
    let pid = stage.desk.pid().unwrap_or_default();
    let ended = stage.desk.stop().await;
    ensure(ended == Some(0), || format!("the node of the secretariat did not end well: {ended:?}"))?;
    // A question that is not put again: what only reads is repeated for seconds before it is given up.
    let deaf = stage.desk.admin.types(&["lookup", SERVER]).await?.ended(4)?;
    let begin = Instant::now();
    let to = format!("{},{}", stage.b.member.slug, stage.c.member.slug);
    let words = ["import", "papers/second.json", "--tlp", "amber", "--to", &to, "--flash"];
    let said = stage.a.admin.types(&words).await?.done()?;
    let mut evidence =
        vec![format!("process {pid} ended with 0; {}", deaf.words.split(';').next().unwrap_or_default())];
    for house in [&stage.b, &stage.c] {
        let what = format!("{} has what was sent without the secretariat", house.member.slug);
        until(&what, async || has(&house.admin, URGENT).await).await?;
        evidence.push(format!(
            "{} has it {} after the command was typed",
            house.member.slug,
            seconds(begin.elapsed())
        ));
    }
    told(
        vec!["Ctrl-C in the terminal of the secretariat's node".to_owned(), deaf.typed, said.typed],
        "A new warning, marked FLASH so that it overtakes all else, goes from node to node. Nothing passes through a middle, so nothing stops without it.",
        evidence,
    )
}

/// The secretariat is there again.
pub(crate) async fn come_back(stage: &mut Stage) -> Told {
    stage.desk.start().await?;
    let houses = stage.houses();
    until("the secretariat knows the same members as the others", || agreed(&houses)).await?;
    let admin = &stage.desk.admin;
    let synced = stage.a.admin.types(&["peer", "sync", admin.at, "--wait", "30"]).await?.done()?;
    let said = admin.types(&["node", "state"]).await?.done()?;
    let held = said.json()["objects"].clone();
    ensure(held == 0, || format!("the secretariat holds {held} objects"))?;
    let hidden = admin.types(&["lookup", "nightshift-sync.example", SERVER]).await?.ended(1)?;
    let shown = admin.types(&["community", "show"]).await?.done()?;
    told(
        vec![
            format!("admin@{0}$ cresset serve --data {0} --listen {1}", admin.at, stage.desk.listens_at()),
            synced.typed,
            shown.typed.clone(),
            said.typed.clone(),
            hidden.typed,
        ],
        "It takes up the registry where it left off, and convenes as before. What was never for it has not been kept for it anywhere.",
        vec![
            format!("the registry's state: {}, as at the others", short(words(&shown.json()["state_hash"]))),
            format!("{held} objects; nightshift-sync.example and {SERVER}: not known"),
        ],
    )
}

/// A proof is checked by somebody who has two files and no connection.
pub(crate) async fn prove(stage: &mut Stage) -> Told {
    let [page, ..] = WARNING;
    let (admin, other) = (&stage.a.admin, &stage.b.admin);
    let registry = other.types(&["community", "registry", "--out", "papers/registry.json"]).await?.done()?;
    let checking = ["verify", "papers/proof.txt", "--registry", "papers/registry.json"];
    let mut proof = None;
    until("other members have signed the head that the proof leads to", async || {
        proof = Some(admin.types(&["ledger", "proof", page, "--out", "papers/proof.txt"]).await?.done()?);
        let checked = types_offline(&stage.room, &checking).await?.done()?;
        Ok(checked.json()["cosignatures"].as_u64().unwrap_or_default() >= 2)
    })
    .await?;
    let begin = Instant::now();
    let checked = types_offline(&stage.room, &checking).await?.done()?;
    let took = begin.elapsed();
    let found = checked.json();
    let forged = forge(stage)?;
    let refused =
        types_offline(&stage.room, &["verify", forged, "--registry", "papers/registry.json"]).await?;
    let refused = refused.ended(3)?;
    let mut asked: Vec<String> = proof.map(|said| said.typed).into_iter().collect();
    asked.extend([registry.typed, checked.typed.clone(), refused.typed]);
    told(
        asked,
        "The file proves that Aldermoor brought exactly this object in, and when, and that others have seen the same ledger. One digit changed, and it proves nothing.",
        vec![
            format!("valid: {} {} at {}", words(&found["slug"]), words(&found["kind"]), words(&found["at"])),
            format!(
                "leaf {} of {}, root {}",
                found["sequence"],
                found["head"]["size"],
                words(&found["head"]["root"])
            ),
            format!(
                "seen by {} other members; checked in {} without an address or a token",
                found["cosignatures"],
                seconds(took)
            ),
            format!(
                "the changed file: exit code 3, {}",
                refused.words.splitn(3, ": ").take(2).collect::<Vec<_>>().join(": ")
            ),
        ],
    )
}

/// A copy of the proof in which one digit of the tree's root is another.
fn forge(stage: &Stage) -> Result<&'static str, Failure> {
    const FORGED: &str = "papers/forged.txt";
    let (path, forged) = (stage.room.join("papers/proof.txt"), stage.room.join(FORGED));
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::file("read", &path, &error))?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // A checkpoint is its origin, its size and its root; the first line that begins so is its origin.
    let root = lines.iter().position(|line| line.starts_with("cresset/")).map(|at| at + 2);
    let root =
        root.and_then(|at| lines.get_mut(at)).ok_or_else(|| Failure::no("the proof holds no checkpoint"))?;
    let first = if root.starts_with('A') { "B" } else { "A" };
    root.replace_range(..1, first);
    std::fs::write(&forged, lines.join("\n") + "\n")
        .map_err(|error| Failure::file("write", &forged, &error))?;
    Ok(FORGED)
}
