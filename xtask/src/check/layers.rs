//! The direction of the arrows: a crate names only crates of a strictly lower layer.
//!
//! Also keeps the pure crates (layers 0 to 4) free of runtimes, sockets and databases, and every crate but the binary
//! from naming a storage backend. What only tests see (`[dev-dependencies]`) is exempt.

use anyhow::{Context, Result};

use crate::check::Finding;
use crate::workspace::{Dependency, Kind, Member, Workspace};

/// Where a crate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Part of the product; the number is the height.
    Number(u8),
    /// For developers: may name anything, and nothing of the product may name it.
    Dev,
}

/// Every crate and its layer. A new crate is entered here and in the crate map of ARCHITECTURE.md.
const LAYERS: &[(&str, Layer)] = &[
    ("base", Layer::Number(0)),
    ("stix", Layer::Number(1)),
    ("ledger", Layer::Number(1)),
    ("community", Layer::Number(1)),
    ("index", Layer::Number(2)),
    ("handling", Layer::Number(3)),
    ("federation", Layer::Number(3)),
    ("store", Layer::Number(4)),
    ("taxii", Layer::Number(4)),
    ("node", Layer::Number(5)),
    ("web", Layer::Number(6)),
    ("dial", Layer::Number(6)),
    ("store-sqlite", Layer::Number(6)),
    ("cresset", Layer::Number(7)),
    ("sim", Layer::Dev),
    ("xtask", Layer::Dev),
    ("xbench", Layer::Dev),
];

/// The highest layer that does no input and output of its own.
const PURE_LAYER_MAX: u8 = 4;

/// Crates that are an async runtime, a socket or a database. `async-trait` is none: it only rewrites signatures.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio-util",
    "tokio-rustls",
    "async-std",
    "smol",
    "async-io",
    "mio",
    "socket2",
    "polling",
    "hyper",
    "hyper-util",
    "reqwest",
    "ureq",
    "axum",
    "axum-server",
    "tower-http",
    "rustls",
    "native-tls",
    "quinn",
    "rusqlite",
    "libsqlite3-sys",
    "sqlx",
    "diesel",
    "postgres",
    "tokio-postgres",
    "deadpool-postgres",
    "redb",
    "fjall",
    "rocksdb",
    "heed",
    "lettre",
];

/// Sockets of the standard library. Addresses (`std::net::IpAddr`) are plain data and pass.
const SOCKETS: &[&str] =
    &["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixListener", "UnixDatagram"];

/// The layer of the crate called `name`.
pub(crate) fn layer_of(name: &str) -> Option<Layer> {
    LAYERS.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer)
}

/// The findings about every edge of the workspace, and about sockets in the pure crates.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for one in &workspace.members {
        findings.extend(member(one));
        if let Some(Layer::Number(height)) = layer_of(&one.name)
            && height <= PURE_LAYER_MAX
        {
            findings.extend(sockets(workspace, one, height)?);
        }
    }
    Ok(findings)
}

fn sockets(workspace: &Workspace, member: &Member, height: u8) -> Result<Vec<Finding>> {
    let source = format!("{}/src/", member.dir);
    let mut findings = Vec::new();
    for path in workspace.files.iter().filter(|path| path.starts_with(&source) && path.ends_with(".rs")) {
        let text = std::fs::read_to_string(workspace.root.join(path))
            .with_context(|| format!("cannot read {path}"))?;
        for (number, line) in text.lines().enumerate() {
            let hit = SOCKETS.iter().find(|socket| line.contains(*socket));
            findings.extend(hit.map(|socket| {
                let message =
                    format!("`{socket}` is a socket, and `{}` (layer {height}) must stay pure", member.name);
                Finding::new(format!("{path}:{}", number + 1), message)
            }));
        }
    }
    Ok(findings)
}

fn member(member: &Member) -> Vec<Finding> {
    let place = format!("{}/Cargo.toml", member.dir);
    let Some(layer) = layer_of(&member.name) else {
        let message = format!("crate `{}` has no layer: enter it in xtask/src/check/layers.rs", member.name);
        return vec![Finding::new(place, message)];
    };
    let Layer::Number(height) = layer else { return Vec::new() };
    let shipped = member.dependencies.iter().filter(|dependency| dependency.kind == Kind::Shipped);
    shipped
        .filter_map(|dependency| edge(&member.name, height, dependency))
        .map(|m| Finding::new(&place, m))
        .collect()
}

fn edge(from: &str, height: u8, dependency: &Dependency) -> Option<String> {
    let to = dependency.name.as_str();
    if is_backend(to) && from != "cresset" {
        return Some(format!("`{from}` names the backend `{to}`: only the binary wires a backend"));
    }
    match layer_of(to) {
        Some(Layer::Dev) => Some(format!("`{from}` names `{to}`, which is for developers only")),
        Some(Layer::Number(other)) if other > height => {
            Some(format!("upward edge: `{from}` (layer {height}) names `{to}` (layer {other})"))
        }
        Some(Layer::Number(other)) if other == height => {
            Some(format!("sideways edge: `{from}` and `{to}` both stand in layer {height}"))
        }
        Some(Layer::Number(_)) => None,
        None if height <= PURE_LAYER_MAX && IMPURE.contains(&to) => {
            Some(format!("`{from}` (layer {height}) must stay pure, but names `{to}`"))
        }
        None => None,
    }
}

fn is_backend(name: &str) -> bool {
    name.starts_with("store-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Dependency {
        Dependency { name: name.to_owned(), kind: Kind::Shipped }
    }

    #[test]
    fn downward_edges_pass_and_every_other_is_refused() {
        assert_eq!(edge("node", 5, &named("store")), None);
        assert_eq!(edge("cresset", 7, &named("store-sqlite")), None);
        assert_eq!(edge("stix", 1, &named("async-trait")), None);
        assert_eq!(edge("web", 6, &named("tokio")), None);
        assert!(edge("stix", 1, &named("node")).unwrap().starts_with("upward edge"));
        assert!(edge("web", 6, &named("dial")).unwrap().starts_with("sideways edge"));
        assert!(edge("web", 6, &named("store-sqlite")).unwrap().contains("backend"));
        assert!(edge("store", 4, &named("tokio")).unwrap().contains("pure"));
        assert!(edge("node", 5, &named("xtask")).unwrap().contains("developers"));
    }

    #[test]
    fn the_table_names_each_crate_once() {
        for (at, (name, _)) in LAYERS.iter().enumerate() {
            assert!(!LAYERS[..at].iter().any(|(earlier, _)| earlier == name), "{name} stands twice");
        }
    }
}
