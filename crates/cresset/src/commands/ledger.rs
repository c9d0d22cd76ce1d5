//! `cresset ledger`: the signed head, the proof of an object, and whether one head continues another.

use std::path::{Path, PathBuf};

use base::signing::PublicKey;
use clap::{Args, Subcommand};
use ledger::TreeHash;
use ledger::checkpoint::{Origin, SignedCheckpoint};
use ledger::note::{KeyKind, NoteKey};
use ledger::proof::verify_consistency;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::Common;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, say, shown};
use crate::reach::{Reach, question};

/// What to do with the ledger.
#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Print the head signed last: a C2SP checkpoint.
    Checkpoint,
    /// List what this member did and when, newest first, without what it was about: for administrators and auditors. JSON is one act a line.
    Acts(ActsArgs),
    /// Print the key by which heads of this ledger are verified: a C2SP verifier key.
    Key,
    /// Check that the head in one file continues the head in another. Exits 3 when it does not.
    Consistency(ConsistencyArgs),
    /// Write the file that proves how an object came in here, an act of this member's, or what another signed about it;
    /// `cresset verify` checks it anywhere.
    Proof(ProofArgs),
}

/// How many acts.
#[derive(Debug, Args)]
pub(crate) struct ActsArgs {
    /// At most so many; without it: the last 100.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Only those before this one.
    #[arg(long, value_name = "LEAF")]
    before: Option<u64>,
}

/// Two heads.
#[derive(Debug, Args)]
pub(crate) struct ConsistencyArgs {
    /// The earlier head, a file.
    old: PathBuf,
    /// The later head, a file.
    new: PathBuf,
}

/// An object to be proven.
#[derive(Debug, Args)]
pub(crate) struct ProofArgs {
    /// The object's id; of one that was called back or erased, the last that was said of it.
    #[arg(required_unless_present = "leaf", conflicts_with = "leaf")]
    id: Option<String>,
    /// In place of an object: the place of an act in this node's ledger, as `recall` and others tell it.
    #[arg(long, value_name = "N")]
    leaf: Option<u64>,
    /// What this member signed about the act, in place of the act.
    #[arg(long, value_name = "MEMBER")]
    receipt: Option<String>,
    /// The version, as its `modified` is written, or its `created` where it has none. Without it: the latest.
    #[arg(long, conflicts_with = "leaf", value_parser = super::object::version)]
    version: Option<String>,
    /// Where the proof goes; `-` = standard output.
    #[arg(long)]
    out: PathBuf,
}

/// What the API says of two heads.
#[derive(Deserialize)]
struct Continuation {
    hashes: Vec<String>,
    keys: Vec<String>,
}

/// A page of acts.
#[derive(Deserialize)]
struct Acts {
    items: Vec<Value>,
    next: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, command: LedgerCommand, out: &mut Out) -> Result<Exit, Failure> {
    match command {
        LedgerCommand::Checkpoint => checkpoint(common, out).await,
        LedgerCommand::Acts(args) => acts(common, &args, out).await,
        LedgerCommand::Key => key(common, out).await,
        LedgerCommand::Consistency(args) => consistency(common, &args, out).await,
        LedgerCommand::Proof(args) => proof(common, args, out).await,
    }
}

async fn checkpoint(common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let note = reach.ask(question::get(["ledger", "checkpoint"])).await?;
    if !out.is_json() {
        out.raw(&note)?;
        return Ok(Exit::Done);
    }
    let head = read(&note, "the node's head")?;
    out.json(&json!({
        "origin": head.checkpoint().origin.to_string(),
        "size": head.head().size,
        "root": head.head().root.to_string(),
        "note": head.to_string(),
    }))?;
    Ok(Exit::Done)
}

/// Acts asked for at once.
const ACTS_AT_ONCE: u64 = 1_000;

