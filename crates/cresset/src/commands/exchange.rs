//! `cresset share`, `recall`, `erase`, `consent`, `holders`, `peer`, `courier`: what this member does towards the others.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dial::Verb;
use serde_json::{Value, json};

use crate::args::{Common, trimmed};
use crate::ask::Yes;
use crate::commands::import::read_input;
use crate::commands::passing::moment;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, counted, say, shown};
use crate::reach::{Reach, question};

/// An object to be given to members and circles.
#[derive(Debug, Args)]
pub(crate) struct ShareArgs {
    /// The object's id.
    id: String,
    /// Members and circles, by name or id; several separated by commas.
    #[arg(long, required = true, value_delimiter = ',', value_parser = trimmed, value_name = "MEMBER|CIRCLE,...")]
    to: Vec<String>,
    /// Before everything that waits for them.
    #[arg(long)]
    flash: bool,
}

/// An object of this member to be taken back.
#[derive(Debug, Args)]
pub(crate) struct TakeBackArgs {
    /// The object's id.
    id: String,
    /// Why, for those who have it.
    #[arg(long, default_value = "")]
    reason: String,
    /// How long to wait for receipts, in seconds; at most 60.
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    wait: u64,
    #[command(flatten)]
    yes: Yes,
}

/// What is done with consents.
#[derive(Debug, Subcommand)]
pub(crate) enum ConsentCommand {
    /// Let a member pass on an object of this member to another.
    Grant {
        /// The object's id.
        id: String,
        /// To whom it may go.
        #[arg(long, value_name = "MEMBER")]
        to: String,
        /// Until when (RFC 3339).
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: String,
        /// Who may pass it on; without it every member that has it now.
        #[arg(long, value_name = "MEMBER")]
        from: Option<String>,
    },
    /// Take a consent of this member back; what went on before stays where it is.
    Revoke {
        /// The consent's id, as `consent list` shows it.
        id: String,
    },
    /// Show the consents that this member gave, or was given.
    List,
}

/// An object of this member.
#[derive(Debug, Args)]
pub(crate) struct HoldersArgs {
    /// The object's id.
    id: String,
}

