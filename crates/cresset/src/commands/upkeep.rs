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

/// Tells how the node stands.
pub(crate) async fn node(common: &Common, command: NodeCommand, out: &mut Out) -> Result<Exit, Failure> {
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
