//! `cresset backup`: an encrypted copy of the node and the key file that goes with it, also while the node runs.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use node::{Node, UpkeepError};
use serde_json::json;

use crate::args::Common;
use crate::directory::{self, Access};
use crate::exit::{Exit, Failure};
use crate::out::{Out, counted, say, shown};
use crate::sealed::{self, Keys, Label};

/// Where the copy goes.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to write; it must not exist.
    file: PathBuf,
    /// Where the key file goes, without which objects in the copy cannot be read; one that is there is replaced and overwritten.
    /// Default: beside the copy, with `.keys` at its end.
    #[arg(long, value_name = "FILE", conflicts_with = "only_keys")]
    keys: Option<PathBuf>,
    /// Write no copy but only FILE as a key file, which opens earlier copies as far as nothing was erased since, and has the keys of this
    /// member too; one that is there is replaced and overwritten.
    #[arg(long)]
    only_keys: bool,
}

/// The node, and for whom what it writes is encrypted.
struct Source {
    node: Node,
    operator: handling::Principal,
    member: String,
    recipient: String,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, args: BackupArgs, out: &mut Out) -> Result<Exit, Failure> {
    common.only_here("cresset backup")?;
    if !args.only_keys && args.file.exists() {
        return Err(Failure::unreachable(format_args!(
            "{} exists and is not overwritten",
            args.file.display()
        )));
    }
    let source = source(common).await?;
    if args.only_keys {
        return only_keys(common, &source, &args.file, out).await;
    }
    let beside = named_after(&args.file, ".keys");
    let keys = args.keys.as_ref().unwrap_or(&beside);
    let label = both(common, &source, &args.file, keys).await?;
    // It is made, whether or not that can be noted.
    if let Err(error) = source.node.note_backup(&source.operator).await {
        say(format_args!("that this backup was made is not noted, so `doctor` does not tell of it: {error}"));
    }
    let size = |file: &Path| std::fs::metadata(file).map_or(0, |data| data.len());
    if out.is_json() {
        out.json(&json!({
            "member": source.member,
            "directory": common.data.display().to_string(),
            "file": args.file.display().to_string(),
            "bytes": size(&args.file),
            "keys": keys.display().to_string(),
            "keys_bytes": size(keys),
            "objects": label.objects,
            "sha256": label.sha256,
            "sequence": label.sequence,
        }))?;
    }
    // `restore` looks beside the copy by itself, and nowhere else.
    let elsewhere = if *keys == beside { String::new() } else { format!(" --keys {}", keys.display()) };
    say(format_args!(
        "wrote {} of {} ({}) with {}, and {}; only the recovery key opens them: try `cresset restore {0}{elsewhere} --verify-only \
         --recovery-key-file F`. Keep the newest key file only and destroy older ones: what was erased can be read with them",
        args.file.display(),
        shown(&source.member),
        common.data.display(),
        counted(label.objects, "object"),
        keys.display()
    ));
    common.tell_of_passing_over();
    Ok(Exit::Done)
}

async fn source(common: &Common) -> Result<Source, Failure> {
    let node = directory::open(&common.data, Access::Read, base::SystemClock::default())?;
    let operator = node.local_operator().await.map_err(|error| directory::failure(&error))?;
    let member = node.member().await.map_err(|error| directory::failure(&error))?;
    let member = member.map(|member| member.name).unwrap_or_default();
    let recipient = node.recovery_recipient().await.map_err(|error| directory::failure(&error))?;
    let recipient = recipient.ok_or_else(|| {
        Failure::unreachable("the node has no recovery key to seal for")
            .hint("make the node with `cresset init`")
    })?;
    Ok(Source { node, operator, member, recipient })
}

fn failed(error: &UpkeepError) -> Failure {
    if error.code() == directory::DAMAGED {
        return Failure::unverified(error).code(error.code()).hint(directory::EXAMINE);
    }
    Failure::unreachable(error).code(error.code())
}

/// Writes the key file alone.
async fn only_keys(common: &Common, source: &Source, file: &Path, out: &mut Out) -> Result<Exit, Failure> {
    let (part, keys) = begin_keys(source, file)?;
    let sink = Box::new(keys.sink());
    let written = source.node.backup_keys(&source.operator, sink).await.map_err(|error| failed(&error));
    let bytes = std::fs::metadata(&part).map_or(0, |data| data.len());
    written.and_then(|()| end_keys(keys, &part, file)).inspect_err(|_| discard(&part))?;
    if out.is_json() {
        out.json(&json!({
            "member": source.member,
            "directory": common.data.display().to_string(),
            "keys": file.display().to_string(),
            "keys_bytes": bytes,
        }))?;
    }
    say(format_args!(
        "wrote {} of {} ({}); it opens earlier copies as far as nothing was erased since: keep it instead of older key files",
        file.display(),
        shown(&source.member),
        common.data.display()
    ));
    common.tell_of_passing_over();
    Ok(Exit::Done)
}

