//! `cresset restore`: an encrypted copy, opened with its key file and checked in full, becomes a node.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use store::{Absent, Restored, StoreError};

use crate::args::Common;
use crate::directory::{self, Access};
use crate::exit::{Exit, Failure};
use crate::out::{Out, counted, say, shown};
use crate::sealed::{self, Label, SealError};

/// What is to be restored.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The encrypted copy.
    file: PathBuf,
    /// A file with the recovery key that `cresset init` printed.
    #[arg(long, value_name = "FILE")]
    recovery_key_file: PathBuf,
    /// The key file that was written with the copy, or a later one of the same node; what was erased before it was written comes
    /// back erased. Default: the copy's own name with `.keys` at its end.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Restore without what the key file cannot open.
    #[arg(long)]
    leave_out: bool,
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
    let (label, restored) = tokio::task::block_in_place(|| restore(&args, &common.data))?;
    let report = &restored.copy;
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
            "erased": restored.erased,
            "unopened": restored.unopened,
        }))?;
    }
    let member = shown(&label.member);
    let objects = counted(report.objects, "object");
    let told = format!("{} of {member} holds {objects} and is whole", args.file.display());
    if args.verify_only {
        say(told);
    } else {
        say(format_args!("{told}; restored into {}", common.data.display()));
        common.tell_of_passing_over();
    }
    if restored.erased > 0 {
        let (versions, were, stay) = match restored.erased {
            1 => ("1 version".to_owned(), "was", "stays"),
            more => (counted(more, "version"), "were", "stay"),
        };
        say(format_args!("{versions} in it {were} erased since and {stay} so"));
    }
    if restored.unopened > 0 {
        say(format_args!(
            "left out of it, since it could not be opened: {}",
            counted(restored.unopened, "version or payload")
        ));
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

fn restore(args: &RestoreArgs, data: &Path) -> Result<(Label, Restored), Failure> {
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
    let mut keys = keys(args, &key)?;
    let keys = keys.as_mut().map(|keys| keys as &mut dyn Read);
    let absent = if args.leave_out { Absent::LeaveOut } else { Absent::Refuse };
    let verified = room.path().join("verified");
    let directory = if args.verify_only { &verified } else { data };
    match directory::restore_copy(&plain, keys, absent, directory) {
        Ok(restored) => Ok((label, restored)),
        Err(error @ StoreError::Damaged(_)) => Err(Failure::unverified(&error)),
        Err(error @ StoreError::KeysMissing { .. }) => Err(directory::failure(&error)
            .code(error.code())
            .hint("name the newest key file of the node with --keys FILE; --leave-out restores without what none opens")),
        Err(other) => Err(directory::failure(&other)),
    }
}

/// The key file, where there is one.
fn keys(args: &RestoreArgs, key: &str) -> Result<Option<impl Read + use<>>, Failure> {
    let mut beside = args.file.file_name().unwrap_or_default().to_owned();
    beside.push(".keys");
    let beside = args.file.with_file_name(beside);
    let path = args.keys.as_ref().unwrap_or(&beside);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if args.keys.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file("read", path, &error)),
    };
    let opened = sealed::open_keys(key, BufReader::new(file));
    opened
        .map(Some)
        .map_err(|error| Failure::unverified(format_args!("cannot open {}: {error}", path.display())))
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
