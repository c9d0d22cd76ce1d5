//! `cresset community`: founding and joining a community, deciding with the others, leaving, and what there is to show.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::Redacted;
use bytes::Bytes;
use clap::{Args, Subcommand};
use community::{Entry, MemberKind};
use dial::Verb;
use serde_json::{Value, json};

use crate::args::{Common, names};
use crate::ask::Yes;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, say, shown};
use crate::reach::{Reach, question};
use crate::sealed;

/// What is done with the community.
#[derive(Debug, Subcommand)]
pub(crate) enum CommunityCommand {
    /// Found a community of which this node's member is the first.
    Create(CreateArgs),
    /// Write the anchor file that a newcomer needs.
    Anchor {
        /// Where to; `-` writes standard output.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Ask to be let into a community.
    Join(JoinArgs),
    /// Show what waits for a decision.
    Pending,
    /// Approve what waits for a decision.
    Approve {
        /// The member it is about, by slug or id, or the subject as `pending` shows it.
        member: String,
    },
    /// Refuse what waits for a decision.
    Refuse {
        /// The member it is about, by slug or id, or the subject as `pending` shows it.
        member: String,
    },
    /// Propose to put a member aside, and approve it.
    Suspend {
        /// The member, by slug or id.
        member: String,
        /// Why, for the others.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Propose to take a suspended member back, and approve it.
    Reinstate {
        /// The member, by slug or id.
        member: String,
    },
    /// Give notice: this member leaves in 90 days.
    Withdraw {
        #[command(flatten)]
        yes: Yes,
    },
    /// Replace this member's key by a new one.
    RotateKey,
    /// Tell the others where this member's node answers from now on: https://HOST where the node itself ends TLS for other
    /// members, https+proxy://HOST where a proxy does, http://HOST where nobody does.
    Endpoint {
        /// The address.
        address: String,
    },
    /// Have this member's key replaced by the word of its recovery key, seven days after the others have noted it. Where every vote is
    /// needed, as with up to three, they cannot without that of this member, which its present key gives.
    Recover {
        /// The recovery key that `init` printed.
        #[arg(long, value_name = "FILE")]
        recovery_key_file: PathBuf,
    },
    /// Take a recovery of this member's key back.
    CancelRecovery,
    /// Show the community: its members and the digest of its registry.
    Show,
    /// Write the registry as a snapshot file, as `verify --registry` takes it.
    Registry {
        /// Where to; `-` writes standard output.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// What this node's member is in the community.
#[derive(Debug, Args)]
pub(crate) struct MemberArgs {
    /// Name of the member in English.
    #[arg(long)]
    member_name: String,
    /// Its name in another language; may be given several times.
    #[arg(long = "member-name-in", value_name = "LANGUAGE=NAME", value_parser = in_language)]
    names: Vec<(String, String)>,
    /// What people type for it: lower-case letters, digits, hyphens.
    #[arg(long)]
    slug: String,
    /// What it is. Observers and partners have no vote.
    #[arg(long, default_value = "cert", value_parser = names(MemberKind::ALL.map(MemberKind::name)))]
    kind: String,
    /// Where its node answers to the others.
    #[arg(long, value_name = "URL")]
    endpoint: String,
}

impl MemberArgs {
    fn body(&self) -> Value {
        let names: BTreeMap<&String, &String> = self.names.iter().map(|(tag, name)| (tag, name)).collect();
        json!({"name": self.member_name, "names": names, "slug": self.slug, "kind": self.kind, "endpoint": self.endpoint})
    }
}

fn in_language(text: &str) -> Result<(String, String), String> {
    let parted = text.split_once('=').map(|(tag, name)| (tag.to_owned(), name.to_owned()));
    parted.ok_or_else(|| "this is not of the form LANGUAGE=NAME, as in ru=ИМЯ".to_owned())
}

/// A community to be founded.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Name of the community.
    #[arg(long)]
    name: String,
    /// Approvals that a decision takes, raised to more than half of the voters.  [default: all up to three, all but one beyond]
    #[arg(long, value_name = "K")]
    approvals: Option<usize>,
    #[command(flatten)]
    member: MemberArgs,
}

/// A community to be joined.
#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// The anchor file.
    #[arg(value_name = "ANCHOR")]
    anchor: PathBuf,
    #[command(flatten)]
    member: MemberArgs,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, command: CommunityCommand, out: &mut Out) -> Result<Exit, Failure> {
    match command {
        CommunityCommand::Create(args) => create(common, &args, out).await,
        CommunityCommand::Anchor { out: path } => write_file(common, ("anchor", &path), out).await,
        CommunityCommand::Registry { out: path } => write_file(common, ("registry", &path), out).await,
        CommunityCommand::Join(args) => join(common, &args, out).await,
        CommunityCommand::Pending => pending(common, out).await,
        CommunityCommand::Approve { member } => word(common, &member, Vote::Approve, out).await,
        CommunityCommand::Refuse { member } => word(common, &member, Vote::Refuse, out).await,
        CommunityCommand::Suspend { member, reason } => {
            let body = json!({"member": member, "deed": "suspend", "reason": reason});
            deed(common, "proposals", body, out).await
        }
        CommunityCommand::Reinstate { member } => {
            deed(common, "proposals", json!({"member": member, "deed": "reinstate"}), out).await
        }
        CommunityCommand::Withdraw { yes } => {
            let question =
                "give notice? Every other member is told, and this member leaves the community in 90 days.";
            yes.or_leave(question, "no notice was given", out)?;
            withdraw(common, out).await
        }
        CommunityCommand::RotateKey => {
            let exit = deed(common, "key", json!({}), out).await?;
            say(
                "no backup and no key file of before has the new key: run `cresset backup --only-keys FILE` now, and keep it instead of \
                 older key files",
            );
            Ok(exit)
        }
        CommunityCommand::Endpoint { address } => {
            deed(common, "endpoint", json!({ "endpoint": address }), out).await
        }
        CommunityCommand::Recover { recovery_key_file } => recover(common, &recovery_key_file, out).await,
        CommunityCommand::CancelRecovery => {
            let reach = Reach::open(common, Access::Write).await?;
            tell(&reach.ask(question::delete(["community", "recovery"])).await?, out)
        }
        CommunityCommand::Show => show(common, out).await,
    }
}

async fn create(common: &Common, args: &CreateArgs, out: &mut Out) -> Result<Exit, Failure> {
    let body = json!({"name": args.name, "approvals": args.approvals, "member": args.member.body()});
    let reach = Reach::open(common, Access::Write).await?;
    let answer = reach.ask(question::send(Verb::Post, ["community"], &body)).await?;
    if out.is_json() {
        out.line(&answer)?;
    }
    say(format_args!(
        "founded {}; `cresset community anchor --out FILE` writes what newcomers need",
        shown(&args.name)
    ));
    Ok(Exit::Done)
}

async fn join(common: &Common, args: &JoinArgs, out: &mut Out) -> Result<Exit, Failure> {
    let anchor = std::fs::read(&args.anchor).map_err(|error| Failure::file("read", &args.anchor, &error))?;
    let anchor = String::from_utf8(anchor)
        .map_err(|_| Failure::no("the anchor file is not text").code("anchor-form"))?;
    let reach = Reach::open(common, Access::Write).await?;
    let body = json!({"anchor": anchor, "member": args.member.body()});
    let answer = reach.ask(question::send(Verb::Post, ["community", "join"], &body)).await?;
    if out.is_json() {
        out.line(&answer)?;
    }
    say("asked to be let in: members approve with `cresset community approve`, while this node runs");
    Ok(Exit::Done)
}

async fn deed(common: &Common, what: &str, body: Value, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Write).await?;
    tell(&reach.ask(question::send(Verb::Post, ["community", what], &body)).await?, out)
}

/// Gives notice, and says how the member stands until it has run out.
async fn withdraw(common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Write).await?;
    let answer = reach.ask(question::send(Verb::Post, ["community", "withdrawal"], &json!({}))).await?;
    let view: Value = reach.answer(question::get(["community"])).await?;
    let members = view["members"].as_array().into_iter().flatten();
    if let Some(me) = members.into_iter().find(|member| member["id"] == view["me"])
        && let Some(until) = leaves(me)
    {
        let stays = if me["status"] == "suspended" { ", and stays suspended until then" } else { "" };
        say(format_args!("this member leaves on {until}{stays}"));
    }
    tell(&answer, out)
}

