//! Parcels of this node's own at relays as rows.

use base::Micros;
use base::signing::KeyId;
use federation::{Deposit, DepositMark, DepositState, Load};
use rusqlite::{Connection, Row};
use store::StoreError;

use crate::error::Done;
use crate::writer::Desk;

/// Remembers a parcel.
pub(crate) fn add(desk: &Desk<'_>, deposit: &Deposit) -> Done<()> {
    let mut insert = desk.sql().prepare_cached(
        "INSERT OR REPLACE INTO deposit (relay, route, digest, member, load, put, void) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)",
    )?;
    let DepositMark { relay, route, digest } = &deposit.at;
    let Deposit { to, load, put, .. } = deposit;
    insert.execute((relay.as_bytes(), route, digest, to.as_bytes(), load.to_bytes(), put.0))?;
    Ok(())
}

/// All that are remembered.
pub(crate) fn all(connection: &Connection) -> Done<Vec<Deposit>> {
    let mut select = connection.prepare_cached(
        "SELECT relay, route, digest, member, put, void, load FROM deposit ORDER BY put, relay, route, digest",
    )?;
    let row = |row: &Row<'_>| {
        let at =
            DepositMark { relay: KeyId::from_bytes(row.get(0)?), route: row.get(1)?, digest: row.get(2)? };
        let state = if row.get(5)? { DepositState::Void } else { DepositState::Stands };
        let (to, put) = (KeyId::from_bytes(row.get(3)?), Micros(row.get(4)?));
        Ok((Deposit { at, to, put, load: Load::default(), state }, row.get::<_, Vec<u8>>(6)?))
    };
    let mut deposits = Vec::new();
    for read in select.query_map([], row)? {
        let (deposit, load) = read?;
        let load = Load::from_bytes(&load)
            .ok_or_else(|| StoreError::Damaged("what was put at a relay cannot be read".into()))?;
        deposits.push(Deposit { load, ..deposit });
    }
    Ok(deposits)
}

/// Notes what becomes of parcels.
pub(crate) fn settle(desk: &Desk<'_>, settled: &[(DepositMark, DepositState)]) -> Done<()> {
    let which = "WHERE relay = ?1 AND route = ?2 AND digest = ?3";
    let mut void = desk.sql().prepare_cached(&format!("UPDATE deposit SET void = 1 {which}"))?;
    let mut delete = desk.sql().prepare_cached(&format!("DELETE FROM deposit {which}"))?;
    for (DepositMark { relay, route, digest }, state) in settled {
        let change = match state {
            DepositState::Stands => continue,
            DepositState::Void => &mut void,
            DepositState::Gone => &mut delete,
        };
        change.execute((relay.as_bytes(), route, digest))?;
    }
    Ok(())
}

/// Forgets what was put before a moment.
pub(crate) fn expire(desk: &Desk<'_>, before: Micros) -> Done<u64> {
    Ok(desk.sql().prepare_cached("DELETE FROM deposit WHERE put < ?1")?.execute([before.0])? as u64)
}
