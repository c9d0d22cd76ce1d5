//! The workspace as its manifests describe it: crates, where they stand, and what they name.
//!
//! Reads `Cargo.toml` files directly instead of asking `cargo metadata`, so that a fixture of three small files is a
//! workspace too. Renamed dependencies are resolved to the name of the package they stand for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

/// How a crate names another: what ships, or what only tests see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `[dependencies]` and `[build-dependencies]`, also under `[target.*]`.
    Shipped,
    /// `[dev-dependencies]`.
    Dev,
}

/// One line of a manifest's dependency tables.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// A member of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Its directory, relative to the root, with `/` between the parts.
    pub(crate) dir: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// The whole workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) members: Vec<Member>,
    /// Every file that is tracked or would be, relative to the root.
    pub(crate) files: Vec<String>,
}

/// The root of the workspace this command was built in.
pub(crate) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask stands in a directory of the workspace")?.to_path_buf())
}

impl Workspace {
    /// Reads the workspace under `root`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let manifest = table(&root.join("Cargo.toml"))?;
        let workspace =
            manifest.get("workspace").and_then(Value::as_table).context("no [workspace] in Cargo.toml")?;
        let renames = renames(workspace.get("dependencies"));
        let mut members = Vec::new();
        for dir in member_dirs(root, workspace)? {
            members.push(member(root, &dir, &renames)?);
        }
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { root: root.to_path_buf(), members, files: files(root)? })
    }
}

fn table(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| format!("{} is not TOML", path.display()))
}

/// `members`, with a closing `/*` expanded to the directories that hold a manifest.
fn member_dirs(root: &Path, workspace: &Table) -> Result<Vec<String>> {
    let mut dirs = Vec::new();
    let patterns = workspace.get("members").and_then(Value::as_array).context("no members in [workspace]")?;
    for pattern in patterns.iter().filter_map(Value::as_str) {
        let Some(parent) = pattern.strip_suffix("/*") else {
            if pattern.contains('*') {
                bail!("cannot read the member pattern {pattern:?}: only a closing /* is understood");
            }
            dirs.push(pattern.to_owned());
            continue;
        };
        let parent_dir = root.join(parent);
        let entries = std::fs::read_dir(&parent_dir)
            .with_context(|| format!("cannot list {}", parent_dir.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.path().join("Cargo.toml").is_file() {
                dirs.push(format!("{parent}/{}", entry.file_name().to_string_lossy()));
            }
        }
    }
    dirs.sort();
    Ok(dirs)
}

fn member(root: &Path, dir: &str, renames: &BTreeMap<String, String>) -> Result<Member> {
    let manifest = table(&root.join(dir).join("Cargo.toml"))?;
    let package = manifest.get("package").and_then(Value::as_table);
    let name = package.and_then(|package| package.get("name")).and_then(Value::as_str);
    let name = name.with_context(|| format!("{dir}/Cargo.toml has no package name"))?.to_owned();
    let mut dependencies = Vec::new();
    collect(&manifest, renames, &mut dependencies);
    let targets = manifest.get("target").and_then(Value::as_table);
    for target in targets.iter().flat_map(|targets| targets.values()).filter_map(Value::as_table) {
        collect(target, renames, &mut dependencies);
    }
    Ok(Member { name, dir: dir.to_owned(), dependencies })
}

fn collect(manifest: &Table, renames: &BTreeMap<String, String>, into: &mut Vec<Dependency>) {
    let tables = [
        ("dependencies", Kind::Shipped),
        ("build-dependencies", Kind::Shipped),
        ("dev-dependencies", Kind::Dev),
    ];
    for (key, kind) in tables {
        let Some(entries) = manifest.get(key).and_then(Value::as_table) else { continue };
        for (alias, entry) in entries {
            let name =
                package_of(entry).or_else(|| renames.get(alias).cloned()).unwrap_or_else(|| alias.clone());
            into.push(Dependency { name, kind });
        }
    }
}

fn package_of(entry: &Value) -> Option<String> {
    entry.get("package").and_then(Value::as_str).map(str::to_owned)
}

/// Alias to package, for the workspace's dependencies that have another name than their package.
fn renames(dependencies: Option<&Value>) -> BTreeMap<String, String> {
    let entries = dependencies.and_then(Value::as_table).into_iter().flatten();
    entries.filter_map(|(alias, entry)| package_of(entry).map(|package| (alias.clone(), package))).collect()
}

/// What git tracks or would track; without git, every file outside `target` and dot directories.
fn files(root: &Path) -> Result<Vec<String>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output();
    let mut files = Vec::new();
    match listed {
        Ok(output) if output.status.success() && root.join(".git").exists() => {
            let text = String::from_utf8_lossy(&output.stdout);
            files.extend(text.split('\0').filter(|path| root.join(path).is_file()).map(str::to_owned));
        }
        _ => walk(root, String::new(), &mut files)?,
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn walk(root: &Path, start: String, into: &mut Vec<String>) -> Result<()> {
    let mut waiting = vec![start];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(root.join(&dir))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if dir.is_empty() { name.clone() } else { format!("{dir}/{name}") };
            if entry.file_type()?.is_file() {
                into.push(path);
            } else if !name.starts_with('.') && name != "target" {
                waiting.push(path);
            }
        }
    }
    Ok(())
}
