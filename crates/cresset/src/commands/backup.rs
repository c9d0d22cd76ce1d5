//! `cresset backup`: an encrypted copy of the node, also while it runs.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::args::Common;
use crate::directory::{self, Access};
use crate::exit::{Exit, Failure};
use crate::out::{Out, say};
use crate::sealed::{self, Label};

/// Where the copy goes.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to write; it must not exist.
    file: PathBuf,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, args: BackupArgs, out: &mut Out) -> Result<Exit, Failure> {
    common.only_here("cresset backup")?;
    if args.file.exists() {
        return Err(Failure::unreachable(format_args!(
            "{} exists and is not overwritten",
            args.file.display()
        )));
    }
    let node = directory::open(&common.data, Access::Read, base::SystemClock::default())?;
    let operator = node.local_operator().await.map_err(|error| directory::failure(&error))?;
    let member = node.member().await.map_err(|error| directory::failure(&error))?;
    let member = member.map(|member| member.name).unwrap_or_default();
    let recipient = node.recovery_recipient().await.map_err(|error| directory::failure(&error))?;
    let recipient = recipient.ok_or_else(|| {
        Failure::unreachable("the node has no recovery key to seal for")
            .hint("make the node with `cresset init`")
    })?;
    // The plain copy stands where the plain store stands, readable by whoever can read that anyway, and goes away at once.
    let plain = tempfile::Builder::new().prefix("backup-").tempdir_in(&common.data);
    let plain = plain.map_err(|error| Failure::file("write into", &common.data, &error))?;
    let copy = plain.path().join("store");
    let report = node
        .backup(&operator, &copy)
        .await
        .map_err(|error| Failure::unreachable(&error).code(error.code()))?;
    let label = Label::of(member, &report);
    write(&copy, &args.file, &recipient, &label)?;
    let size = std::fs::metadata(&args.file).map_or(0, |data| data.len());
    if out.is_json() {
        out.json(&json!({
            "file": args.file.display().to_string(),
            "bytes": size,
            "objects": label.objects,
            "sha256": label.sha256,
            "sequence": label.sequence,
        }))?;
    }
    say(format_args!(
        "wrote {} with {} objects; only the recovery key opens it: try `cresset restore {0} --verify-only --recovery-key-file F`",
        args.file.display(),
        label.objects
    ));
    Ok(Exit::Done)
}

/// Writes beside the file and renames, so that a half-written file never passes for a copy.
fn write(copy: &Path, file: &Path, recipient: &str, label: &Label) -> Result<(), Failure> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = file.with_file_name(name);
    let sealed = File::create(&part).and_then(|out| Ok((out, File::open(copy)?)));
    let (out, plain) = sealed.map_err(|error| Failure::file("write", &part, &error))?;
    let written = sealed::seal(recipient, label, BufReader::new(plain), BufWriter::new(&out))
        .map_err(Failure::unreachable)
        .and_then(|()| out.sync_all().map_err(|error| Failure::file("write", &part, &error)))
        .and_then(|()| std::fs::rename(&part, file).map_err(|error| Failure::file("write", file, &error)));
    if written.is_err() {
        // Whether the useless rest can be removed changes nothing about the failure.
        let _ = std::fs::remove_file(&part);
    }
    written
}
