//! What the figures were measured on, and how much memory a process holds. Reads `/proc`, so Linux only.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// One line about the machine: processor, cores, memory, system, compiler.
pub(crate) fn describe() -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory_kb: u64 =
        field("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or(0);
    let kernel = said("uname", &["-sr"]);
    let compiler = said("rustc", &["--version"]);
    format!("{cpu}, {cores} cores, {} GiB, {kernel}, {compiler}", memory_kb / 1024 / 1024)
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

/// What `program` prints, on one line.
pub(crate) fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Resident memory of a process now, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    memory(pid, "VmRSS")
}

/// Memory of a process that is no file's, in bytes.
pub(crate) fn anonymous_bytes(pid: u32) -> Result<u64> {
    memory(pid, "RssAnon")
}

/// The most a process ever had resident, in bytes.
pub(crate) fn resident_peak_bytes(pid: u32) -> Result<u64> {
    memory(pid, "VmHWM")
}

/// The peak of a process and of its children together (a server of several processes).
pub(crate) fn family_bytes(pid: u32) -> Result<u64> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let mut bytes = resident_peak_bytes(pid)?;
    for child in children.split_whitespace() {
        bytes += resident_peak_bytes(child.parse().context("not a process id")?)?;
    }
    Ok(bytes)
}

fn memory(pid: u32, name: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = field(&path, name).with_context(|| format!("no {name} in {path}"))?;
    let kb: u64 = text.split(' ').next().unwrap_or_default().parse().context("not a number of kilobytes")?;
    Ok(kb * 1024)
}

/// Seconds of a core that a process has used, all its threads together.
pub(crate) fn processor_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // the name, in parentheses, may hold anything
    let (_, numbers) = text.rsplit_once(')').context("not a line of /proc")?;
    let ticks = |at: usize| -> Result<u64> {
        Ok(numbers.split_whitespace().nth(at).context("a short line of /proc")?.parse()?)
    };
    let per_second = rustix::param::clock_ticks_per_second();
    Ok((ticks(11)? + ticks(12)?) as f64 / per_second as f64)
}

/// Nanoseconds of a core that the threads of a process have used which still run; what ended ones used is not in it.
pub(crate) fn processor_ns(pid: u32) -> Result<u64> {
    let tasks = format!("/proc/{pid}/task");
    let mut sum = 0;
    for task in std::fs::read_dir(&tasks).with_context(|| format!("cannot read {tasks}"))? {
        // A thread may end between the two looks.
        let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else { continue };
        sum += text.split_whitespace().next().context("an empty line of /proc")?.parse::<u64>()?;
    }
    Ok(sum)
}

/// Waits until a process has rested for a moment: a node writes text and folds its log back after what it was given.
pub(crate) fn rests(pid: u32) -> Result<()> {
    const LOOK: Duration = Duration::from_millis(500);
    let start = Instant::now();
    let mut before = processor_ns(pid)?;
    let mut still = 0;
    // A node looks for upkeep once a second.
    while still < 5 {
        if start.elapsed() > Duration::from_secs(120) {
            bail!("process {pid} does not come to rest within two minutes");
        }
        std::thread::sleep(LOOK);
        let now = processor_ns(pid)?;
        let used = Duration::from_nanos(now.saturating_sub(before));
        still = if used < LOOK / 50 { still + 1 } else { 0 };
        before = now;
    }
    Ok(())
}

/// The workspace's root.
pub(crate) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xbench stands in a directory of the workspace")?.to_path_buf())
}

/// The directory cargo builds into.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let root = root()?;
    Ok(match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root.join(dir),
        None => root.join("target"),
    })
}
