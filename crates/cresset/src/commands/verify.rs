//! `cresset verify`: whether a file proves what it says, without asking anyone.
//!
//! Exits 0 when it does, 3 when it does not, with the first thing that does not hold, and 4 when there is no such file.

use std::path::PathBuf;

use clap::Args;
use ledger::evidence::{Evidence, SplitView};
use ledger::proof_file::{ProofFile, Proven};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::out::{Out, shown};

/// A file to be checked.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A proof (`cresset ledger proof`), or evidence of a forked ledger.
    file: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: &VerifyArgs, out: &mut Out) -> Result<Exit, Failure> {
    let bytes = std::fs::read(&args.file).map_err(|error| Failure::file("read", &args.file, &error))?;
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        let evidence = Evidence::parse(&bytes).and_then(|evidence| evidence.verify());
        return tell_fork(&evidence.map_err(Failure::unverified)?, out);
    }
    let proof = ProofFile::parse(&bytes).map_err(Failure::unverified)?;
    let proven = proof.verify(None).map_err(Failure::unverified)?;
    tell_act(&proven, out)
}

fn tell_act(proven: &Proven, out: &mut Out) -> Result<Exit, Failure> {
    let header = proven.act.header();
    let object = header.object.as_ref();
    let at = stix::Timestamp::from_micros(header.at);
    if out.is_json() {
        out.json(&json!({
            "valid": true,
            "proves": "act",
            "kind": header.kind.name(),
            "member": header.author.to_string(),
            "at": at.as_str(),
            "object": object.map(|object| json!({"id": object.id, "version": object.version})),
            "payload": if proven.payload.is_some() { "shown" } else { "withheld" },
            "sequence": header.sequence,
            "head": {"size": proven.head.size, "root": proven.head.root.to_string()},
            "cosignatures": proven.cosignatures.len(),
            "registry": "none",
        }))?;
        return Ok(Exit::Done);
    }
    out.line(b"valid")?;
    out.line(format!("act       {} at {} (by the member's clock)", header.kind, at.as_str()).as_bytes())?;
    out.line(format!("member    {} (not compared with a registry)", header.author).as_bytes())?;
    if let Some(object) = object {
        out.line(
            format!("object    {} {}", shown(&object.id), shown(object.version.as_deref().unwrap_or("")))
                .as_bytes(),
        )?;
    }
    let payload = if proven.payload.is_some() { "is the one that was committed to" } else { "is not shown" };
    out.line(format!("payload   {payload}").as_bytes())?;
    out.line(format!("ledger    leaf {} of {}", header.sequence, proven.head.size).as_bytes())?;
    Ok(Exit::Done)
}

fn tell_fork(split: &SplitView, out: &mut Out) -> Result<Exit, Failure> {
    if out.is_json() {
        out.json(&json!({
            "valid": true,
            "proves": "split-view",
            "ledger": split.origin.to_string(),
            "key": split.key.to_string(),
            "claimed": {"size": split.claimed.size, "root": split.claimed.root.to_string()},
            "proven": {"size": split.claimed.size, "root": split.proven.to_string()},
            "larger": {"size": split.larger.size, "root": split.larger.root.to_string()},
        }))?;
        return Ok(Exit::Done);
    }
    out.line(b"valid: the ledger has forked")?;
    out.line(format!("ledger    {}", shown(&split.origin.to_string())).as_bytes())?;
    out.line(format!("key       {}", shown(&split.key.to_string())).as_bytes())?;
    let (size, claimed, proven) = (split.claimed.size, split.claimed.root, split.proven);
    out.line(
        format!(
            "it signed {claimed} for {size} leaves, and {proven} within its head of {}",
            split.larger.size
        )
        .as_bytes(),
    )?;
    Ok(Exit::Done)
}
