//! What the tests need and this machine may lack: a Python environment with pinned packages, a browser, OpenSSL, cargo-fuzz.
//!
//! Each install says what it does and through which package manager. Nothing is installed twice; everything of Python
//! goes into a virtual environment under the target directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{answers, tee};

/// Names under which machines have a Chromium; `tests/outside/test_pages.py` looks for the same.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// The directory cargo builds into.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root.join(dir),
        None => root.join("target"),
    }
}

/// The Python of a virtual environment that holds the packages of `requirements`.
///
/// # Errors
/// When neither the machine nor its package manager can give a Python with venv, or a package cannot be installed.
pub(crate) fn python(root: &Path, requirements: &str, name: &str) -> Result<PathBuf> {
    let venv = target_dir(root).join(name);
    let python = venv.join("bin/python");
    let stamp = venv.join("installed.txt");
    let wanted = std::fs::read_to_string(root.join(requirements))
        .with_context(|| format!("cannot read {requirements}"))?;
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    create(&venv)?;
    println!("installing the packages of {requirements} from PyPI into {}", venv.display());
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements])
        .current_dir(root);
    if !tee(&mut pip)?.success {
        bail!("pip cannot install the packages of {requirements}");
    }
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}

fn create(venv: &Path) -> Result<()> {
    let make = || {
        let mut command = Command::new("python3");
        command.args(["-m", "venv", "--clear"]).arg(venv);
        tee(&mut command).is_ok_and(|ran| ran.success)
    };
    if make() {
        return Ok(());
    }
    apt(&["python3", "python3-venv", "python3-pip"])?;
    if make() { Ok(()) } else { bail!("cannot make a Python environment in {}", venv.display()) }
}

/// A Chromium for the tests of the pages. Where none can be had those tests skip themselves, and this says so.
pub(crate) fn browser() {
    if BROWSERS.iter().any(|name| answers(name, &["--version"])) {
        return;
    }
    if let Err(error) = apt(&["chromium"]) {
        println!("no browser, so the tests of the pages will be SKIPPED: {error:#}");
    }
}

/// OpenSSL's command for the tests over TLS. Where it cannot be had those tests skip themselves, and this says so.
pub(crate) fn openssl() {
    if answers("openssl", &["version"]) {
        return;
    }
    if let Err(error) = apt(&["openssl"]) {
        println!("no openssl, so the tests over TLS will be SKIPPED: {error:#}");
    }
}

/// Installs Debian packages, as root or through sudo.
pub(crate) fn apt(packages: &[&str]) -> Result<()> {
    println!("installing {} through apt-get", packages.join(", "));
    let prefix: &[&str] = if answers("sh", &["-c", "test $(id -u) = 0"]) { &[] } else { &["sudo", "-n"] };
    let run = |arguments: &[&str]| -> Result<bool> {
        let words: Vec<&str> = prefix.iter().chain(&["apt-get"]).chain(arguments).copied().collect();
        let (program, rest) = words.split_first().context("an apt-get command has words")?;
        Ok(tee(Command::new(program).args(rest).env("DEBIAN_FRONTEND", "noninteractive"))?.success)
    };
    let updated = run(&["update", "-q"])?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(packages);
    if updated && run(&install)? { Ok(()) } else { bail!("apt-get cannot install {}", packages.join(", ")) }
}

/// Whether fuzz targets can be built here; installs cargo-fuzz when only that is missing.
pub(crate) fn fuzzer() -> Result<bool> {
    if !answers("rustup", &["run", "nightly", "cargo", "--version"]) {
        return Ok(false);
    }
    if answers("cargo", &["fuzz", "--version"]) {
        return Ok(true);
    }
    println!("installing cargo-fuzz from crates.io");
    let ran = tee(Command::new("cargo").args(["install", "cargo-fuzz", "--locked", "--quiet"]))?;
    Ok(ran.success)
}
