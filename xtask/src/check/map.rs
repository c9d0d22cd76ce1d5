//! The crate map of ARCHITECTURE.md says what the workspace says.
//!
//! The map is the table between `<!-- crate map -->` and `<!-- end of crate map -->`; its first column is the layer (a
//! number or `dev`), its second the crate in backticks.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::check::Finding;
use crate::check::layers::{Layer, layer_of};
use crate::workspace::Workspace;

const FILE: &str = "ARCHITECTURE.md";
const START: &str = "<!-- crate map -->";
const END: &str = "<!-- end of crate map -->";

/// The findings about the map; the file must exist and hold one.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let path = workspace.root.join(FILE);
    if !path.is_file() {
        return Ok(vec![Finding::new(FILE, "is missing: it holds the crate map")]);
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {FILE}"))?;
    let Some(rows) = rows(&text) else {
        return Ok(vec![Finding::new(FILE, format!("no crate map between {START} and {END}"))]);
    };
    let mut findings = Vec::new();
    for member in &workspace.members {
        let Some(layer) = layer_of(&member.name) else { continue };
        let expected = match layer {
            Layer::Number(height) => height.to_string(),
            Layer::Dev => "dev".to_owned(),
        };
        match rows.get(&member.name) {
            None => findings.push(Finding::new(FILE, format!("the crate map lacks `{}`", member.name))),
            Some(drawn) if *drawn != expected => findings.push(Finding::new(
                FILE,
                format!(
                    "the crate map puts `{}` in layer {drawn}, the rules in layer {expected}",
                    member.name
                ),
            )),
            Some(_) => {}
        }
    }
    let known = |name: &str| workspace.members.iter().any(|member| member.name == name);
    let gone = rows.keys().filter(|name| !known(name));
    findings.extend(
        gone.map(|name| Finding::new(FILE, format!("the crate map names `{name}`, which is no member"))),
    );
    Ok(findings)
}

/// Crate to layer, as drawn.
fn rows(text: &str) -> Option<BTreeMap<String, String>> {
    let (_, rest) = text.split_once(START)?;
    let (table, _) = rest.split_once(END)?;
    let cells = table.lines().filter_map(|line| {
        let mut cells = line.trim().strip_prefix('|')?.split('|').map(str::trim);
        let layer = cells.next()?;
        let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        Some((name.to_owned(), layer.to_owned()))
    });
    Some(cells.collect())
}
