//! `cargo xtask bench`: builds the release binary and the measuring program, and lets the second measure the first.
//!
//! The measuring itself stands in the crate `xbench`, so that nothing here has to be built for `check` and `test`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::run::{cargo, tee};

/// Builds both with the release profile and runs `xbench` with `arguments`.
pub(crate) fn command(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let binaries = ["build", "--release", "--package", "cresset", "--package", "xbench"];
    let example = ["build", "--release", "--package", "store-sqlite", "--example", "measure"];
    for what in [&binaries[..], &example[..]] {
        if !tee(&mut cargo(root, what))?.success {
            return Ok(ExitCode::FAILURE);
        }
    }
    let mut measure = cargo(root, &["run", "--release", "--quiet", "--package", "xbench", "--"]);
    let measured = tee(measure.args(arguments))?;
    Ok(if measured.success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
