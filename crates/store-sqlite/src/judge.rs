//! What an arriving version is to what is held: the rules of versions, in one collection.
//!
//! An object is judged against what its poster may know of in the same collection: the open versions, and restricted ones
//! whose rules let the poster see them. So the answer to a poster tells nothing of what is withheld from them. What other
//! members say is judged against what the same member said, whoever sees it: two members' words are never merged.
//!
//! A version follows those with its `created` and creator alone. With others it is no later version of them and revokes nothing; it
//! stands beside them as a lineage of its own, and its poster is told so: also where it has the date of one of theirs, or whoever says
//! something else under the identifier would keep the next version of its owner out, a revocation say. Of one lineage there is one content
//! for each date. Of what one member says there is, whatever its lineage, for members name to each other what they give by its date.

use base::limit;
use handling::{MemberId, Originator, Rules, Viewer};
use rusqlite::{CachedStatement, Row, ToSql};
use stix::version::{Verdict, VersionFacts, compare};
use store::{Batch, Conflict, Contradiction, Entry, LandedAs, LeavesBy};

use crate::error::{Done, damaged};
use crate::rules_rows;
use crate::sight::Sight;
use crate::version_rows::Arrival;
use crate::writer::Desk;

/// What the rules say.
pub(crate) enum Judged {
    /// Held already.
    Known {
        /// Since then.
        added: i64,
        /// By another member's word, and by none of this one's.
        word: Option<MemberId>,
    },
    /// To be stored so, or refused.
    Store(LandedAs),
}

/// Which versions of a collection new ones are judged against.
pub(crate) struct Judge {
    collection: i64,
    against: Against,
}

enum Against {
    /// Those that the poster may know of.
    Seen {
        eyes: Sight,
        /// The same eyes, also on what may not be used for this: what they count is all that the poster may have put in.
        deeds: Sight,
        home: Option<MemberId>,
    },
    /// Those by the word of the same originator.
    SameWord,
}

/// A version held already, as far as the rules need it.
struct Held {
    /// Whether it is of the owner of the new one.
    own: bool,
    place: String,
    added: i64,
    rules: i64,
    content: [u8; 32],
    revoked: bool,
    created_key: Option<String>,
    creator: Option<i64>,
}

/// Which of the versions held is asked for.
#[derive(Clone, Copy)]
enum Which<'a> {
    /// One of this moment that a new one may contradict: the owner's before others, and of those one with the same content.
    Of(&'a str),
    /// The latest with the `created` and creator of the new one.
    Latest,
    /// The latest of these by the owner.
    OwnLatest,
    /// What stands longest, of whichever lineage.
    Longest,
}

/// Whose word an entry is.
pub(crate) fn word(entry: &Entry) -> String {
    entry.rules.as_ref().map_or(Originator::Here, |rules| rules.originator().clone()).to_string()
}

fn refused(code: &'static str, reason: String) -> Judged {
    Judged::Store(LandedAs::Refused(Conflict { reason, code }))
}

impl Judge {
    /// Who judges what a batch brings.
    pub(crate) fn of(desk: &Desk<'_>, batch: &Batch, leaves: LeavesBy) -> Done<Self> {
        let collection = batch.writer.collection();
        let against = match leaves {
            LeavesBy::Step => Against::SameWord,
            LeavesBy::Store => {
                let on = |eyes: &Viewer| {
                    Sight::of_one(desk.sql(), eyes, collection)?
                        .ok_or_else(|| damaged("a writer has no eyes on the collection"))
                };
                let eyes = batch.writer.eyes();
                let home = eyes.standing().home;
                Against::Seen { eyes: on(eyes)?, deeds: on(&eyes.clone().for_deeds())?, home }
            }
        };
        Ok(Self { collection: collection.0, against })
    }

    /// Whether this node's people bring it, and not another member.
    pub(crate) const fn is_of_people(&self) -> bool {
        matches!(self.against, Against::Seen { .. })
    }

