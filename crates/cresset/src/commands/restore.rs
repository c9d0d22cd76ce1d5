//! `cresset restore`: an encrypted copy, checked in full, becomes a node.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use store::StoreError;

use crate::args::Common;
use crate::directory::{self, Access};
use crate::exit::{Exit, Failure};
use crate::out::{Out, say};
use crate::sealed::{self, Label, SealError};

/// What is to be restored.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The encrypted copy.
    file: PathBuf,
    /// A file with the recovery key that `cresset init` printed.
    #[arg(long, value_name = "FILE")]
    recovery_key_file: PathBuf,
    /// Check the copy in full and make nothing of it.
    #[arg(long)]
    verify_only: bool,
}

/// Runs the command: exits 3 when the copy is not whole or not for this key.
pub(crate) async fn run(common: &Common, args: RestoreArgs, out: &mut Out) -> Result<Exit, Failure> {
    common.only_here("cresset restore")?;
    if !args.verify_only {
        must_be_empty(&common.data)?;
    }
    let (label, report) = tokio::task::block_in_place(|| restore(&args, &common.data))?;
    if label.sha256 != hex::encode(report.digest) {
        return Err(Failure::unverified("the copy holds another store than its label says"));
    }
    let recovering = if args.verify_only { false } else { begin(common).await? };
    if out.is_json() {
        out.json(&json!({
            "verified": true,
            "restored": !args.verify_only,
            "recovering": recovering,
            "member": label.member,
            "objects": report.objects,
            "sha256": label.sha256,
            "sequence": report.sequence,
        }))?;
    }
    let told = format!("{} holds {} objects and is whole", args.file.display(), report.objects);
    if args.verify_only {
        say(told);
    } else {
        say(format_args!("{told}; restored into {}", common.data.display()));
    }
    if recovering {
        say(
            "its member is in a community: `cresset serve` takes back what it lost, and serves then; `cresset node recover` tells \
             whom it waits for",
        );
    }
    Ok(Exit::Done)
}

/// Begins the recovery; whether there is one, which is where other members may have something to give back.
async fn begin(common: &Common) -> Result<bool, Failure> {
    let node = directory::open(&common.data, Access::Write, base::SystemClock::default())?;
    node.keep_ledger().await.map_err(|error| directory::failure(&error))?;
    Ok(node.is_recovering())
}

fn restore(args: &RestoreArgs, data: &Path) -> Result<(Label, store::BackupReport), Failure> {
    let key = std::fs::read_to_string(&args.recovery_key_file);
    let key = key.map_err(|error| Failure::file("read", &args.recovery_key_file, &error))?;
    let file = File::open(&args.file).map_err(|error| Failure::file("read", &args.file, &error))?;
    let room = if args.verify_only {
        tempfile::tempdir()
    } else {
        std::fs::create_dir_all(data)
            .and_then(|()| tempfile::Builder::new().prefix("restore-").tempdir_in(data))
    };
    let room = room.map_err(|error| Failure::file("write into", data, &error))?;
    let plain = room.path().join("store");
    let target = File::create(&plain).map_err(|error| Failure::file("write", &plain, &error))?;
    let label =
        sealed::open(&key, BufReader::new(file), BufWriter::new(target)).map_err(|error| match error {
            SealError::Io(error) => Failure::file("write", &plain, &error),
            other => Failure::unverified(format_args!("cannot open {}: {other}", args.file.display())),
        })?;
    let report =
        if args.verify_only { directory::verify_copy(&plain) } else { directory::restore_copy(&plain, data) };
    let report = report.map_err(|error| match error {
        StoreError::Damaged(_) => Failure::unverified(&error),
        other => directory::failure(&other),
    })?;
    Ok((label, report))
}

fn must_be_empty(data: &Path) -> Result<(), Failure> {
    let mut entries = match std::fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::file("read", data, &error)),
    };
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(Failure::unreachable(format_args!("{} is not empty", data.display()))
            .hint("restore into a new directory: --data EMPTYDIR")),
    }
}
