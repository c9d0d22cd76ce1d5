//! `cresset doctor`, `rebuild`, `node`: how the node stands.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::args::Common;
use crate::directory::{Access, DAMAGED};
use crate::exit::{Exit, Failure};
use crate::out::{Out, counted, say, shown};
use crate::reach::{Reach, question};

/// How far to look.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Read every object and compare digests too.
    #[arg(long)]
    deep: bool,
}

/// How far to go.
#[derive(Debug, Args)]
pub(crate) struct RebuildArgs {
    /// Compare only; change nothing.
    #[arg(long)]
    check: bool,
}

/// What to tell.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Status, state hash and size.
    State {
        /// Digest and objects of what is addressed to this circle alone: equal with its other members.
        #[arg(long, value_name = "CIRCLE")]
        circle: Option<String>,
    },
    /// How much there is, by type.
    Figures,
    /// After a restore: whom the node waits for, and, where a member never comes back, going on without it.
    Recover(RecoverArgs),
}

/// What to do about a recovery.
#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// Wait no longer for this member. What only it had taken of this one is then contradicted by what this node does next, and
    /// it can prove to everybody that this member keeps two ledgers.
    #[arg(long, value_name = "MEMBER")]
    without: Option<String>,
    /// Take back once more what a restore has lost: a member is back that took no part then (suspended, say), or was left out. Until everybody
    /// has answered the node shows nothing and takes nothing in.
    #[arg(long, conflicts_with = "without")]
    again: bool,
}

/// What helps where the node cannot even be examined.
const LAST_BACKUP: &str = "restore the last backup into an empty directory (`cresset restore`), and keep this one until that stands";

/// A node that is too damaged to be examined: it is no use to say that it should be.
fn too_damaged(failure: Failure) -> Failure {
    if failure.code.as_deref() == Some(DAMAGED) { failure.hint(LAST_BACKUP) } else { failure }
}

/// Examines the node: exits 3 when something is not in order.
pub(crate) async fn doctor(common: &Common, args: DoctorArgs, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await.map_err(too_damaged)?;
    let mut request = question::get(["doctor"]);
    request.query.push(("deep", args.deep.to_string()));
    let answer = reach.ask(request).await.map_err(too_damaged)?;
    let report: Value = reach.read(&answer)?;
    if out.is_json() {
        out.line(&answer)?;
    } else {
        for check in report["checks"].as_array().into_iter().flatten() {
            let mark = if check["ok"] == true { "ok" } else { "NOT OK" };
            let name = check["name"].as_str().unwrap_or_default();
            let detail = check["detail"].as_str().unwrap_or_default();
            out.line(format!("{mark:<7}{}: {}", shown(name), shown(detail)).as_bytes())?;
        }
        if !args.deep {
            say("no stored object was read: `cresset doctor --deep` compares each with its digest");
        }
    }
    Ok(if report["ok"] == true { Exit::Done } else { Exit::Unverified })
}

/// Derives again, or compares: exits 3 when a comparison finds a difference, or something that cannot be derived.
pub(crate) async fn rebuild(common: &Common, args: RebuildArgs, out: &mut Out) -> Result<Exit, Failure> {
    let access = if args.check { Access::Read } else { Access::Write };
    let reach = Reach::open(common, access).await?;
    let mut request = question::post_bytes(["rebuild"], bytes::Bytes::new(), "application/json");
    request.query.push(("check", args.check.to_string()));
    let answer = reach.ask(request).await?;
    let report: Value = reach.read(&answer)?;
    let differences = report["differences"].as_array().cloned().unwrap_or_default();
    let damaged = report["damaged"].as_array().cloned().unwrap_or_default();
    if out.is_json() {
        out.line(&answer)?;
    } else {
        for difference in damaged.iter().chain(&differences) {
            out.line(shown(difference.as_str().unwrap_or_default()).as_bytes())?;
        }
        let sentence = match (differences.is_empty(), args.check) {
            (true, _) => "everything derived is as the stored objects say",
            (false, true) => "what is derived differs: `cresset rebuild` without --check writes it again",
            (false, false) => "derived again and written",
        };
        if damaged.is_empty() || !differences.is_empty() {
            say(sentence);
        }
        if !damaged.is_empty() {
            let versions = counted(damaged.len() as u64, "version");
            say(format_args!("{versions} cannot be derived and stay as they are: restore the last backup"));
        }
    }
    let is_right = damaged.is_empty() && (differences.is_empty() || !args.check);
    Ok(if is_right { Exit::Done } else { Exit::Unverified })
}

/// How an answer is written for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Each part by its name.
    Pairs,
    Figures,
    Recovery,
}