    /// What a version is to what is held of its object.
    pub(crate) fn judge(&self, desk: &Desk<'_>, arrival: &Arrival<'_>) -> Done<Judged> {
        let facts = &arrival.entry.facts;
        let Some(key) = &facts.modified_key else {
            return self.judge_observable(desk, arrival);
        };
        let Some(held) = self.met(desk, arrival, key)? else {
            return self.judge_first(desk, arrival);
        };
        let creators = [held.creator, arrival.creator].map(|no| no.map(|no| no.to_string()));
        let current = VersionFacts {
            modified: held.place.trim_start_matches('~'),
            created: held.created_key.as_deref().unwrap_or_default(),
            created_by_ref: creators[0].as_deref(),
            revoked: held.revoked,
            content: held.content,
        };
        let incoming = VersionFacts {
            modified: key,
            created: facts.created_key.as_deref().unwrap_or_default(),
            created_by_ref: creators[1].as_deref(),
            revoked: facts.revoked,
            content: facts.content_digest,
        };
        Ok(match compare(&current, &incoming) {
            // What is met has another `created` or creator only where one member said both, and both are of the same moment.
            Verdict::New | Verdict::CreatedChanged | Verdict::CreatorChanged => {
                Judged::Store(LandedAs::Accepted)
            }
            Verdict::Newer => Judged::Store(LandedAs::Newer),
            Verdict::Older => Judged::Store(LandedAs::Older),
            Verdict::Same => self.known(desk, arrival, (held.added, held.rules))?,
            Verdict::Conflict => refused(
                "version-conflict",
                "this version is held here with other content: the first one stays".to_owned(),
            ),
            Verdict::AfterRevocation => refused(
                "revoked-already",
                "the object was revoked by an earlier version held here".to_owned(),
            ),
        })
    }

    /// The first version of a lineage, as far as the poster may know: of these there are so many and no more, since each question that
    /// finds one of them looks at the others. All that this node's people have put in count together, whoever made it by what it says, and
    /// whatever it may be used for; what members say is counted by member.
    fn judge_first(&self, desk: &Desk<'_>, arrival: &Arrival<'_>) -> Done<Judged> {
        let mut count = desk.sql().prepare_cached(&format!(
            "SELECT count(DISTINCT h.lineage) FROM holding h WHERE h.object = ?2 AND {}",
            self.counts()
        ))?;
        let beside: u64 = self.ask(&mut count, (arrival, ""), |row| row.get(0))?.unwrap_or_default();
        if beside < limit::LINEAGES_MAX {
            return Ok(Judged::Store(LandedAs::Accepted));
        }
        Ok(refused(
            "lineages-max",
            format!("versions of this object with {beside} different `created` or creators are held here"),
        ))
    }

