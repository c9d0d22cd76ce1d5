//! `cresset why`, `simulate`, `narrow`, and the options by which a command states how objects may be passed on.

use std::path::{Path, PathBuf};

use clap::Args;
use dial::{ApiRequest, Verb};
use serde_json::{Value, json};

use crate::args::{Common, names, trimmed};
use crate::commands::exchange::write_receipts;
use crate::commands::import::{INBOX, read_input};
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, counted, say, shown};
use crate::reach::{Reach, question};

/// How objects may be passed on.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct HandlingArgs {
    /// TLP level: clear, green, amber, amber+strict, red. An object's own stricter marking holds.
    #[arg(long, value_name = "COLOUR", value_parser = level)]
    tlp: Option<::stix::TlpLevel>,
    /// PAP level: clear, green, amber, red.
    #[arg(long, value_name = "COLOUR", value_parser = pap)]
    pap: Option<handling::Pap>,
    /// For these besides you, and nobody else: members, circles, `user:NAME`; several separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = trimmed, value_name = "MEMBER|CIRCLE|user:NAME")]
    to: Vec<String>,
    /// You are asked before it goes on to anybody else.
    #[arg(long)]
    originator_control: bool,
    /// Until then only the persons named may see it (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    embargo_until: Option<String>,
    /// From then on it is for nobody, and every node that has it destroys it (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    retain_until: Option<String>,
    /// Only for these purposes: awareness, defence, sharing; several separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "PURPOSE", value_parser = names(["awareness", "defence", "sharing"]))]
    purpose: Vec<String>,
    /// Other members are given it before everything that waits for them.
    #[arg(long)]
    flash: bool,
}

impl HandlingArgs {
    /// For whom, as it was written; empty where nobody is named.
    pub(crate) fn named(&self) -> String {
        self.to.join(", ")
    }

    /// Writes the options into a question.
    pub(crate) fn put(&self, request: &mut ApiRequest) {
        let query = &mut request.query;
        query.extend(self.tlp.map(|level| ("tlp", level.name().to_owned())));
        query.extend(self.pap.map(|level| ("pap", level.name().to_owned())));
        query.extend(self.to.iter().map(|name| ("to", name.clone())));
        if self.originator_control {
            query.push(("originator_control", "true".to_owned()));
        }
        query.extend(self.embargo_until.iter().map(|at| ("embargo_until", at.clone())));
        query.extend(self.retain_until.iter().map(|at| ("retain_until", at.clone())));
        if self.flash {
            query.push(("flash", "true".to_owned()));
        }
        query.extend(self.purpose.iter().map(|name| ("purpose", name.clone())));
    }
}

fn level(text: &str) -> Result<::stix::TlpLevel, String> {
    text.parse().map_err(|error: ::stix::UnknownLevel| error.to_string())
}

fn pap(text: &str) -> Result<handling::Pap, String> {
    text.parse().map_err(|error: handling::UnknownPap| error.to_string())
}

/// A moment, as people write it.
pub(super) fn moment(text: &str) -> Result<String, String> {
    let read = ::stix::Timestamp::from_rfc3339(text).map(|at| at.as_str().to_owned());
    read.map_err(|error| format!("{error}: like 2026-05-01T12:00:00Z or 2026-05-01T21:00:00+09:00"))
}

fn action(text: &str) -> Result<handling::Action, String> {
    text.parse().map_err(|error: handling::UnknownAction| error.to_string())
}

/// Whom and what a question of handling is about.
#[derive(Debug, Args)]
struct About {
    /// `user:NAME`, a member or a circle, `client:MEMBER`, `automation`, or `anyone`.
    #[arg(long = "for", value_name = "RECIPIENT")]
    recipient: String,
    /// see, search, count, export, pass-on or act. Without it: people see, members are given, automation acts.
    #[arg(long, value_parser = action)]
    action: Option<handling::Action>,
}

impl About {
    fn put(&self, request: &mut ApiRequest) {
        request.query.push(("for", self.recipient.clone()));
        request.query.extend(self.action.map(|action| ("action", action.name().to_owned())));
    }
}

/// A stored object and whom it might reach.
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The object's id.
    id: String,
    /// Of this version, as `history` names it; without it, of all that stand side by side under the id.
    #[arg(long)]
    version: Option<String>,
    #[command(flatten)]
    about: About,
}

/// An object that is not stored and whom it might reach.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// The file with the object; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    object: PathBuf,
    #[command(flatten)]
    about: About,
    /// The collection it would go to, by id or alias.
    #[arg(long, default_value = INBOX)]
    collection: String,
    #[command(flatten)]
    handling: HandlingArgs,
}

/// An object to be put under stricter rules.
#[derive(Debug, Args)]
pub(crate) struct NarrowArgs {
    /// The object's id.
    id: String,
    /// How long to wait for receipts of those who hold it, in seconds; at most 60.
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    wait: u64,
    #[command(flatten)]
    handling: HandlingArgs,
}