/// Counts, and below them objects by type, most frequent first.
fn write_figures(told: &Value, out: &mut Out) -> Result<Exit, Failure> {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    for (name, noun) in [("objects", "object"), ("versions", "version"), ("collections", "collection")] {
        out.line(counted(number(&told[name]), noun).as_bytes())?;
    }
    let mut types: Vec<(u64, String)> = told["by_type"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, count)| (number(count), shown(name)))
        .collect();
    types.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    let rows: Vec<[String; 2]> = types.into_iter().map(|(count, name)| [name, count.to_string()]).collect();
    if !rows.is_empty() {
        out.table(["TYPE", "OBJECTS"], &rows)?;
    }
    Ok(Exit::Done)
}

/// How far a recovery has come, in sentences.
fn write_recovery(told: &Value, out: &mut Out) -> Result<Exit, Failure> {
    let stage = match told["stage"].as_str() {
        Some("none") => "the node does not recover from a restore",
        Some("taking-back") => "the node takes back from the other members what a restore has lost",
        Some("catching-up") => "the node reads again what the other members have sent since the backup",
        other => other.unwrap_or_default(),
    };
    let since = told["since"].as_str().map_or_else(String::new, |at| format!(", since {}", shown(at)));
    out.line(format!("{}{since}", shown(stage)).as_bytes())?;
    let names = |name: &str| -> Vec<String> {
        told[name].as_array().into_iter().flatten().filter_map(|one| one.as_str().map(shown)).collect()
    };
    for (name, words) in [
        ("answered", "have given back everything they had"),
        ("without", "are not waited for, by the word of whoever runs this node"),
        ("awaited", "are waited for"),
    ] {
        let names = names(name);
        if !names.is_empty() {
            out.line(format!("{words}: {}", names.join(", ")).as_bytes())?;
        }
    }
    for why in told["waits"].as_array().into_iter().flatten() {
        let [member, reason, detail] =
            ["member", "reason", "detail"].map(|part| shown(why[part].as_str().unwrap_or_default()));
        out.line(format!("  {member}: {detail} [{reason}]").as_bytes())?;
    }
    for (name, words) in [
        (
            "alone",
            "the backup knows no other member: it waits until one that joined since calls, or for `--without` with this member's own name",
        ),
        ("stuck", "a member is waited for in vain unless somebody does something"),
    ] {
        if told[name] == true {
            out.line(words.as_bytes())?;
        }
    }
    Ok(Exit::Done)
}

/// Tells how the node stands.
pub(crate) async fn node(common: &Common, command: NodeCommand, out: &mut Out) -> Result<Exit, Failure> {
    let shape = match &command {
        NodeCommand::State { .. } => Shape::Pairs,
        NodeCommand::Figures => Shape::Figures,
        NodeCommand::Recover(_) => Shape::Recovery,
    };
    let (access, request) = match command {
        NodeCommand::State { circle } => {
            let mut request = question::get(["state"]);
            request.query.extend(circle.map(|circle| ("circle", circle)));
            (Access::Read, request)
        }
        NodeCommand::Figures => (Access::Read, question::get(["figures"])),
        NodeCommand::Recover(RecoverArgs { again: true, .. }) => {
            (Access::Write, question::send(dial::Verb::Post, ["recovery", "again"], &serde_json::json!({})))
        }
        NodeCommand::Recover(RecoverArgs { without: None, .. }) => {
            (Access::Read, question::get(["recovery"]))
        }
        NodeCommand::Recover(RecoverArgs { without: Some(member), .. }) => {
            let body = serde_json::json!({"without": member});
            (Access::Write, question::send(dial::Verb::Post, ["recovery"], &body))
        }
    };
    let reach = Reach::open(common, access).await?;
    let answer = reach.ask(request).await?;
    if out.is_json() {
        out.line(&answer)?;
        return Ok(Exit::Done);
    }
    let told: Value = reach.read(&answer)?;
    match shape {
        Shape::Pairs => {}
        Shape::Figures => return write_figures(&told, out),
        Shape::Recovery => return write_recovery(&told, out),
    }
    for (name, value) in told.as_object().into_iter().flatten() {
        match value {
            Value::Object(parts) => {
                for (part, count) in parts {
                    out.line(format!("{name}.{}: {count}", shown(part)).as_bytes())?;
                }
            }
            Value::Array(whys) if whys.iter().any(Value::is_object) => {
                for why in whys {
                    let word = |name: &str| shown(why[name].as_str().unwrap_or_default());
                    let (member, reason, detail) = (word("member"), word("reason"), word("detail"));
                    out.line(format!("{name}.{member}: {detail} [{reason}]").as_bytes())?;
                }
            }
            Value::Array(names) => {
                let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                out.line(format!("{name}: {}", shown(&names.join(", "))).as_bytes())?;
            }
            Value::String(text) => out.line(format!("{name}: {}", shown(text)).as_bytes())?,
            other => out.line(format!("{name}: {other}").as_bytes())?,
        }
    }
    Ok(Exit::Done)
}