/// When a member's notice has run out, where it has given one.
fn leaves(member: &Value) -> Option<String> {
    member["leaves_us"].as_i64().map(|until| stix::Timestamp::text_of(base::Micros(until)))
}

/// What is said of something that waits for a decision.
#[derive(Clone, Copy)]
enum Vote {
    Approve,
    Refuse,
}

impl Vote {
    /// The word, and what it was.
    const fn words(self) -> [&'static str; 2] {
        match self {
            Self::Approve => ["approve", "approved"],
            Self::Refuse => ["refuse", "refused"],
        }
    }

    /// What follows where that decides the matter, and where it does not.
    const fn outcomes(self) -> (&'static str, &'static str) {
        match self {
            Self::Approve => COUNTS_OR_WAITS,
            Self::Refuse => {
                ("done: as things stand it cannot be approved", "noted; others may approve it all the same")
            }
        }
    }
}

/// What follows a deed of the community's, where it is decided and where it is not.
const COUNTS_OR_WAITS: (&str, &str) =
    ("done: it counts from now on", "noted; it waits for others to approve");

/// Says yes or no to what waits for a decision, and what that was.
async fn word(common: &Common, about: &str, vote: Vote, out: &mut Out) -> Result<Exit, Failure> {
    let [word, said] = vote.words();
    let reach = Reach::open(common, Access::Write).await?;
    // Before the word, for what is decided waits no more.
    let pending: Vec<Value> = reach.all(question::get(["community", "pending"])).await?;
    let named = |one: &&Value| ["slug", "member", "subject"].iter().any(|part| one[*part] == about);
    let what = pending.iter().find(named).map(asked);
    let body = json!({"about": about, "word": word});
    let answer = reach.ask(question::send(Verb::Post, ["community", "words"], &body)).await?;
    if let Some(what) = what {
        say(format_args!("{said}: {what}"));
    }
    tell_as(&answer, vote.outcomes(), out)
}