/// What is done with courier files.
#[derive(Debug, Subcommand)]
pub(crate) enum CourierCommand {
    /// Write everything that waits for a member into a file that only it can open.
    Export {
        /// The member.
        #[arg(long, value_name = "MEMBER")]
        to: String,
        /// The file; `-` writes standard output.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Take a courier file: exits 1 when something in it was refused, or waits for something else.
    Import {
        /// The file; `-` reads standard input.
        file: PathBuf,
    },
    /// Write what acknowledges the courier file that came last, for whoever sent it.
    Acks {
        /// The file; `-` writes standard output.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// What is done with peers.
#[derive(Debug, Subcommand)]
pub(crate) enum PeerCommand {
    /// Show how it stands with every other member.
    List,
    /// Write a file that proves that a member told two stories, which `cresset verify` checks; exits 1 when there is none.
    Evidence {
        /// The member.
        member: String,
        /// The file; `-` writes standard output.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Which one, where `peer list` counts several: 1 is the oldest. Without it the first that shows two heads, which need no
        /// registry to be checked; what shows two acts of a member that has changed its key does.
        #[arg(long, value_name = "N")]
        number: Option<usize>,
    },
    /// Meet the other members now.
    Sync {
        /// The member; without it all of them.
        member: Option<String>,
        /// How long to wait until nothing waits for them, in seconds; at most 60.
        #[arg(long, default_value_t = 0, value_name = "SECONDS")]
        wait: u64,
    },
}

/// Gives an object to members and circles: exits 1 when some do not get it, or nobody does at present.
pub(crate) async fn share(common: &Common, args: ShareArgs, out: &mut Out) -> Result<Exit, Failure> {
    let body = json!({"to": args.to, "flash": args.flash});
    let answer = post(common, ["objects", &args.id, "share"], &body).await?;
    let withheld = answer["withheld"].as_array().cloned().unwrap_or_default();
    if out.is_json() {
        out.json(&answer)?;
    } else {
        let waits = answer["waits"].as_str().map_or_else(String::new, |code| {
            format!(
                " once this member takes part in the community again, and to nobody until then [{}]",
                shown(code)
            )
        });
        say(format_args!("{} is on its way to {}{waits}", shown(&args.id), listed(&answer["to"])));
        for one in &withheld {
            let word = |at: usize| shown(one[at].as_str().unwrap_or_default());
            let why =
                super::explain::first_sentence(&word(1)).map_or_else(String::new, |why| format!(": {why}"));
            say(format_args!("{} does not get it{why} [{}]", word(0), word(1)));
        }
        let listed = listed_in(common, &args.id).await;
        if listed > 0 {
            let listed = counted(listed, "object");
            say(format_args!(
                "it lists {listed}, which it does not take along: `cresset share` gives each of them"
            ));
        }
    }
    Ok(if withheld.is_empty() && answer["waits"].is_null() { Exit::Done } else { Exit::No })
}

/// Calls an object back from everybody.
pub(crate) async fn recall(common: &Common, args: TakeBackArgs, out: &mut Out) -> Result<Exit, Failure> {
    let id = shown(&args.id);
    let question = format!(
        "call {id} back? It goes away here, and every member that was given it is told to let it go."
    );
    args.yes.or_leave(&question, &format!("{id} was not called back"), out)?;
    take_back(common, args, ("recall", "called back"), out).await
}

/// Has an object destroyed everywhere.
pub(crate) async fn erase(common: &Common, args: TakeBackArgs, out: &mut Out) -> Result<Exit, Failure> {
    let id = shown(&args.id);
    let question = format!(
        "erase {id}? It is destroyed for good here, in backups, and at every member that was given it. There is no way back."
    );
    args.yes.or_leave(&question, &format!("{id} was not erased"), out)?;
    take_back(common, args, ("erase", "erased"), out).await
}

async fn take_back(
    common: &Common,
    args: TakeBackArgs,
    (deed, done): (&str, &str),
    out: &mut Out,
) -> Result<Exit, Failure> {
    let body = json!({"reason": args.reason, "wait": args.wait});
    // Afterwards it is not there to be asked.
    let listed = if out.is_json() { 0 } else { listed_in(common, &args.id).await };
    let answer = post(common, ["objects", &args.id, deed], &body).await?;
    if out.is_json() {
        out.json(&answer)?;
        return Ok(Exit::Done);
    }
    say(format_args!("{} is {done} here", shown(&args.id)));
    if listed > 0 {
        let listed = counted(listed, "object");
        say(format_args!(
            "it lists {listed}, which stay where they are: `cresset {deed}` takes each of them"
        ));
    }
    write_receipts(&answer["receipts"], done, out)?;
    if let Some(kept) = answer["kept"].as_array().filter(|kept| !kept.is_empty()) {
        say(format_args!(
            "still standing here, since nobody was ever given it: {}; `cresset erase` destroys that too",
            counted(kept.len() as u64, "version")
        ));
    }
    Ok(Exit::Done)
}

/// How many objects a report, grouping, note or the like lists: a deed is about the list, not about them. None where it cannot be read.
async fn listed_in(common: &Common, id: &str) -> u64 {
    let Ok(reach) = Reach::open(common, Access::Read).await else { return 0 };
    let Ok(found) = reach.answer::<Value>(question::get(["objects", id])).await else { return 0 };
    found["object"]["object_refs"].as_array().map_or(0, |listed| listed.len() as u64)
}

/// Writes what members answered to an act of this one, a line each.
pub(crate) fn write_receipts(receipts: &Value, done: &str, out: &mut Out) -> Result<(), Failure> {
    for receipt in receipts.as_array().into_iter().flatten() {
        let word = |name: &str| shown(receipt[name].as_str().unwrap_or_default());
        let line = match receipt["status"].as_str() {
            Some("done") => {
                format!("{}: {done} at {}, signed {}", word("member"), word("at"), word("signature"))
            }
            Some("refused") => format!("{}: refused [{}]", word("member"), word("rule")),
            _ => format!("{}: pending", word("member")),
        };
        out.line(line.as_bytes())?;
    }
    Ok(())
}

/// Runs a command about consents.
pub(crate) async fn consent(
    common: &Common,
    command: ConsentCommand,
    out: &mut Out,
) -> Result<Exit, Failure> {
    let (answer, tokens) = match command {
        ConsentCommand::List => return consents(common, out).await,
        ConsentCommand::Grant { id, to, until, from } => {
            let body = json!({"from": from, "to": to, "until": until});
            let answer = post(common, ["objects", &id, "consent"], &body).await?;
            let tokens = answer["consents"].as_array().cloned().unwrap_or_default();
            (answer, tokens)
        }
        ConsentCommand::Revoke { id } => {
            let answer = post(common, ["consents", &id, "revoke"], &json!({})).await?;
            (answer.clone(), vec![answer])
        }
    };
    if out.is_json() {
        out.json(&answer)?;
        return Ok(Exit::Done);
    }
    for token in &tokens {
        let [id, object, from, to, until] =
            ["id", "object", "from", "to", "until"].map(|name| cell(&token[name]));
        if token["revoked"] == json!(true) {
            say(format_args!("{from} may pass {object} on to {to} no more"));
        } else {
            say(format_args!("{from} may pass {object} on to {to} until {until}"));
            out.line(id.as_bytes())?;
        }
    }
    Ok(Exit::Done)
}

async fn consents(common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let consents: Vec<Value> = reach.all(question::get(["consents"])).await?;
    if out.is_json() {
        out.json(&consents)?;
        return Ok(Exit::Done);
    }
    let columns = ["id", "object", "originator", "from", "to", "until", "expired", "revoked"];
    let rows: Vec<[String; 8]> = consents.iter().map(|row| columns.map(|name| cell(&row[name]))).collect();
    out.table(["ID", "OBJECT", "OF", "FROM", "TO", "UNTIL", "EXPIRED", "REVOKED"], &rows)?;
    Ok(Exit::Done)
}

/// Shows who holds an object.
pub(crate) async fn holders(common: &Common, args: HoldersArgs, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let holders: Vec<Value> = reach.all(question::get(["objects", &args.id, "holders"])).await?;
    if out.is_json() {
        out.json(&holders)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<[String; 4]> = holders
        .iter()
        .map(|row| {
            let [member, rule, at, receipt, waits] =
                ["member", "rule", "received_at", "receipt", "waits"].map(|name| cell(&row[name]));
            // Who has an earlier version waits for a later one.
            let receipt = match (row["waits"].is_null(), row["receipt"] == "valid") {
                (true, _) => row["taking_back"].as_str().map_or(receipt, shown),
                (false, true) => format!("{receipt}, next: {waits}"),
                (false, false) => waits,
            };
            [member, rule, at, receipt]
        })
        .collect();
    out.table(["MEMBER", "RULE", "RECEIVED", "RECEIPT"], &rows)?;
    Ok(Exit::Done)
}

/// Runs a command about peers.
pub(crate) async fn peer(common: &Common, command: PeerCommand, out: &mut Out) -> Result<Exit, Failure> {
    let (peers, waited) = match command {
        PeerCommand::List => {
            let reach = Reach::open(common, Access::Read).await?;
            (reach.all(question::get(["peers"])).await?, false)
        }
        PeerCommand::Evidence { member, out: file, number } => {
            return evidence(common, (member.as_str(), number, file.as_path()), out).await;
        }
        PeerCommand::Sync { member, wait } => {
            let answer = post(common, ["peers", "sync"], &json!({"member": member, "wait": wait})).await?;
            (answer.as_array().cloned().unwrap_or_default(), wait > 0)
        }
    };
    if waited && peers.iter().any(|peer: &Value| peer["lag_out"].is_null()) {
        say("whether anything still waits for them is told to who runs or audits this node");
    }
    let behind = peers.iter().any(|peer: &Value| peer["lag_out"].as_u64().is_some_and(|lag| lag > 0));
    if out.is_json() {
        out.json(&peers)?;
    } else {
        let columns =
            ["member", "reachable", "version", "lag_in", "lag_out", "last_head", "gaps", "road", "seen"];
        let rows: Vec<[String; 9]> = peers
            .iter()
            .map(|row| {
                columns.map(|name| match name {
                    "road" if row["relay"]["used"] == json!(true) => "relay".to_owned(),
                    name => cell(&row[name]),
                })
            })
            .collect();
        out.table(["MEMBER", "REACHABLE", "VERSION", "IN", "OUT", "HEAD", "GAPS", "ROAD", "HEARD"], &rows)?;
        peers.iter().flat_map(troubles).for_each(say);
    }
    Ok(if waited && behind { Exit::No } else { Exit::Done })
}

/// What is out of order with a peer of `peer list`, a sentence each.
fn troubles(peer: &Value) -> Vec<String> {
    let member = shown(peer["member"].as_str().unwrap_or_default());
    let text = |name: &str| peer[name].as_str().map(shown);
    let mut found = Vec::new();
    if let Some(code) = text("takes_nothing") {
        found.push(format!(
            "{member} took nothing when it was last offered something [{code}]: `cresset explain {code}` says more"
        ));
    }
    if let Some(code) = text("road_refused") {
        found.push(format!(
            "what answers in the place of {member} is not taken for a node of its [{code}]: `cresset explain {code}` says more"
        ));
    }
    if let Some(code) = text("version_refused") {
        found.push(format!(
            "{member} speaks no version of the protocol that this node speaks, so nothing goes either way [{code}]: `cresset explain {code}` \
             says more"
        ));
    }
    if let Some(since) = text("awaits_circle") {
        found.push(format!("what {member} sends waits for the document of a circle, since {since}"));
    }
    let undelivered = peer["undelivered"].as_u64().unwrap_or(0);
    if undelivered > 0 {
        let circles = counted(undelivered, "circle");
        found.push(format!(
            "{member} has not confirmed yet what became of {circles}: see `cresset circle list`"
        ));
    }
    let skew = peer["skew_seconds"].as_i64().unwrap_or(0);
    if skew.saturating_abs() > base::limit::CLOCK_SKEW_SECONDS {
        let (by, way) = (skew.unsigned_abs() / 60, if skew < 0 { "behind" } else { "ahead of" });
        found.push(format!("the clock of {member} is {by} minutes {way} this node's: see `cresset doctor`"));
    }
    let evidence = peer["evidence"].as_u64().unwrap_or(0);
    if evidence > 0 {
        let kept = counted(evidence, "file");
        found.push(format!(
            "{kept} of evidence that {member} told two stories: `cresset peer evidence {member} --out FILE` writes one"
        ));
    }
    found
}

/// Writes a file of evidence against a member.
async fn evidence(
    common: &Common,
    (member, number, file): (&str, Option<usize>, &Path),
    out: &mut Out,
) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let held: Vec<Value> = reach.all(question::get(["peers", member, "evidence"])).await?;
    let texts: Vec<&str> = held.iter().filter_map(|one| one["file"].as_str()).collect();
    let is_split = |text: &str| ledger::evidence::Evidence::parse(text.as_bytes()).is_ok();
    let at = match number {
        Some(number) => number.checked_sub(1),
        None => Some(texts.iter().position(|text| is_split(text)).unwrap_or(0)),
    };
    let Some((at, text)) = at.and_then(|at| Some((at, *texts.get(at)?))) else {
        let kept = counted(texts.len() as u64, "file");
        return Err(Failure::no(format_args!("no such evidence against {}: {kept} kept", shown(member))));
    };
    if file == Path::new("-") {
        out.raw(text.as_bytes())?;
        return Ok(Exit::Done);
    }
    std::fs::write(file, text).map_err(|error| Failure::file("write", file, &error))?;
    let (number, of) = (at + 1, texts.len());
    if out.is_json() {
        let proves = if is_split(text) { "split-view" } else { "two-acts" };
        out.json(&json!({"file": file, "number": number, "of": of, "proves": proves}))?;
    } else {
        say(format_args!("wrote evidence {number} of {of} against {} to {}", shown(member), file.display()));
    }
    Ok(Exit::Done)
}

/// Runs a command about courier files.
pub(crate) async fn courier(
    common: &Common,
    command: CourierCommand,
    out: &mut Out,
) -> Result<Exit, Failure> {
    let (to, file) = match command {
        CourierCommand::Import { file } => return carry(common, &file, out).await,
        CourierCommand::Export { to, out } => (Some(to), out),
        CourierCommand::Acks { out } => (None, out),
    };
    // On a directory: what waits is sealed anew, and the ledger is taken up for it.
    let reach = Reach::open(common, Access::Write).await?;
    let mut request = question::get(["courier"]);
    request.query.extend(to.map(|to| ("to", to)));
    let sealed = reach.ask(request).await?;
    if file == Path::new("-") {
        out.raw(&sealed)?;
        return Ok(Exit::Done);
    }
    std::fs::write(&file, &sealed).map_err(|error| Failure::file("write", &file, &error))?;
    if out.is_json() {
        out.json(&json!({"file": file, "bytes": sealed.len()}))?;
    } else {
        say(format_args!("wrote {} bytes to {}", sealed.len(), file.display()));
    }
    Ok(Exit::Done)
}

async fn carry(common: &Common, file: &Path, out: &mut Out) -> Result<Exit, Failure> {
    let bytes = read_input(file)?;
    // What is sealed begins with the number of its suite, which is no letter; so whoever takes the wrong file is told which it is.
    if bytes.first().is_none_or(|first| first.is_ascii_graphic() || first.is_ascii_whitespace()) {
        return Err(Failure::no(format_args!("{} is no courier file", file.display()))
            .code("courier-unfit")
            .hint("`cresset courier export` writes them; files with objects are taken by `cresset import`"));
    }
    let reach = Reach::open(common, Access::Write).await?;
    let request = question::post_bytes(["courier"], bytes, "application/octet-stream");
    let report: Value = reach.answer(request).await?;
    let refused = report["refused"].as_array().map_or(0, Vec::len);
    let waits = report.get("waits").filter(|waits| !waits.is_null());
    let whole = matches!(report["papers"].as_str(), Some("none" | "known" | "taken")) && waits.is_none();
    if out.is_json() {
        out.json(&report)?;
    } else {
        let from = cell(&report["from"]);
        say(format_args!(
            "{} of {from}: {} taken, {} known before, {refused} refused",
            counted(report["envelopes"].as_u64().unwrap_or_default(), "envelope"),
            report["taken"],
            report["known"]
        ));
        say(format_args!("papers of the community: {}", cell(&report["papers"])));
        if let Some(waits) = &waits {
            say(format_args!("{} wait [{}]", waits["envelopes"], cell(&waits["rule"])));
        }
        for one in report["refused"].as_array().into_iter().flatten() {
            out.line(
                format!("{} {}: {}", cell(&one["lane"]), cell(&one["place"]), cell(&one["rule"])).as_bytes(),
            )?;
        }
    }
    Ok(if refused == 0 && whole { Exit::Done } else { Exit::No })
}

async fn post<const N: usize>(common: &Common, path: [&str; N], body: &Value) -> Result<Value, Failure> {
    let reach = Reach::open(common, Access::Write).await?;
    reach.answer(question::send(Verb::Post, path, body)).await
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn listed(names: &Value) -> String {
    let names: Vec<String> = names.as_array().into_iter().flatten().map(cell).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_order_with_a_peer_is_told_beside_the_table() {
        let well = json!({"member": "cert-b", "reachable": true, "skew_seconds": -3_600, "evidence": 0, "road_refused": null});
        assert_eq!(troubles(&well), [""; 0]);
        let ill = json!({"member": "cert-b", "undelivered": 3, "skew_seconds": 7_260, "evidence": 2, "takes_nothing": "store-read-only",
            "road_refused": "road-untold", "version_refused": "version-not-spoken", "awaits_circle": "2026-01-02T03:04:05Z"});
        let told = troubles(&ill);
        let says = [
            "store-read-only",
            "road-untold",
            "version-not-spoken",
            "2026-01-02T03:04:05Z",
            "3 circles",
            "121 minutes ahead of",
            "2 files",
        ];
        assert_eq!(told.len(), says.len());
        for (sentence, says) in told.iter().zip(says) {
            assert!(sentence.contains("cert-b") && sentence.contains(says), "{sentence}");
        }
    }
}
