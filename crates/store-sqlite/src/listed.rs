//! In which reports and groupings objects stand.

use std::collections::HashMap;

use base::limit::LISTED_PASSED_MAX;
use handling::Viewer;
use rusqlite::Connection;
use store::ListedIn;

use crate::edges::end;
use crate::error::Done;
use crate::ids;
use crate::runs::Runs;
use crate::sight::Sight;
use crate::writer::{name_no, object_no};

/// The reports and groupings that list each of these objects, the newest first, at most `most` of each.
pub(crate) fn listed_in(
    connection: &Connection,
    viewer: &Viewer,
    ids: &[&str],
    most: usize,
) -> Done<Vec<Vec<ListedIn>>> {
    listed_within(connection, viewer, (ids, most), LISTED_PASSED_MAX)
}

/// The same, passing over `passed_max` references of each object that are no answer before what lists is looked through instead.
pub(crate) fn listed_within(
    connection: &Connection,
    viewer: &Viewer,
    (ids, most): (&[&str], usize),
    passed_max: usize,
) -> Done<Vec<Vec<ListedIn>>> {
    let none = || vec![Vec::new(); ids.len()];
    let Some(sight) = Sight::of(connection, viewer)? else { return Ok(none()) };
    let Some(name) = name_no(connection, "object_refs")? else { return Ok(none()) };
    let mut kinds = Vec::new();
    for kind in ["report", "grouping"] {
        kinds.extend(name_no(connection, kind)?);
    }
    let listing = Listing { connection, sight: &sight, name, kinds, most };
    let (mut sources, mut rest) = (Vec::with_capacity(ids.len()), Vec::new());
    for (at, id) in ids.iter().enumerate() {
        let told = match object_no(connection, id)? {
            None => Some(Vec::new()),
            Some(object) => {
                let told = listing.of(object, passed_max)?;
                rest.extend(told.is_none().then_some((at, object)));
                told
            }
        };
        sources.push(told.unwrap_or_default());
    }
    listing.look_through(rest, &mut sources)?;
    // A page's objects mostly stand in the same few.
    let mut known: HashMap<i64, Option<ListedIn>> = HashMap::new();
    let mut answers = Vec::with_capacity(ids.len());
    for told in sources {
        let mut answer = Vec::with_capacity(told.len());
        for source in told {
            let report = match known.get(&source) {
                Some(report) => report.clone(),
                None => {
                    let id = ids::of_number(connection, source)?;
                    let report = end(connection, &sight, source)?.map(|report| ListedIn { id, report });
                    known.insert(source, report.clone());
                    report
                }
            };
            answer.extend(report);
        }
        answers.push(answer);
    }
    Ok(answers)
}

/// What lists objects, for one viewer, found in either of two ways that give the same: what refers to an object, or what the viewer sees that
/// lists anything. The first is short, but for an object to which very much refers that is withheld, or of other types (what was observed
/// refers to addresses); the second costs as much as the viewer sees.
struct Listing<'a> {
    connection: &'a Connection,
    sight: &'a Sight,
    /// The number of the name of such a reference.
    name: i64,
    /// The numbers of the types that list.
    kinds: Vec<i64>,
    most: usize,
}

impl Listing<'_> {
    /// The newest that list an object; `None` where more is passed over for them than `passed_max`.
    fn of(&self, object: i64, passed_max: usize) -> Done<Option<Vec<i64>>> {
        let kinds: Vec<String> = self.kinds.iter().map(ToString::to_string).collect();
        // A relationship may call itself so: what lists something says it of itself.
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT e.source, coalesce(v.object = e.source AND v.kind IN ({}) AND {}, 0) FROM edge e CROSS JOIN version v ON v.no = e.version \
             WHERE e.target = ?2 AND e.name = ?3 ORDER BY e.version DESC",
            kinds.join(","),
            self.sight.latest("v")
        ))?;
        self.sight.bind(&mut select, &[&object, &self.name])?;
        let mut rows = select.raw_query();
        let (mut told, mut passed) = (Vec::new(), 0_usize);
        while told.len() < self.most
            && let Some(row) = rows.next()?
        {
            let source: i64 = row.get(0)?;
            // Several may speak under one identifier.
            if row.get(1)? && !told.contains(&source) {
                told.push(source);
                continue;
            }
            passed = passed.saturating_add(1);
            if passed > passed_max {
                return Ok(None);
            }
        }
        Ok(Some(told))
    }

    /// The newest that list each of these objects, told in their places.
    fn look_through(&self, rest: Vec<(usize, i64)>, told: &mut [Vec<i64>]) -> Done<()> {
        if rest.is_empty() || self.kinds.is_empty() || self.most == 0 {
            return Ok(());
        }
        let mut latest = self.connection.prepare_cached(&format!(
            "SELECT v.object FROM version v WHERE v.no = ?2 AND {}",
            self.sight.latest("v")
        ))?;
        let mut lists = self
            .connection
            .prepare_cached("SELECT target FROM edge WHERE source = ?1 AND name = ?2 AND version = ?3")?;
        let mut places: HashMap<i64, Vec<usize>> = HashMap::new();
        for (at, object) in rest {
            places.entry(object).or_default().push(at);
        }
        let mut newest = Runs::of(self.connection, self.sight).newest(&self.kinds, i64::MAX)?;
        while !places.is_empty()
            && let Some(version) = newest.next()?
        {
            self.sight.bind(&mut latest, &[&version])?;
            let mut rows = latest.raw_query();
            let Some(source) = rows.next()?.map(|row| row.get::<_, i64>(0)).transpose()? else { continue };
            let mut targets = lists.query((source, self.name, version))?;
            while let Some(row) = targets.next()? {
                let object: i64 = row.get(0)?;
                let Some(at) = places.get_mut(&object) else { continue };
                at.retain(|at| {
                    let Some(told) = told.get_mut(*at) else { return false };
                    if !told.contains(&source) {
                        told.push(source);
                    }
                    told.len() < self.most
                });
                if at.is_empty() {
                    places.remove(&object);
                }
            }
        }
        Ok(())
    }
}