/// What is asked of the community, in words.
fn asked(one: &Value) -> String {
    let word = |name: &str| one[name].as_str().map(shown);
    let slug = word("slug").or_else(|| word("member")).unwrap_or_default();
    let who = word("name").map_or_else(|| slug.clone(), |name| format!("{name} ({slug})"));
    match one["asks"].as_str().unwrap_or_default() {
        "join" => format!("{who} joins the community"),
        "rejoin" => format!("{who} comes back into the community"),
        "suspend" => format!("{who} is put aside"),
        "reinstate" => format!("{who} is taken back"),
        "quorum" => "how many approvals a decision takes".to_owned(),
        other => format!("{} about {who}", shown(other)),
    }
}

/// Signs a recovery with the recovery key here, so that the node never sees that key.
async fn recover(common: &Common, key: &Path, out: &mut Out) -> Result<Exit, Failure> {
    let text = std::fs::read_to_string(key).map_err(|error| Failure::file("read", key, &error))?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let key = sealed::member_recovery(&Redacted::new(line.unwrap_or_default().to_owned()));
    let reach = Reach::open(common, Access::Write).await?;
    let draft: Value =
        reach.answer(question::send(Verb::Post, ["community", "recovery", "draft"], &json!({}))).await?;
    let draft = draft["entry"].as_str().unwrap_or_default();
    let mut entry = Entry::parse(draft.as_bytes()).map_err(|rule| Failure::no(rule).code(rule.code()))?;
    entry.sign(&key).map_err(|rule| Failure::no(rule).code(rule.code()))?;
    let body = json!({"entry": entry.to_json()});
    let answer = reach.ask(question::send(Verb::Post, ["community", "recovery"], &body)).await?;
    say(
        "the others see it as soon as this node reaches them; the key counts seven days after they have noted it. Where every vote is needed, \
         as with up to three, they cannot note it without this member's, which its present key gives: if that is lost, restore with a key \
         file that was made since it was replaced (`cresset restore --keys`)",
    );
    tell(&answer, out)
}

fn tell(answer: &[u8], out: &mut Out) -> Result<Exit, Failure> {
    tell_as(answer, COUNTS_OR_WAITS, out)
}

