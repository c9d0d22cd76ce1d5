//! `cresset demo`: a node, a sample campaign, and a story told over real HTTP.
//!
//! Makes a node in a directory of its own, runs it as a process of its own, and plays the story of [`story`] against it from
//! outside, as any client would. Leaves the node running with its pages and TAXII, or ends with it when asked to.

mod actor;
mod stage;
mod story;
mod teller;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Common;
use crate::exit::{Exit, Failure};
use crate::out::Out;
use stage::Stage;
use teller::{After, Teller};

/// What scripts read to go on where the story ends.
const RECORD: &str = "demo.json";

/// Where the demonstration plays.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// A directory for the demonstration's node; an earlier demonstration in it is replaced.
    #[arg(long, default_value = "./cresset-demo", value_name = "DIR")]
    dir: PathBuf,
    /// The first port; the node listens there.
    #[arg(long, default_value_t = 8400, value_name = "PORT")]
    port_base: u16,
    /// End after the story instead of leaving the node running.
    #[arg(long)]
    once: bool,
}

/// Runs the command: exits 1 when a step of the story does not go as told.
pub(crate) async fn run(common: &Common, args: DemoArgs, out: &mut Out) -> Result<Exit, Failure> {
    common.only_here("cresset demo")?;
    clear(&args.dir)?;
    let mut teller = Teller::new(out);
    teller.begin()?;
    let mut stage = Stage::set(&args.dir, args.port_base).await?;
    record(&args.dir, &stage)?;
    let told = story::tell(&mut stage, &mut teller).await?;
    let after = if args.once { After::Leave } else { After::Stay };
    teller.end(&stage, told, after)?;
    if !told {
        stage.strike().await;
        return Ok(Exit::No);
    }
    if !args.once {
        wait_for_signal().await?;
    }
    stage.strike().await;
    Ok(Exit::Done)
}

/// Removes an earlier demonstration; refuses a directory that holds anything else.
fn clear(dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(|error| Failure::file("make", dir, &error))?;
    let entries = std::fs::read_dir(dir).map_err(|error| Failure::file("read", dir, &error))?;
    let names: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name())).collect();
    let ours = |name: &std::ffi::OsString| name == RECORD || name == stage::SLUG;
    if !names.iter().all(ours) {
        return Err(Failure::unreachable(format_args!("{} holds something else", dir.display()))
            .hint("name a new directory with --dir"));
    }
    for name in names {
        let path = dir.join(name);
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(|error| Failure::file("replace", &path, &error))?;
    }
    Ok(())
}

fn record(dir: &Path, stage: &Stage) -> Result<(), Failure> {
    let path = dir.join(RECORD);
    let nodes: Value = json!({"nodes": [stage.record()]});
    std::fs::write(&path, format!("{nodes:#}\n")).map_err(|error| Failure::file("write", &path, &error))
}

async fn wait_for_signal() -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::unreachable)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::unreachable)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