async fn acts(common: &Common, args: &ActsArgs, out: &mut Out) -> Result<Exit, Failure> {
    out.answers_in_lines();
    let reach = Reach::open(common, Access::Read).await?;
    let (mut left, mut next) = (args.limit, args.before.map(|leaf| leaf.to_string()));
    while left > 0 {
        let mut request = question::get(["ledger", "acts"]);
        request.query.push(("limit", left.min(ACTS_AT_ONCE).to_string()));
        request.query.extend(next.take().map(|cursor| ("next", cursor)));
        let page: Acts = reach.answer(request).await?;
        left = left.saturating_sub(page.items.len() as u64);
        for act in &page.items {
            if out.is_json() {
                out.json(act)?;
                continue;
            }
            let word = |name: &str| shown(act[name].as_str().unwrap_or("lost"));
            out.line(format!("{:>9}  {}  {}", act["leaf"], word("at"), word("kind")).as_bytes())?;
        }
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    Ok(Exit::Done)
}

/// Prints the key that the head signed last is verified with; with `--json` those that the member has replaced, too.
async fn key(common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let head = read(&reach.ask(question::get(["ledger", "checkpoint"])).await?, "the node's head")?;
    drop(reach);
    let (origin, size) = (&head.checkpoint().origin, head.head().size);
    let Known { keys, .. } = known(common, origin, (size, size)).await?;
    let signs = |key: &&NoteKey| head.verify(origin, std::slice::from_ref(*key)).is_ok();
    let present = keys.iter().find(signs).ok_or_else(|| {
        Failure::unverified("the head that was signed last is by none of the keys that this node tells")
    })?;
    if out.is_json() {
        let former: Vec<String> =
            keys.iter().filter(|key| *key != present).map(ToString::to_string).collect();
        out.json(&json!({"origin": origin.to_string(), "key": present.to_string(), "former": former}))?;
    } else {
        out.line(present.to_string().as_bytes())?;
    }
    Ok(Exit::Done)
}

async fn consistency(common: &Common, args: &ConsistencyArgs, out: &mut Out) -> Result<Exit, Failure> {
    let (old, new) = (read_file(&args.old)?, read_file(&args.new)?);
    let origin = &old.checkpoint().origin;
    if *origin != new.checkpoint().origin {
        return Err(Failure::unverified("the two heads are of different ledgers"));
    }
    let (before, after) = (old.head(), new.head());
    if before.size > after.size {
        return Err(Failure::unverified(format_args!(
            "the first head has {} leaves and the second {}: give the older one first",
            before.size, after.size
        )));
    }
    let Known { hashes, keys } = known(common, origin, (before.size, after.size)).await?;
    for (head, file) in [(&old, &args.old), (&new, &args.new)] {
        head.verify(origin, &keys).map_err(|error| {
            Failure::unverified(format_args!("{}: this ledger has not signed it: {error}", file.display()))
        })?;
    }
    if let Err(error) = verify_consistency(before, after, &hashes) {
        return Err(Failure::unverified(format_args!(
            "the head of {} leaves does not continue that of {}: {error}",
            after.size, before.size
        ))
        .hint("keep both, for this ledger has signed them: they are evidence that it has forked"));
    }
    if out.is_json() {
        let hashes: Vec<String> = hashes.iter().map(TreeHash::to_string).collect();
        out.json(&json!({"consistent": true, "old": before.size, "new": after.size, "proof": hashes}))?;
    } else {
        out.line(format!("the head of {} leaves continues that of {}", after.size, before.size).as_bytes())?;
    }
    Ok(Exit::Done)
}

/// What a node knows of its own ledger: how one size continues another, and by which keys its heads are signed.
struct Known {
    hashes: Vec<TreeHash>,
    keys: Vec<NoteKey>,
}

/// Asks the node whose ledger it is.
async fn known(common: &Common, of: &Origin, (old, new): (u64, u64)) -> Result<Known, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let own = read(&reach.ask(question::get(["ledger", "checkpoint"])).await?, "the node's head")?;
    if own.checkpoint().origin != *of {
        return Err(Failure::unverified(format_args!(
            "the heads are of another ledger than this node's: {} and not {}",
            of,
            own.checkpoint().origin
        ))
        .hint("ask the node of the member whose ledger it is, with --url"));
    }
    let mut request = question::get(["ledger", "consistency"]);
    request.query.push(("old", old.to_string()));
    request.query.push(("new", new.to_string()));
    let answer: Continuation = reach.answer(request).await?;
    let hashes = answer.hashes.iter().map(|text| text.parse::<TreeHash>());
    let hashes = hashes.collect::<Result<_, _>>().map_err(Failure::unreachable)?;
    let key = |text: &String| {
        let key = text.parse::<PublicKey>().map_err(Failure::unreachable)?;
        Ok(NoteKey::new(of.key_name().clone(), KeyKind::Ed25519, key))
    };
    Ok(Known { hashes, keys: answer.keys.iter().map(key).collect::<Result<_, Failure>>()? })
}

async fn proof(common: &Common, args: ProofArgs, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let leaf = args.leaf.map(|leaf| leaf.to_string());
    let mut request = match (&args.id, &leaf) {
        (_, Some(leaf)) => question::get(["ledger", "leaves", leaf, "proof"]),
        (id, None) => question::get(["ledger", "proofs", id.as_deref().unwrap_or_default()]),
    };
    request.query.extend(args.version.map(|version| ("version", version)));
    request.query.extend(args.receipt.map(|member| ("receipt", member)));
    let file = reach.ask(request).await?;
    if args.out == Path::new("-") {
        out.raw(&file)?;
        return Ok(Exit::Done);
    }
    std::fs::write(&args.out, &file).map_err(|error| Failure::file("write", &args.out, &error))?;
    if out.is_json() {
        out.json(&json!({"id": args.id, "leaf": args.leaf, "file": args.out, "bytes": file.len()}))?;
    } else {
        say(format_args!("check it anywhere with: cresset verify {}", args.out.display()));
    }
    Ok(Exit::Done)
}

fn read_file(path: &Path) -> Result<SignedCheckpoint, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
    read(&bytes, &path.display().to_string())
}

fn read(bytes: &[u8], what: &str) -> Result<SignedCheckpoint, Failure> {
    SignedCheckpoint::parse(bytes).map_err(|error| Failure::unverified(format_args!("{what}: {error}")))
}
