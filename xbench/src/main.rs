//! `cargo xtask bench`: measures the release binary from outside, over HTTP and pipes, and the libraries from inside.
//!
//! Every figure stands in `docs/PERFORMANCE.md` with the machine and the command it came from. Nothing here asserts: a
//! missed target is a word in a table, not a failed test.
#![expect(clippy::print_stdout, reason = "prints its tables")]

mod against;
mod exchange;
mod http;
mod library;
mod limits;
mod load;
mod machine;
mod members;
mod node;
mod proofs;
mod report;
mod server;
mod shares;
mod taxii;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use report::{Figure, write_section};

/// How much is measured, and where.
pub(crate) struct Plan {
    root: PathBuf,
    binary: PathBuf,
    /// Scratch space on the same disk as the build.
    dir: PathBuf,
    /// How long each closed loop runs.
    duration: Duration,
    /// Objects in the large store.
    large: usize,
    /// Objects that wait for a peer that was away.
    backlog: usize,
    /// Objects that go to every peer.
    exchanged: usize,
    against: bool,
    /// The one part to measure; all of them when none is named.
    only: Option<String>,
    write: bool,
}

impl Plan {
    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

fn main() -> Result<()> {
    let plan = plan()?;
    std::fs::create_dir_all(&plan.dir)?;
    let machine = machine::describe();
    println!("{machine}\n");
    let attack = load::attack(&plan.root)?;
    eprintln!("measuring the limits of this machine");
    let limits = limits::measure(&plan.dir.join("limits"), &attack.objects, plan.duration)?;
    let figures = figures(&plan, &attack, &limits)?;
    let table = report::table(&figures);
    println!("{table}");
    let command = if plan.against { "cargo xtask bench --against" } else { "cargo xtask bench" };
    let file = plan.root.join("docs/PERFORMANCE.md");
    let heading = format!("Measured with `{command}` on {machine}; loopback, client on the same cores.\n\n");
    if plan.write {
        write_section(&file, "figures", &format!("{heading}{table}"))?;
    }
    if plan.against || plan.only.as_deref() == Some("against") {
        let ratios = against(&plan, &attack)?;
        println!("{ratios}");
        if plan.write {
            write_section(&file, "against", &format!("{heading}{ratios}"))?;
        }
    }
    let _ = std::fs::remove_dir_all(&plan.dir);
    Ok(())
}

/// Every part that the plan wants, in the order of the table.
fn figures(plan: &Plan, attack: &load::Load, limits: &limits::Limits) -> Result<Vec<Figure>> {
    let mut figures: Vec<Figure> = Vec::new();
    if plan.wants("taxii") {
        figures.extend(node::small(plan, attack, limits)?);
    }
    if plan.wants("library") {
        figures.extend(library::validation(attack, limits, plan.duration)?);
        figures.extend(library::patterns(plan.duration)?);
        figures.extend(library::look_up(plan.large, plan.duration)?);
    }
    if plan.wants("exchange") {
        figures.extend(exchange::measure(plan)?);
        figures.extend(shares::measure(plan, attack)?);
    }
    if plan.wants("large") {
        figures.extend(node::large(plan)?);
    }
    Ok(figures)
}

fn plan() -> Result<Plan> {
    let target = machine::target_dir()?;
    let mut plan = Plan {
        root: machine::root()?,
        binary: target.join("release/cresset"),
        dir: target.join("bench"),
        duration: Duration::from_secs(5),
        large: 1_000_000,
        backlog: 20_000,
        exchanged: 100_000,
        against: false,
        only: None,
        write: true,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--against" => plan.against = true,
            "--only" => {
                plan.only = Some(
                    arguments.next().context("--only wants taxii, library, exchange, large or against")?,
                );
                plan.write = false;
            }
            "--quick" => {
                plan.duration = Duration::from_secs(1);
                plan.large = 100_000;
                plan.exchanged = 10_000;
                plan.write = false;
            }
            unknown => bail!("bench takes --against, --quick and --only PART, not {unknown:?}"),
        }
    }
    if !plan.binary.is_file() && plan.only.as_deref() != Some("library") {
        bail!("no binary at {}: run through `cargo xtask bench`, which builds it", plan.binary.display());
    }
    Ok(plan)
}

/// Two tables: a thousand objects, which every peer survives, and all of ATT&CK, which only the durable ones do.
///
/// OpenTAXII answers 500 to an object without `modified` (marking definitions, observables), so nobody is given those here.
fn against(plan: &Plan, attack: &load::Load) -> Result<String> {
    let taken: Vec<String> =
        attack.objects.iter().filter(|object| load::string_of(object, "modified").is_ok()).cloned().collect();
    let thousand = taken.get(..load::ENVELOPE_OBJECTS).context("fewer than a thousand objects")?;
    let mut text = String::new();
    for (title, objects) in [("1,000 objects", thousand), ("all versioned objects", &taken[..])] {
        let mut measured = vec![ours(plan, objects)?];
        if objects.len() == thousand.len() {
            measured.push(against::peer(plan, against::MEDALLION, objects)?);
        }
        measured.push(against::peer(plan, against::OPENTAXII, objects)?);
        let table =
            format!("{}, {title} ({}):\n\n{}\n", attack.name, objects.len(), against::table(&measured));
        // At once, for the slowest peer takes many minutes and may be broken off.
        eprintln!("{table}");
        text.push_str(&table);
    }
    Ok(text)
}

fn ours(plan: &Plan, objects: &[String]) -> Result<against::Measured> {
    let home = fresh(plan)?;
    let (server, _) = home.serve()?;
    against::operations("Cresset", &server, objects, plan.duration)
}

/// A new node with an empty collection.
pub(crate) fn fresh(plan: &Plan) -> Result<server::Home> {
    server::Home::fresh(&plan.binary, Path::new(&plan.dir.join("node")))
}
