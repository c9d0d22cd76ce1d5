//! `cresset approval`: what takes a second person.

use clap::Subcommand;
use dial::{ApiRequest, Verb};
use serde_json::{Value, json};

use crate::args::Common;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, counted, say, shown};
use crate::reach::{Reach, question};

/// What is done with requests for a second person.
#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalCommand {
    /// Show requests, newest first: all of them to approvers, administrators and auditors, your own otherwise.
    List {
        /// Only those that wait for an answer.
        #[arg(long)]
        pending: bool,
    },
    /// Say yes to what somebody else asked for; they then do the same again.
    Grant {
        /// The request.
        id: String,
    },
    /// Say no to what somebody else asked for.
    Refuse {
        /// The request.
        id: String,
        /// Why.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Go ahead with your own request without a second person. Every member of the community is told, with the reason.
    BreakGlass {
        /// The request.
        id: String,
        /// Why it cannot wait.
        #[arg(long)]
        reason: String,
    },
    /// Show what other members did without a second person.
    Notices,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, command: ApprovalCommand, out: &mut Out) -> Result<Exit, Failure> {
    let answer = |id: &str, word, body| question::send(Verb::Post, ["approvals", id, word], &body);
    match command {
        ApprovalCommand::List { pending } => list(common, pending, out).await,
        ApprovalCommand::Grant { id } => decide(common, answer(&id, "grant", json!({})), out).await,
        ApprovalCommand::Refuse { id, reason } => {
            decide(common, answer(&id, "refuse", json!({"reason": reason})), out).await
        }
        ApprovalCommand::BreakGlass { id, reason } => {
            decide(common, answer(&id, "break-glass", json!({"reason": reason})), out).await
        }
        ApprovalCommand::Notices => notices(common, out).await,
    }
}

async fn decide(common: &Common, request: ApiRequest, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Write).await?;
    let answer = reach.ask(request).await?;
    if out.is_json() {
        out.line(&answer)?;
        return Ok(Exit::Done);
    }
    let view: Value = reach.read(&answer)?;
    say(format_args!("{}: {}", word(&view["status"]), word(&view["words"])));
    Ok(Exit::Done)
}

async fn list(common: &Common, pending: bool, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let mut all: Vec<Value> = reach.all(question::get(["approvals"])).await?;
    all.retain(|one| !pending || one["status"] == "pending");
    if out.is_json() {
        out.json(&all)?;
        return Ok(Exit::Done);
    }
    let broken = all.iter().filter(|one| one["status"] == "broken-glass").count();
    if broken > 0 {
        let times = counted(broken as u64, "time");
        say(format_args!("the glass was broken {times}: by whom and why stands under REASON"));
    }
    let with = ["requester", "asked_with", "decider", "decided_with"];
    let row = |one: &Value| {
        let [requester, asked_with, decider, decided_with] = with.map(|part| word(&one[part]));
        let [id, status, reason, words] = ["id", "status", "reason", "words"].map(|part| word(&one[part]));
        [id, status, requester, asked_with, decider, decided_with, reason, words]
    };
    let rows: Vec<[String; 8]> = all.iter().map(row).collect();
    out.table(["ID", "STATUS", "ASKED BY", "WITH", "ANSWERED BY", "WITH", "REASON", "WHAT"], &rows)?;
    Ok(Exit::Done)
}

async fn notices(common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let all: Vec<Value> = reach.all(question::get(["notices"])).await?;
    if out.is_json() {
        out.json(&all)?;
        return Ok(Exit::Done);
    }
    let row = |one: &Value| ["member", "at", "deed", "reason"].map(|part| word(&one[part]));
    let rows: Vec<[String; 4]> = all.iter().map(row).collect();
    out.table(["MEMBER", "WHEN", "DEED", "REASON"], &rows)?;
    Ok(Exit::Done)
}

fn word(value: &Value) -> String {
    shown(value.as_str().unwrap_or_default())
}
