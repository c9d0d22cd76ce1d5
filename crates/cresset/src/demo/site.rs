//! Where a demonstration plays: its directory, which no two have at once, and four ports that nobody else has.
//!
//! Everything that may be refused is asked before anything of an earlier demonstration is removed.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use super::RECORD;
use super::stage::{MEMBERS, PAPERS};
use crate::directory;
use crate::exit::Failure;

/// The directory and the ports of one demonstration.
#[derive(Debug)]
pub(crate) struct Site {
    ports: [u16; 4],
    /// Held until the demonstration ends, however it ends: who comes here meanwhile sees that it is taken.
    _directory: File,
}

impl Site {
    /// Takes the directory and removes an earlier demonstration in it.
    ///
    /// # Errors
    /// A port is taken, another demonstration or a node runs in the directory, or it holds anything else: nothing was removed then.
    pub(crate) fn take(dir: &Path, port_base: u16) -> Result<Self, Failure> {
        std::fs::create_dir_all(dir).map_err(|error| Failure::file("make", dir, &error))?;
        let names = entries(dir)?;
        if !names.iter().all(|name| name.to_str().is_some_and(is_ours)) {
            return Err(Failure::unreachable(format_args!("{} holds something else", dir.display()))
                .hint("name a new directory with --dir"));
        }
        let ports = ports(port_base)?;
        let directory = hold(dir)?;
        // Before the ports, which a demonstration that runs here has too: this says more.
        let nodes = hold_nodes(dir, &names)?;
        ports.into_iter().try_for_each(must_be_free)?;
        for name in names {
            let path = dir.join(name);
            let removed =
                if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.map_err(|error| Failure::file("replace", &path, &error))?;
        }
        drop(nodes);
        Ok(Self { ports, _directory: directory })
    }

    /// The ports, in the order of the members; 0 = any that is free.
    pub(crate) const fn ports(&self) -> [u16; 4] {
        self.ports
    }
}

fn entries(dir: &Path) -> Result<Vec<OsString>, Failure> {
    let entries = std::fs::read_dir(dir).map_err(|error| Failure::file("read", dir, &error))?;
    let names: io::Result<Vec<_>> = entries.map(|entry| entry.map(|entry| entry.file_name())).collect();
    names.map_err(|error| Failure::file("read", dir, &error))
}

/// Whether a demonstration makes something of this name.
fn is_ours(name: &str) -> bool {
    let of_a_member = |name: &str| MEMBERS.iter().any(|member| member.slug == name);
    name == RECORD
        || name == PAPERS
        || of_a_member(name)
        || name.strip_suffix(".log").is_some_and(of_a_member)
}

/// Takes the directory for this process; the operating system gives it back when the process ends.
fn hold(dir: &Path) -> Result<File, Failure> {
    let file = File::open(dir).map_err(|error| Failure::file("open", dir, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(running(dir)),
        Err(TryLockError::Error(error)) => Err(Failure::file("take", dir, &error)),
    }
}

/// Takes every node that an earlier demonstration has left, as whoever opens it would.
fn hold_nodes(dir: &Path, names: &[OsString]) -> Result<Vec<directory::Held>, Failure> {
    let nodes = MEMBERS.iter().filter(|member| names.iter().any(|name| name == member.slug));
    let held = nodes.map(|member| {
        let path = dir.join(member.slug);
        match directory::hold(&path) {
            Ok(held) => Ok(held),
            Err(store::StoreError::Busy { .. }) => Err(running(dir)),
            Err(error) => Err(directory::failure(&error)),
        }
    });
    held.flat_map(Result::transpose).collect()
}

fn running(dir: &Path) -> Failure {
    Failure::unreachable(format_args!("a demonstration is running in {}: nothing of it was touched", dir.display()))
        .hint("end that one with Ctrl-C where it runs, or name another directory with --dir and other ports with --port-base")
}

fn must_be_free(port: u16) -> Result<(), Failure> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(Failure::unreachable(format_args!("port {port} is taken by another program"))
                .hint("choose four free ones in a row with --port-base, or any with --port-base 0"))
        }
        Err(error) => Err(Failure::unreachable(format_args!("cannot listen on port {port}: {error}"))
            .hint("choose others with --port-base")),
    }
}

/// Four ports in a row; none in particular from 0 on.
fn ports(first: u16) -> Result<[u16; 4], Failure> {
    let ports = [0, 1, 2, 3].map(|more| if first == 0 { Some(0) } else { first.checked_add(more) });
    match ports {
        [Some(a), Some(b), Some(c), Some(d)] => Ok([a, b, c, d]),
        _ => Err(Failure::usage(format_args!("four ports from {first} on are more than there are"))
            .hint("choose a lower one with --port-base")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_ports_in_a_row_or_any() {
        assert_eq!(ports(8400).unwrap(), [8400, 8401, 8402, 8403]);
        assert_eq!(ports(0).unwrap(), [0; 4]);
        assert!(ports(65_532).is_ok() && ports(65_533).is_err());
    }

    /// An earlier demonstration stays where this one cannot play, and goes where it can.
    #[test]
    fn nothing_is_removed_before_everything_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let (record, node) = (dir.path().join(RECORD), dir.path().join("cert-aldermoor"));
        std::fs::write(&record, "{}").unwrap();
        std::fs::create_dir(&node).unwrap();
        std::fs::write(node.join("cresset.db"), "").unwrap();
        let refused = |why: &str, port| {
            let said = Site::take(dir.path(), port).unwrap_err().to_string();
            assert!(said.contains(why) && record.exists() && node.exists(), "{said}");
        };
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port().min(65_532);
        refused("is taken by another program", port);
        drop(taken);
        let held = directory::hold(&node).unwrap();
        assert!(held.is_some());
        refused("a demonstration is running in", 0);
        drop(held);
        let site = Site::take(dir.path(), 0).unwrap();
        assert!(!record.exists() && !node.exists());
        std::fs::write(&record, "{}").unwrap();
        std::fs::create_dir(&node).unwrap();
        refused("a demonstration is running in", 0);
        drop(site);
        assert!(Site::take(dir.path(), 0).is_ok());
    }
}
