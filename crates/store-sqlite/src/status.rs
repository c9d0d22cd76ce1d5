//! Status resources: who posted, when, and how each object ended.
//!
//! # Shape
//! The results are packed as one value: for each object its state (one byte), then id, version and message, each with its
//! length in four bytes; a missing message has the length `u32::MAX`.

use base::{Micros, limit};
use handling::UserNo;
use rusqlite::Connection;
use stix::Timestamp;
use store::{
    Batch, INHERITED, KNOWN_BY_ANOTHER, KNOWN_BY_ANOTHER_CODE, Landed, LandedAs, PerObject, StatusRow,
    StatusState,
};

use crate::error::{Done, damaged, found};

const NO_MESSAGE: u32 = u32::MAX;

/// The per-object results of a request: those decided before the commit, then the commit's own, as its writer may know them.
pub(crate) fn results(before: &[PerObject], batch: &Batch, landed: &[Landed]) -> Vec<PerObject> {
    let own = batch.entries.iter().zip(landed).map(|(entry, landed)| {
        let landed = landed.told_to(&batch.writer, batch.at);
        let version = match (&entry.facts.modified, landed.added) {
            (Some(modified), _) => modified.clone(),
            (None, Some(added)) => Timestamp::text_of(added),
            (None, None) => String::new(),
        };
        let (state, message) = match &landed.how {
            LandedAs::Refused(conflict) => {
                (StatusState::Failure, Some(format!("{} [{}]", conflict.reason, conflict.code)))
            }
            _ => (StatusState::Success, remark(&landed)),
        };
        PerObject { id: entry.facts.id.as_str().to_owned(), version, message, state }
    });
    before.iter().cloned().chain(own).collect()
}

/// What is to be said of what was taken.
fn remark(landed: &Landed) -> Option<String> {
    let beside = landed.contradicts.map(|one| format!("{} [{}]", one.words(), one.code()));
    let inherited = landed.inherited.as_ref().map(|_| INHERITED.to_owned());
    let anothers = landed.word.map(|_| format!("{KNOWN_BY_ANOTHER} [{KNOWN_BY_ANOTHER_CODE}]"));
    let remarks: Vec<String> = beside.into_iter().chain(inherited).chain(anothers).collect();
    (!remarks.is_empty()).then(|| remarks.join("; "))
}

/// Writes a status resource, and drops some that nobody will ask for any more.
pub(crate) fn write(connection: &Connection, batch: &Batch, id: &str, objects: &[PerObject]) -> Done<()> {
    connection
        .prepare_cached("INSERT INTO status (id, account, requested, objects) VALUES (?1, ?2, ?3, ?4)")?
        .execute((id, batch.writer.user().0, batch.at.0, pack(objects)))?;
    let too_old = batch.at.plus(-limit::STATUS_KEPT_SECONDS.saturating_mul(Micros::SECOND));
    connection
        .prepare_cached(
            "DELETE FROM status WHERE id IN (SELECT id FROM status WHERE requested < ?1 ORDER BY requested LIMIT 10)",
        )?
        .execute([too_old.0])?;
    Ok(())
}

/// Reads a status resource of `user`.
pub(crate) fn read(connection: &Connection, user: UserNo, id: &str) -> Done<StatusRow> {
    let mut select =
        connection.prepare_cached("SELECT requested, objects FROM status WHERE id = ?1 AND account = ?2")?;
    let row = select.query_row((id, user.0), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)));
    let (requested, packed) = found(row, "status")?;
    let objects = unpack(&packed).ok_or_else(|| damaged("a status is unreadable"))?;
    Ok(StatusRow { id: id.to_owned(), user, requested: Micros(requested), objects })
}

fn pack(objects: &[PerObject]) -> Vec<u8> {
    let mut out = Vec::with_capacity(objects.len() * 96);
    for object in objects {
        out.push(match object.state {
            StatusState::Success => 0,
            StatusState::Failure => 1,
            StatusState::Pending => 2,
        });
        for text in [Some(&object.id), Some(&object.version), object.message.as_ref()] {
            let length = text.map_or(NO_MESSAGE, |text| u32::try_from(text.len()).unwrap_or(NO_MESSAGE - 1));
            out.extend(length.to_be_bytes());
            out.extend(text.map_or(&[][..], |text| text.as_bytes()));
        }
    }
    out
}

fn unpack(mut packed: &[u8]) -> Option<Vec<PerObject>> {
    let mut objects = Vec::new();
    while let Some((state, rest)) = packed.split_first() {
        packed = rest;
        let state = match state {
            0 => StatusState::Success,
            1 => StatusState::Failure,
            2 => StatusState::Pending,
            _ => return None,
        };
        let (id, version, message) = (take(&mut packed)??, take(&mut packed)??, take(&mut packed)?);
        objects.push(PerObject { id, version, message, state });
    }
    Some(objects)
}

fn take(packed: &mut &[u8]) -> Option<Option<String>> {
    let (length, rest) = packed.split_first_chunk()?;
    let length = u32::from_be_bytes(*length);
    *packed = rest;
    if length == NO_MESSAGE {
        return Some(None);
    }
    let (text, rest) = packed.split_at_checked(usize::try_from(length).ok()?)?;
    *packed = rest;
    Some(Some(String::from_utf8(text.to_vec()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_and_unpacks() {
        let object = |message: Option<&str>, state| PerObject {
            id: "a--é".into(),
            version: String::new(),
            message: message.map(Into::into),
            state,
        };
        let objects = vec![
            object(None, StatusState::Success),
            object(Some(""), StatusState::Pending),
            object(Some("why"), StatusState::Failure),
        ];
        let packed = pack(&objects);
        assert_eq!(unpack(&packed).unwrap(), objects);
        assert!(unpack(&packed[..packed.len() - 1]).is_none());
        assert!(unpack(&[9]).is_none());
    }
}