/// Says whether an object reaches somebody: exits 1 when it does not.
pub(crate) async fn why(common: &Common, args: WhyArgs, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let mut request = question::get(["objects", &args.id, "why"]);
    args.about.put(&mut request);
    request.query.extend(args.version.iter().map(|version| ("version", version.clone())));
    let judged: Value = reach.answer(request).await?;
    let exit = tell(&judged, &args.about.recipient, out)?;
    if judged["shared"] == json!(false) {
        say(format_args!(
            "allowed, and not shared yet: `cresset share {} --to ...` gives it",
            shown(&args.id)
        ));
    }
    Ok(exit)
}

/// Says whether objects that are not stored would reach somebody: exits 1 when one would not.
pub(crate) async fn simulate(common: &Common, args: SimulateArgs, out: &mut Out) -> Result<Exit, Failure> {
    out.answers_in_lines();
    let reach = Reach::open(common, Access::Write).await?;
    let bytes = read_input(&args.object)?;
    let path = ["collections", &args.collection, "simulate"];
    let mut request = question::post_bytes(path, bytes, "application/octet-stream");
    args.about.put(&mut request);
    args.handling.put(&mut request);
    let answer = reach.answer(request).await.map_err(|failure| unread(failure, &args.object));
    let answer: Value = answer?;
    let (mut exit, mut kept) = (Exit::Done, 0_u64);
    for judged in answer["judged"].as_array().into_iter().flatten() {
        if tell(judged, &args.about.recipient, out)? != Exit::Done {
            exit = Exit::No;
        }
        kept += u64::from(judged["shared"] == json!(false));
    }
    if kept > 0 {
        say(format_args!(
            "{} would be allowed, and not shared by this: name who is to have it with --to, or `cresset share` it afterwards",
            counted(kept, "object")
        ));
    }
    Ok(exit)
}

/// A file that was not read is named: its content alone was sent.
fn unread(mut failure: Failure, file: &Path) -> Failure {
    if failure.code.as_deref() == Some("format-unknown") {
        let why = failure.message.strip_prefix("cannot read the file: ").unwrap_or(&failure.message);
        failure.message = format!("cannot read {}: {why}", file.display());
    }
    failure
}

fn tell(judged: &Value, recipient: &str, out: &mut Out) -> Result<Exit, Failure> {
    let allowed = judged["decision"] == "allow";
    if out.is_json() {
        out.json(judged)?;
    } else {
        write_judged(judged, recipient, out)?;
        if judged["view"].is_object() {
            out.line(b"without its more strictly marked parts:")?;
            write_judged(&judged["view"], recipient, out)?;
        }
    }
    Ok(if allowed { Exit::Done } else { Exit::No })
}

fn write_judged(judged: &Value, recipient: &str, out: &mut Out) -> Result<(), Failure> {
    let word = |name: &str| shown(judged[name].as_str().unwrap_or_default());
    // Who is here reads what it may; to others only goes what somebody gives them.
    let here = recipient.starts_with("user:") || matches!(recipient, "automation" | "anyone");
    let verb = match (judged["decision"] == "allow", judged["shared"].as_bool()) {
        (true, Some(true)) => "reaches",
        (true, None) if here => "reaches",
        (true, _) => "may go to",
        (false, _) => "does not reach",
    };
    out.line(format!("{} {verb} {} [{}]", word("id"), shown(recipient), word("rule")).as_bytes())?;
    for reason in judged["reasons"].as_array().into_iter().flatten() {
        out.line(format!("  {}", shown(reason.as_str().unwrap_or_default())).as_bytes())?;
    }
    Ok(())
}

/// Puts an object under stricter rules: exits 1 when it is under these or stricter ones already, and no consent of before ends by it.
pub(crate) async fn narrow(common: &Common, args: NarrowArgs, out: &mut Out) -> Result<Exit, Failure> {
    let mut request = question::send(Verb::Post, ["objects", &args.id, "narrow"], &json!({}));
    args.handling.put(&mut request);
    if request.query.is_empty() {
        return Err(Failure::usage("narrow needs a stricter rule: --tlp, --pap, --to, --embargo-until, ..."));
    }
    request.query.push(("wait", args.wait.to_string()));
    let reach = Reach::open(common, Access::Write).await?;
    let answer: Value = reach.answer(request).await?;
    let versions = answer["versions"].as_u64().unwrap_or_default();
    let id = shown(&args.id);
    let told = answer["told"] == json!(true);
    if versions == 0 && told {
        say(format_args!("told those who have {id} for whom it is: consents of before for others end"));
    } else if versions == 0 {
        say(format_args!("nothing changed: {id} is under these or stricter rules already"));
    } else {
        say(format_args!("put {} of {id} under stricter rules", counted(versions, "version")));
    }
    for kept in answer["besides"].as_array().into_iter().flatten() {
        let kept = shown(kept.as_str().unwrap_or_default());
        say(format_args!(
            "{kept} stays as it was: others were given something of it that you do not see where you may write [given-besides]"
        ));
    }
    if out.is_json() {
        out.json(&answer)?;
    } else {
        write_receipts(&answer["receipts"], "under them", out)?;
    }
    let nothing = versions == 0 && !told;
    Ok(if nothing || answer["besides"].is_array() { Exit::No } else { Exit::Done })
}
