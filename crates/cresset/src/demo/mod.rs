//! `cresset demo`: three members and a secretariat, and a story told over real HTTP.
//!
//! Makes four nodes in a directory of their own, runs each as a process of its own, and plays the story of [`story`] against
//! them from outside: by the commands that anybody would type, run as processes, and by TAXII. Leaves the nodes running, or ends
//! with them when asked to. Decides nothing and reaches into no node's directory.

mod actor;
mod between;
mod home;
mod house;
mod site;
mod stage;
mod story;
mod teller;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::Common;
use crate::exit::{Exit, Failure};
use crate::out::Out;
use site::Site;
use stage::Stage;
use teller::{After, Teller};

/// What scripts read to go on where the story ends.
const RECORD: &str = "demo.json";

/// Where the demonstration plays.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// A directory for the demonstration's nodes; an earlier demonstration in it is replaced, unless it still runs.
    #[arg(long, default_value = "./cresset-demo", value_name = "DIR")]
    dir: PathBuf,
    /// The first of four ports in a row, one for each node; 0 takes any that are free.
    #[arg(long, default_value_t = 8400, value_name = "PORT")]
    port_base: u16,
    /// End after the story instead of leaving the nodes running.
    #[arg(long)]
    once: bool,
}

/// Runs the command: exits 1 when a step of the story does not go as told.
pub(crate) async fn run(common: &Common, args: DemoArgs, out: &mut Out) -> Result<Exit, Failure> {
    out.answers_in_lines();
    common.only_here("cresset demo")?;
    let site = Site::take(&args.dir, args.port_base)?;
    let mut stop = Stop::new()?;
    let mut teller = Teller::new(out);
    teller.begin()?;
    // Whoever does not want to hear the end: the nodes end with this process, however it ends.
    let mut stage = tokio::select! {
        set = Stage::set(&args.dir, site.ports()) => set?,
        () = stop.told() => return Ok(Exit::No),
    };
    record(&args.dir, &stage)?;
    let told = tokio::select! {
        told = story::tell(&mut stage, &mut teller) => Some(told),
        () = stop.told() => None,
    };
    let Some(told) = told.transpose()? else {
        stage.strike().await;
        return Ok(Exit::No);
    };
    record(&args.dir, &stage)?;
    let after = if args.once { After::Leave } else { After::Stay };
    teller.end(&stage, told, after)?;
    if told && after == After::Stay {
        stop.told().await;
    }
    stage.strike().await;
    Ok(if told { Exit::Done } else { Exit::No })
}

/// Writes where the nodes are and how to get in, for the owner of the directory alone.
fn record(dir: &Path, stage: &Stage) -> Result<(), Failure> {
    let path = dir.join(RECORD);
    let failed = |error: std::io::Error| Failure::file("write", &path, &error);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    file.write_all(format!("{:#}\n", stage.record()).as_bytes()).map_err(failed)
}

/// The wish to stop.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> Result<Self, Failure> {
        let hear = |kind| signal(kind).map_err(Failure::unreachable);
        Ok(Self { terminate: hear(SignalKind::terminate())?, interrupt: hear(SignalKind::interrupt())? })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
