//! Running other programs: their output passes through line by line and is kept, so that it can be counted.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use anyhow::{Context, Result};

/// What a program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) success: bool,
    /// Both streams, by line, in the order they came.
    pub(crate) text: String,
}

/// Runs `command` without standard input, prints what it prints, and keeps it.
pub(crate) fn tee(command: &mut Command) -> Result<Ran> {
    println!("+ {}", shown(command));
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.with_context(|| format!("cannot start {}", shown(command)))?;
    let (sender, lines) = channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
    ];
    let readers: Vec<_> =
        streams.into_iter().flatten().map(|stream| pass_on(stream, sender.clone())).collect();
    drop(sender);
    let mut text = String::new();
    for line in lines {
        println!("{line}");
        text.push_str(&line);
        text.push('\n');
    }
    for reader in readers {
        reader.join().expect("invariant: a reader only reads and sends");
    }
    let status = child.wait().with_context(|| format!("lost {}", shown(command)))?;
    Ok(Ran { success: status.success(), text })
}

fn pass_on(stream: Box<dyn Read + Send>, to: Sender<String>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            line.clear();
            if to.send(text).is_err() {
                return;
            }
        }
    })
}

/// Whether `program arguments` runs and succeeds; prints nothing.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// `cargo` with `arguments`, in the workspace.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    // xtask itself runs under cargo, which sets variables that would leak the outer call's choices into this one.
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    command
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_are_kept_and_failure_is_seen() {
        let ran = tee(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"])).unwrap();
        assert!(!ran.success);
        assert!(ran.text.contains("out\n") && ran.text.contains("err\n"));
        assert!(tee(Command::new("sh").args(["-c", "true"])).unwrap().success);
        assert!(tee(&mut Command::new("/no/such/program")).is_err());
    }
}
