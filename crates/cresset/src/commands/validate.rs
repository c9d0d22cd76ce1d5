//! `cresset validate`: a report on files for people; with --json one line per file.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use stix::Finding;

use super::import::read_input;
use crate::exit::{Exit, Failure};
use crate::out::{Out, counted, say, shown};

/// Files to be checked.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Files with an object or a bundle, also gzipped; `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Count what goes against a SHOULD of the specification as an error.
    #[arg(long)]
    strict: bool,
}

/// Runs the command: exits 1 when any file is invalid, and as its failure says when one cannot be read, which has a line that says why.
pub(crate) fn run(args: &ValidateArgs, out: &mut Out) -> Result<Exit, Failure> {
    out.answers_in_lines();
    let (mut invalid, mut exit) = (0_usize, Exit::Done);
    for file in &args.files {
        let name = file.display().to_string();
        let bytes = match read_input(file) {
            Ok(bytes) => bytes,
            Err(failure) => {
                exit = exit.max(failure.exit);
                tell_unread(&name, failure.or_code("file-unreadable"), out)?;
                continue;
            }
        };
        let verdict = stix::validate(&bytes, args.strict);
        invalid += usize::from(!verdict.valid);
        if out.is_json() {
            out.json(&json!({
                "file": name,
                "valid": verdict.valid,
                "errors": verdict.errors.iter().map(as_json).collect::<Vec<_>>(),
                "warnings": verdict.warnings.iter().map(as_json).collect::<Vec<_>>(),
            }))?;
            continue;
        }
        let word = if verdict.valid { "valid" } else { "not valid" };
        let [errors, warnings] = [(&verdict.errors, "error"), (&verdict.warnings, "warning")]
            .map(|(findings, noun)| counted(findings.len() as u64, noun));
        out.line(format!("{}: {word}, {errors}, {warnings}", shown(&name)).as_bytes())?;
        for (kind, findings) in [("error", &verdict.errors), ("warning", &verdict.warnings)] {
            for finding in findings {
                out.line(format!("  {kind} {}", shown(&finding.to_string())).as_bytes())?;
            }
        }
    }
    if invalid > 0 && !out.is_json() {
        say("`cresset explain CODE` tells more about the code in brackets");
    }
    Ok(if invalid > 0 { exit.max(Exit::No) } else { exit })
}

/// The line of a file that was not looked at.
fn tell_unread(name: &str, failure: Failure, out: &mut Out) -> Result<(), Failure> {
    say(format_args!("{failure}"));
    if out.is_json() {
        let error = json!({"code": failure.code, "path": "", "message": failure.message});
        out.json(&json!({"file": name, "valid": false, "errors": [error], "warnings": []}))?;
    }
    Ok(())
}

fn as_json(finding: &Finding) -> serde_json::Value {
    json!({"code": finding.code, "path": finding.path, "message": finding.message})
}