fn tell_as(answer: &[u8], (done, waits): (&str, &str), out: &mut Out) -> Result<Exit, Failure> {
    if out.is_json() {
        out.line(answer)?;
        return Ok(Exit::Done);
    }
    let answer: Value = serde_json::from_slice(answer).map_err(Failure::no_node_there)?;
    let line = match answer["status"].as_str() {
        Some("done") => done,
        _ => waits,
    };
    out.line(line.as_bytes())?;
    Ok(Exit::Done)
}

async fn write_file(common: &Common, (what, path): (&str, &PathBuf), out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let text: Bytes = reach.ask(question::get(["community", what])).await?;
    if path.as_path() == Path::new("-") {
        out.raw(&text)?;
        return Ok(Exit::Done);
    }
    std::fs::write(path, &text).map_err(|error| Failure::file("write", path, &error))?;
    if out.is_json() {
        out.json(&json!({"file": path, "bytes": text.len()}))?;
    }
    say(format_args!("wrote the {what} to {}", path.display()));
    Ok(Exit::Done)
}

async fn pending(common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let found: Vec<Value> = reach.all(question::get(["community", "pending"])).await?;
    if out.is_json() {
        out.json(&found)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<[String; 5]> = found
        .iter()
        .map(|one| {
            let word = |name: &str| shown(one[name].as_str().unwrap_or_default());
            let mut votes = format!("{} of {}", one["approvals"], one["needed"]);
            if let Some(refusals @ 1..) = one["refusals"].as_u64() {
                votes.push_str(&format!(", {refusals} against"));
            }
            [word("asks"), word("slug"), word("name"), votes, word("subject")]
        })
        .collect();
    out.table(["ASKS", "MEMBER", "NAME", "APPROVALS", "SUBJECT"], &rows)?;
    Ok(Exit::Done)
}

async fn show(common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let answer = reach.ask(question::get(["community"])).await?;
    if out.is_json() {
        out.line(&answer)?;
        return Ok(Exit::Done);
    }
    let view: Value = reach.read(&answer)?;
    let word = |value: &Value| shown(value.as_str().unwrap_or_default());
    out.line(format!("community  {} ({})", word(&view["name"]), word(&view["community"])).as_bytes())?;
    let status = match view["refused"].as_str() {
        Some(code) => {
            let hours = view["refused_clock_ahead_s"].as_i64().map(|seconds| seconds / 3_600);
            let clock = hours.map_or(String::new(), |hours| {
                let way = if hours > 0 { "ahead of" } else { "behind" };
                format!(": its clock is {} hours {way} this node's, and one of the two is wrong", hours.abs())
            });
            format!("{}, refused [{}]{clock}", word(&view["status"]), shown(code))
        }
        None => word(&view["status"]),
    };
    out.line(format!("this node  {status}").as_bytes())?;
    out.line(format!("epoch      {}", view["epoch"]).as_bytes())?;
    out.line(format!("state      {}", word(&view["state_hash"])).as_bytes())?;
    if let Some(leaf) = view["told"]["leaf"].as_u64() {
        let same = view["told"]["state_hash"] == view["state_hash"];
        let of =
            if same { "says so" } else { "says an earlier one; the next meeting with a member brings it up" };
        out.line(format!("ledger     leaf {leaf} {of}").as_bytes())?;
    }
    out.line(
        format!("decisions  take {} of {} members with a vote", view["approvals"], view["voters"]).as_bytes(),
    )?;
    for (name, lines) in [("unknown", &view["unknown"]), ("disputed", &view["disputes"])] {
        for line in lines.as_array().into_iter().flatten() {
            out.line(format!("{name:<10} {}", word(line)).as_bytes())?;
        }
    }
    let rows: Vec<[String; 5]> = view["members"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|member| {
            let heard = match member["heard_s_ago"].as_i64() {
                Some(seconds) => format!("{seconds} s ago"),
                None => "-".to_owned(),
            };
            let cell = |name: &str| word(&member[name]);
            let until = leaves(member).map_or(String::new(), |until| format!(", leaves {until}"));
            [cell("slug"), cell("kind"), cell("status") + &until, heard, cell("endpoint")]
        })
        .collect();
    out.table(["MEMBER", "KIND", "STATUS", "HEARD OF", "ENDPOINT"], &rows)?;
    Ok(Exit::Done)
}
