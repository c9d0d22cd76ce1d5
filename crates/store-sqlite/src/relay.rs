//! Parcels kept for other members as rows.

use base::Micros;
use rusqlite::{Connection, OptionalExtension, Row};
use store::{RelayBounds, RelayHeld, RelayMark, RelayParcel, RelayPut};

use crate::error::Done;
use crate::writer::Desk;

/// Keeps a parcel in the place of the one under its route, where there is room.
pub(crate) fn put(desk: &Desk<'_>, parcel: &RelayParcel, bounds: &RelayBounds) -> Done<RelayPut> {
    expire(desk, bounds.since)?;
    let counted = number(parcel.bytes.len()).max(signed(bounds.bytes_least));
    if let Some(refused) = refused(desk, parcel, (counted, bounds))? {
        return Ok(refused);
    }
    let mut insert = desk.sql().prepare_cached(
        "INSERT INTO relay (route, digest, depositor, counted, at, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (route) DO UPDATE SET digest = excluded.digest, depositor = excluded.depositor, \
         counted = excluded.counted, at = excluded.at, bytes = excluded.bytes",
    )?;
    let RelayParcel { route, digest, bytes } = parcel;
    insert.execute((route, digest, bounds.depositor, counted, bounds.at.0, bytes))?;
    Ok(RelayPut::Kept)
}

/// Why there is no room for a parcel that counts so much; `None` where there is. What lies under its route counts no more.
fn refused(
    desk: &Desk<'_>,
    parcel: &RelayParcel,
    (counted, bounds): (i64, &RelayBounds),
) -> Done<Option<RelayPut>> {
    // Both are answered from the index alone.
    let mut own = desk.sql().prepare_cached(
        "SELECT COALESCE(SUM(counted), 0) - \
         COALESCE((SELECT counted FROM relay WHERE route = ?2 AND depositor = ?1), 0) \
         FROM relay WHERE depositor = ?1",
    )?;
    let own: i64 = own.query_row((bounds.depositor, parcel.route), |row| row.get(0))?;
    let own = own.saturating_add(counted);
    if own > signed(bounds.depositor_bytes_max) {
        return Ok(Some(RelayPut::ShareFull));
    }
    let mut others = desk.sql().prepare_cached(
        "SELECT COALESCE(SUM(MAX(held - ?3, 0)), 0) FROM (SELECT SUM(counted) - \
         COALESCE((SELECT counted FROM relay WHERE route = ?2 AND depositor = one.depositor), 0) AS held \
         FROM relay AS one WHERE depositor != ?1 GROUP BY depositor)",
    )?;
    let mut others_beyond = |least: i64| -> Done<i64> {
        Ok(others.query_row((bounds.depositor, parcel.route, least), |row| row.get(0))?)
    };
    let least = signed(bounds.depositor_bytes_least);
    let beyond = own.saturating_sub(least);
    if beyond > 0 && beyond.saturating_add(others_beyond(least)?) > signed(bounds.shared_bytes_max) {
        return Ok(Some(RelayPut::Full));
    }
    // Who comes and goes in the community changes what each has for itself.
    let full = own.saturating_add(others_beyond(0)?) > signed(bounds.bytes_max);
    Ok(full.then_some(RelayPut::Full))
}

/// What waits under routes.
pub(crate) fn waiting(
    connection: &Connection,
    routes: &[[u8; 16]],
    since: Micros,
    bytes_max: usize,
) -> Done<Vec<RelayParcel>> {
    let mut find =
        connection.prepare_cached("SELECT at, LENGTH(bytes) FROM relay WHERE route = ?1 AND at >= ?2")?;
    let mut found = Vec::new();
    for route in routes {
        let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, *route, row.get::<_, i64>(1)?));
        found.extend(find.query_row((route, since.0), row).optional()?);
    }
    found.sort_unstable();
    found.dedup();
    let mut read = connection.prepare_cached("SELECT digest, bytes FROM relay WHERE route = ?1")?;
    let (mut parcels, mut room) = (Vec::new(), number(bytes_max));
    for (_, route, size) in found {
        room = room.saturating_sub(size);
        if room < 0 && !parcels.is_empty() {
            break;
        }
        let parcel = |row: &Row<'_>| Ok(RelayParcel { route, digest: row.get(0)?, bytes: row.get(1)? });
        parcels.extend(read.query_row([route], parcel).optional()?);
    }
    Ok(parcels)
}

/// Drops parcels by route and digest.
pub(crate) fn drop_parcels(desk: &Desk<'_>, parcels: &[RelayMark]) -> Done<u64> {
    let mut delete =
        desk.sql().prepare_cached("DELETE FROM relay WHERE route = ?1 AND digest = COALESCE(?2, digest)")?;
    let mut dropped = 0u64;
    for (route, digest) in parcels {
        dropped = dropped.saturating_add(delete.execute((route, digest))? as u64);
    }
    Ok(dropped)
}

/// Drops what was put before a moment.
pub(crate) fn expire(desk: &Desk<'_>, before: Micros) -> Done<u64> {
    Ok(desk.sql().prepare_cached("DELETE FROM relay WHERE at < ?1")?.execute([before.0])? as u64)
}

/// What is kept.
pub(crate) fn held(connection: &Connection) -> Done<RelayHeld> {
    let mut count =
        connection.prepare_cached("SELECT COUNT(*), COALESCE(SUM(LENGTH(bytes)), 0) FROM relay")?;
    let held = |row: &Row<'_>| {
        let [parcels, bytes] = [row.get::<_, i64>(0)?, row.get(1)?];
        Ok(RelayHeld { parcels: parcels.unsigned_abs(), bytes: bytes.unsigned_abs() })
    };
    Ok(count.query_row([], held)?)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