    /// An observable's version is its `date_added`: the same content is known, other content is a newer version.
    fn judge_observable(&self, desk: &Desk<'_>, arrival: &Arrival<'_>) -> Done<Judged> {
        let mut select = desk.sql().prepare_cached(&format!(
            "SELECT h.added, v.content_digest = ?7, h.rules FROM holding h JOIN version v ON v.no = h.version \
             WHERE h.object = ?2 AND {} ORDER BY 2 DESC, 1 LIMIT 1",
            self.meets()
        ))?;
        let held = self.ask(&mut select, (arrival, ""), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?, row.get::<_, i64>(2)?))
        })?;
        match held {
            None => Ok(Judged::Store(LandedAs::Accepted)),
            Some((added, true, rules)) => self.known(desk, arrival, (added, rules)),
            Some((_, false, _)) => Ok(Judged::Store(LandedAs::Newer)),
        }
    }

    /// What is held already, under these rules: people are told where it stands by another's word alone, for it goes with that.
    fn known(&self, desk: &Desk<'_>, arrival: &Arrival<'_>, (added, rules): (i64, i64)) -> Done<Judged> {
        let Against::Seen { home, .. } = &self.against else {
            return Ok(Judged::Known { added, word: None });
        };
        let word = match rules_rows::read(desk.sql(), rules)?.as_ref().map(Rules::originator) {
            Some(Originator::Member(member)) if Some(*member) != *home => *member,
            _ => return Ok(Judged::Known { added, word: None }),
        };
        let mut select = desk.sql().prepare_cached(&format!(
            "SELECT 1 FROM holding h JOIN version v ON v.no = h.version WHERE h.object = ?2 AND v.content_digest = ?7 AND {} LIMIT 1",
            self.counts()
        ))?;
        let own = self.ask(&mut select, (arrival, ""), |_| Ok(()))?;
        Ok(Judged::Known { added, word: own.is_none().then_some(word) })
    }

    /// Which holdings `h` are counted where there are only so many.
    fn counts(&self) -> String {
        match &self.against {
            Against::Seen { deeds, home, .. } => deeds.sees_own("h", *home),
            Against::SameWord => self.meets(),
        }
    }

    /// Which holdings `h` a new version is judged against; ?4 is whose word it is, ?5 the collection.
    fn meets(&self) -> String {
        match &self.against {
            Against::Seen { eyes, .. } => eyes.sees("h"),
            Against::SameWord => {
                let here = Originator::Here;
                format!(
                    "+h.collection = ?5 AND coalesce((SELECT r.originator FROM rules r WHERE r.no = h.rules), '{here}') = ?4"
                )
            }
        }
    }

    /// Whether a holding `h` among these is of the owner ?6: whom a new version follows, whatever others say.
    const fn is_own(&self) -> &'static str {
        match self.against {
            Against::Seen { .. } => "h.owner IS ?6",
            Against::SameWord => "?6 IS ?6",
        }
    }

    /// What of the versions of one moment is held against a new one of that moment, besides.
    fn has_date_for_itself(&self, follows: &str) -> String {
        match self.against {
            Against::Seen { .. } => format!(" AND {follows}"),
            Against::SameWord => String::new(),
        }
    }

    /// The first row of a question about an arrival and, where it has ?3, about a moment.
    fn ask<T>(
        &self,
        select: &mut CachedStatement<'_>,
        (arrival, key): (&Arrival<'_>, &str),
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Done<Option<T>> {
        let facts = &arrival.entry.facts;
        let word = word(arrival.entry);
        let asked: [&dyn ToSql; 8] = [
            &arrival.object,
            &key,
            &word,
            &self.collection,
            &arrival.owner,
            &facts.content_digest,
            &facts.created_key,
            &arrival.creator,
        ];
        match &self.against {
            // For deeds they look at the same collection, as the same user, at the same moment.
            Against::Seen { eyes, .. } => eyes.bind(select, &asked)?,
            Against::SameWord => {
                for (at, value) in (2..=select.parameter_count()).zip(asked) {
                    select.raw_bind_parameter(at, value)?;
                }
            }
        }
        let mut rows = select.raw_query();
        Ok(rows.next()?.map(read).transpose()?)
    }

    /// In what a version contradicts what its poster may know to stand here longest.
    pub(crate) fn contradiction(
        &self,
        desk: &Desk<'_>,
        arrival: &Arrival<'_>,
    ) -> Done<Option<Contradiction>> {
        // Nothing else is held of the object, whoever may see it.
        if arrival.lineage == 0 {
            return Ok(None);
        }
        let Some(longest) = self.held(desk, arrival, Which::Longest)? else { return Ok(None) };
        Ok(if longest.created_key != arrival.entry.facts.created_key {
            Some(Contradiction::Created)
        } else if longest.creator != arrival.creator {
            Some(Contradiction::Creator)
        } else {
            None
        })
    }

    /// Whether the owner of a version has one here with its `created` and creator.
    pub(crate) fn is_followed(&self, desk: &Desk<'_>, arrival: &Arrival<'_>) -> Done<bool> {
        Ok(self.held(desk, arrival, Which::OwnLatest)?.is_some())
    }

    /// The version that a new one with `key` is judged against. What its owner said comes first: a date that another put under
    /// the same identifier is no obstacle. The same content is the same, whoever brought it.
    fn met(&self, desk: &Desk<'_>, arrival: &Arrival<'_>, key: &str) -> Done<Option<Held>> {
        let content = arrival.entry.facts.content_digest;
        let same = self.held(desk, arrival, Which::Of(key))?;
        if let Some(held) = &same
            && (held.own || held.content == content)
        {
            return Ok(same);
        }
        let latest = self.held(desk, arrival, Which::Latest)?;
        if latest.as_ref().is_some_and(|held| held.own) {
            return Ok(latest);
        }
        let own = if latest.is_none() { None } else { self.held(desk, arrival, Which::OwnLatest)? };
        Ok(own.or(same).or(latest))
    }

    /// One version among those that count.
    fn held(&self, desk: &Desk<'_>, arrival: &Arrival<'_>, which: Which<'_>) -> Done<Option<Held>> {
        let follows = "v.created_key IS ?8 AND v.creator IS ?9";
        let latest = "h.place DESC, h.version";
        let (which, order, key) = match which {
            Which::Of(key) => {
                let of = self.has_date_for_itself(follows);
                (
                    format!("h.place IN (?3, '~' || ?3){of}"),
                    "7 DESC, v.content_digest = ?7 DESC, h.added",
                    key,
                )
            }
            Which::Latest => (follows.to_owned(), latest, ""),
            Which::OwnLatest => (format!("{follows} AND h.owner IS ?6"), latest, ""),
            Which::Longest => ("1".to_owned(), "h.version", ""),
        };
        let mut select = desk.sql().prepare_cached(&format!(
            "SELECT h.place, h.added, v.content_digest, v.revoked, v.created_key, v.creator, {}, h.rules \
             FROM holding h JOIN version v ON v.no = h.version \
             WHERE h.object = ?2 AND {which} AND {} ORDER BY {order} LIMIT 1",
            self.is_own(),
            self.meets()
        ))?;
        self.ask(&mut select, (arrival, key), |row| {
            Ok(Held {
                place: row.get(0)?,
                added: row.get(1)?,
                content: row.get(2)?,
                revoked: row.get(3)?,
                created_key: row.get(4)?,
                creator: row.get(5)?,
                own: row.get(6)?,
                rules: row.get(7)?,
            })
        })
    }
}