/// Writes the copy and its key file, which gets its name first: a copy whose keys were lost is worth nothing.
async fn both(common: &Common, source: &Source, file: &Path, keys_file: &Path) -> Result<Label, Failure> {
    // The sealed copy stands where the plain store stands, readable by whoever can read that anyway, and goes away at once.
    let plain = tempfile::Builder::new().prefix("backup-").tempdir_in(&common.data);
    let plain = plain.map_err(|error| Failure::file("write into", &common.data, &error))?;
    let copy = plain.path().join("store");
    let (part, keys) = begin_keys(source, keys_file)?;
    let sink = Box::new(keys.sink());
    let report = source.node.backup(&source.operator, &copy, sink).await.map_err(|error| failed(&error));
    let label = report.and_then(|report| {
        let label = Label::of(source.member.clone(), &report);
        end_keys(keys, &part, keys_file)?;
        write(&copy, file, &source.recipient, &label)?;
        Ok(label)
    });
    label.inspect_err(|_| discard(&part))
}

type KeysToFile = Keys<BufWriter<File>>;

/// Begins a key file beside its place.
fn begin_keys(source: &Source, file: &Path) -> Result<(PathBuf, KeysToFile), Failure> {
    let part = named_after(file, ".part");
    let out = private(&part).map_err(|error| Failure::file("write", &part, &error))?;
    let keys = Keys::begin(&source.recipient, &source.member, BufWriter::new(out));
    Ok((part, keys.map_err(Failure::unreachable)?))
}

/// Ends a key file and puts it in its place. What was there is overwritten once the new one is durable: it may open what was
/// erased since.
fn end_keys(keys: KeysToFile, part: &Path, file: &Path) -> Result<(), Failure> {
    keys.finish().map_err(Failure::unreachable)?;
    let old = match OpenOptions::new().write(true).open(file) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::file("overwrite", file, &error)),
    };
    let placed = File::open(part).and_then(|part| part.sync_all()).and_then(|()| place(part, file));
    placed.map_err(|error| Failure::file("write", file, &error))?;
    if let Some(old) = old {
        overwrite(old).map_err(|error| {
            Failure::file("overwrite the former", file, &error).hint("the new key file is in its place")
        })?;
    }
    Ok(())
}

/// Renames, durably.
fn place(part: &Path, file: &Path) -> io::Result<()> {
    std::fs::rename(part, file)?;
    keep_name(file)
}

/// Has a file's name outlive a power cut.
fn keep_name(file: &Path) -> io::Result<()> {
    let parent = file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// The same for a copy, which is not there when that failed. A key file stays: the one before it is gone.
fn name(part: &Path, file: &Path) -> io::Result<()> {
    std::fs::rename(part, file)?;
    keep_name(file).inspect_err(|_| discard(file))
}

/// Writes zeros over a file that has no name any more.
fn overwrite(mut old: File) -> io::Result<()> {
    let mut left = old.metadata()?.len();
    let zeros = [0; 64 * 1024];
    while left > 0 {
        let piece =
            zeros.get(..usize::try_from(left).unwrap_or(zeros.len()).min(zeros.len())).unwrap_or(&zeros);
        old.write_all(piece)?;
        left = left.saturating_sub(piece.len() as u64);
    }
    old.sync_all()
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn named_after(file: &Path, end: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(end);
    file.with_file_name(name)
}

fn discard(part: &Path) {
    // Whether the useless rest can be removed changes nothing about the failure.
    let _ = std::fs::remove_file(part);
}

/// Writes beside the file and renames, so that a half-written file never passes for a copy.
fn write(copy: &Path, file: &Path, recipient: &str, label: &Label) -> Result<(), Failure> {
    let part = named_after(file, ".part");
    let sealed = File::create(&part).and_then(|out| Ok((out, File::open(copy)?)));
    let (out, plain) = sealed.map_err(|error| Failure::file("write", &part, &error))?;
    let written = sealed::seal(recipient, label, BufReader::new(plain), BufWriter::new(&out))
        .map_err(Failure::unreachable)
        .and_then(|()| out.sync_all().map_err(|error| Failure::file("write", &part, &error)))
        .and_then(|()| name(&part, file).map_err(|error| Failure::file("write", file, &error)));
    written.inspect_err(|_| discard(&part))
}
