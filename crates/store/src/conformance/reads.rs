//! Every read of exchange's rows, over two of them that should be the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use base::Micros;
use base::signing::KeyId;
use federation::{Lane, MemoryRows, ObjectName, Read, Rows, state_hash};
use ledger::tile::{TILE_WIDTH, TileKind, TilePath};

use super::sample::{START, id};

/// Numbers that objects have in the stories.
const NUMBERS: u64 = 8;

fn same<T: PartialEq + std::fmt::Debug>(
    (maps, rows, told): (&MemoryRows, &dyn Rows, &str),
    what: &str,
    read: impl Fn(&dyn Rows) -> Read<T>,
) {
    let (expected, found) = (read(maps), read(rows));
    match (&expected, &found) {
        // How a failure is put into words is a backend's own.
        (Err(_), Err(_)) => {}
        _ => assert_eq!(found, expected, "{what} ({told})"),
    }
}

/// Compares every read.
pub(super) fn compare(maps: &MemoryRows, rows: &dyn Rows, members: &[KeyId], told: &str) {
    let both = (maps, rows, told);
    same(both, "own", |rows| rows.own());
    same(both, "mirrored", |rows| rows.mirrored());
    same(both, "state hash", |rows| state_hash(rows));
    same(both, "versions", |rows| {
        let mut all = rows.all_versions()?;
        all.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
        Ok(all)
    });
    same(both, "acts of before", |rows| {
        let all = rows.all_versions()?;
        let all =
            all.iter().map(|held| Ok(((held.name.clone(), held.version.clone()), rows.replaced(held)?)));
        all.collect::<Read<BTreeMap<_, _>>>()
    });
    same(both, "fates", |rows| {
        let mut all = rows.all_fates()?;
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    });
    for member in members {
        of_member(both, member);
    }
    what_waits(both);
}

/// Own versions that wait, and own versions in pages.
fn what_waits(both: (&MemoryRows, &dyn Rows, &str)) {
    for number in 0..NUMBERS {
        let object = id("indicator", number);
        same(both, "later", |rows| rows.later(&object));
    }
    for by in [i64::MIN, START.0, START.0 + 1, START.0 + 3, i64::MAX - 1, i64::MAX].map(Micros) {
        same(both, "later due", |rows| {
            let mut due = rows.later_due(by, 10_000)?;
            let looks: Vec<Micros> = due.iter().map(|row| row.look).collect();
            assert!(looks.is_sorted(), "the first due first");
            assert!(rows.later_due(by, 2)?.iter().map(|row| row.look).eq(looks.into_iter().take(2)));
            due.sort_by(|one, other| {
                (&one.object, &one.version, one.member).cmp(&(&other.object, &other.version, other.member))
            });
            Ok(due)
        });
    }
    // In which order the objects come is a backend's own, and stays.
    for limit in [1, 3, 10_000] {
        same(both, "own versions", |rows| {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let page = rows.own_versions(after, limit)?;
                after = page.last().map(|row| (row.name.id.clone(), row.version.clone()));
                let whole = page.len() == limit;
                all.extend(page);
                if !whole {
                    break;
                }
            }
            all.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
            Ok(all)
        });
    }
    same(both, "no own versions", |rows| rows.own_versions(None, 0));
    for limit in [1, 3, 10_000] {
        same(both, "versions of others", |rows| {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let page = rows.others_versions(after, limit)?;
                after = page.last().map(|row| (row.name.clone(), row.version.clone()));
                let whole = page.len() == limit;
                all.extend(page);
                if !whole {
                    break;
                }
            }
            all.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
            Ok(all)
        });
    }
}

fn of_member(both: (&MemoryRows, &dyn Rows, &str), member: &KeyId) {
    let (maps, ..) = both;
    same(both, "peer", |rows| rows.peer(member));
    same(both, "mirror", |rows| rows.mirror(member));
    for (after, most) in [(0, 1), (0, 10_000), (2, 3), (u64::MAX, 1)] {
        same(both, "owed", |rows| rows.owed(member, after, most));
    }
    same(both, "later for", |rows| rows.later_for(member));
    same(both, "witnessed", |rows| rows.witnessed(member));
    same(both, "awaited", |rows| rows.awaited(member));
    for lane in [Lane::Flash, Lane::Routine, Lane::Back] {
        let last = maps.peer(member).unwrap().queue(lane).last;
        for place in (0..=last.saturating_add(1)).chain([u64::MAX]) {
            same(both, "outbox", |rows| rows.outbox(member, lane, place));
        }
        for (from, to, most) in
            [(1, last.saturating_add(2), usize::MAX), (2, 4, usize::MAX), (1, last, 3), (3, 2, 9)]
        {
            same(both, "lines", |rows| {
                let mut lines = Vec::new();
                rows.lines(member, lane, from..=to, &mut |place, waiting| {
                    lines.push((place, waiting));
                    Ok(if lines.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
                })?;
                Ok(lines)
            });
        }
    }
    let known: BTreeSet<u64> =
        maps.acts().filter(|act| act.author == *member).map(|act| act.sequence).collect();
    let beyond = known.last().map_or(0, |last| last + 1);
    for sequence in known.into_iter().chain([beyond, u64::MAX]) {
        same(both, "answered", |rows| rows.answered(member, sequence));
        same(both, "act", |rows| rows.act(member, sequence));
        same(both, "payload", |rows| rows.payload(member, sequence));
        same(both, "receipts", |rows| rows.receipts(sequence));
    }
    for (from, limit) in [(0, 1), (0, 1_000), (3, 5), (beyond, 9), (0, 0), (u64::MAX, 1)] {
        same(both, "acts from", |rows| rows.acts_from(member, from, limit));
    }
    for number in 0..NUMBERS {
        let name = ObjectName { author: *member, id: id("indicator", number) };
        same(both, "versions of", |rows| rows.versions(&name));
        same(both, "fate", |rows| rows.fate(&name));
        same(both, "holders", |rows| rows.holders(&name));
        same(both, "passed on", |rows| rows.passed_on(&name));
        same(both, "consents", |rows| rows.consents(&name));
        for token in maps.consents(&name).unwrap() {
            same(both, "revoked", |rows| rows.revoked(member, &token.id));
        }
    }
    leaves(both, member);
}

/// Leaves and tiles, and none beyond them.
fn leaves(both: (&MemoryRows, &dyn Rows, &str), member: &KeyId) {
    let (maps, ..) = both;
    let mirrored = maps.mirror(member).unwrap().map_or(0, |row| row.size);
    let own = maps.own().unwrap().next;
    let size = if mirrored > 0 { mirrored } else { own };
    let width = u64::from(TILE_WIDTH);
    for (from, to) in [
        (0, size),
        (0, 0),
        (size / 2, size),
        (size.saturating_sub(1), size),
        (width - 1, width + 1),
        (width, width * 2),
        (size, size + 1),
        (0, size + 1),
    ] {
        same(both, "leaves", |rows| rows.leaves(member, from, to));
    }
    for level in 0..2_u8 {
        for index in 0..=size / width {
            for part in [1, 7, 44, TILE_WIDTH - 1, TILE_WIDTH] {
                let path = TilePath { kind: TileKind::Hashes(level), index, width: part };
                same(both, "tile", |rows| rows.tile(member, path));
            }
        }
    }
}
