//! The ledger at the writer's desk: leaves in the transaction of what they tell, tiles and a signed head at its end.
//!
//! What is in memory here never runs ahead of what is stored: a unit that fails takes its leaves back, and so does a commit
//! that fails. A head is signed inside the transaction that stores it, so that none is shown which could be lost.

use base::Micros;
use base::signing::{KeyId, PublicKey};
use handling::Rules;
use ledger::TreeHash;
use ledger::act::{Act, ActKind, ActObject, Header};
use ledger::checkpoint::{Origin, SignedCheckpoint};
use ledger::commitment::Salt;
use ledger::growing::{Growing, Mark};
use ledger::head::{HeadError, HeadKeeper};
use ledger::note::{KeyKind, NoteKey};
use ledger::short::{self, Common};
use ledger::tile::{Tile, TileKind, TilePath};
use rusqlite::{Connection, OptionalExtension};
use store::{Batch, Entry, Landed, LandedAs, LedgerAuthor, StoreError};

use crate::error::{Done, Fail, damaged};
use crate::writer::Desk;

/// The ledger of the member whose node this is.
#[derive(Debug)]
pub(crate) struct Book {
    author: LedgerAuthor,
    keeper: HeadKeeper,
    growing: Growing,
    /// Whether acts may be written.
    hold: Hold,
    /// How it stood at the last commit.
    settled: BookMark,
    /// What the headers written last have in common, and the number of its row.
    common: Option<(Common, i64)>,
}

/// Whether a ledger may grow by acts of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It may.
    Free,
    /// Leaves that were lost come back: nothing else is written, and no head signed.
    TakingBack,
}

/// How a ledger stood.
#[derive(Clone, Debug)]
pub(crate) struct BookMark(Mark, HeadKeeper, Hold);

impl Book {
    /// Takes up the ledger as it is stored, after comparing the head signed last with the leaves.
    pub(crate) fn open(connection: &Connection, author: LedgerAuthor) -> Done<Self> {
        let origin = Origin::of_member(&author.member);
        let size = leaf_count(connection)?;
        let growing = Growing::resume(size, |path| tile(connection, path));
        let growing = growing.map_err(|error| match error {
            ledger::growing::ResumeError::Tile(fail) => fail,
            missing @ ledger::growing::ResumeError::Missing(_) => damaged(&missing.to_string()),
        })?;
        let keeper = match head(connection)? {
            None if size == 0 => HeadKeeper::new(origin, &*author.signer),
            None => return Err(damaged("the ledger has leaves and no head")),
            Some(note) => {
                let stored = SignedCheckpoint::parse(note.as_bytes());
                let stored = stored.map_err(|error| damaged(&format!("the head of the ledger: {error}")))?;
                author
                    .resume(&stored)
                    .map_err(|error| damaged(&format!("the head of the ledger: {error}")))?
            }
        };
        if keeper.signed().is_some_and(|signed| signed != growing.head()) {
            return Err(damaged("the head of the ledger is not that of its leaves"));
        }
        let hold = held(connection)?;
        let settled = BookMark(growing.mark(), keeper.clone(), hold);
        Ok(Self { author, keeper, growing, hold, settled, common: None })
    }

    /// Whose ledger it is.
    pub(crate) const fn member(&self) -> KeyId {
        self.author.member
    }

    /// Leaves in it, those of the present transaction too.
    pub(crate) const fn size(&self) -> u64 {
        self.growing.size()
    }

    /// How the ledger stands, to go back to when a unit fails.
    pub(crate) fn mark(&self) -> BookMark {
        BookMark(self.growing.mark(), self.keeper.clone(), self.hold)
    }

    /// Takes back what a failed unit added.
    pub(crate) fn go_back(&mut self, BookMark(mark, keeper, hold): &BookMark) {
        self.growing.go_back(mark);
        self.keeper = keeper.clone();
        self.hold = *hold;
        self.common = None;
    }

    /// A recovery began, went on or ended in the present transaction.
    pub(crate) fn look_again(&mut self, connection: &Connection) -> Done<()> {
        self.hold = held(connection)?;
        Ok(())
    }

    /// Whether leaves that were lost come back.
    pub(crate) fn takes_back(&self) -> bool {
        self.hold == Hold::TakingBack
    }

    /// Adds leaves that were given back.
    pub(crate) fn take_leaves(&mut self, connection: &Connection, leaves: &[TreeHash]) -> Done<()> {
        if !self.takes_back() {
            return Err(ours(&"a leaf without its act outside a recovery"));
        }
        let mut insert =
            connection.prepare_cached("INSERT INTO bare_leaf (sequence, hash) VALUES (?1, ?2)")?;
        for leaf in leaves {
            let sequence = i64::try_from(self.growing.append(*leaf)).map_err(|error| ours(&error))?;
            insert.execute((sequence, leaf.0))?;
        }
        Ok(())
    }

    /// Takes a head that this member once signed over the leaves that were given back as its last.
    pub(crate) fn take_head(&mut self, connection: &Connection, note: &str) -> Done<()> {
        let stored = SignedCheckpoint::parse(note.as_bytes()).map_err(|error| ours(&error))?;
        self.keeper = self.author.resume(&stored).map_err(|error| ours(&error))?;
        if stored.head() != self.growing.head() {
            return Err(ours(&"a head that is not that of the leaves given back with it"));
        }
        self.write_tiles(connection)?;
        write_head(connection, stored.head().size, note)
    }

    /// Puts an act that was given back where so far only its hash stands; without a salt where nobody gave back its payload.
    pub(crate) fn fill(
        connection: &Connection,
        act: &Act,
        (object, salt): (Option<i64>, Option<&Salt>),
    ) -> Done<()> {
        let sequence = i64::try_from(act.header().sequence).map_err(|error| ours(&error))?;
        let bare = connection
            .prepare_cached("DELETE FROM bare_leaf WHERE sequence = ?1 AND hash = ?2")?
            .execute((sequence, act.leaf().0))?;
        if bare == 1 {
            connection
                .prepare_cached("INSERT INTO leaf (sequence, object, header, salt) VALUES (?1, ?2, ?3, ?4)")?
                .execute((sequence, object, act.bytes(), salt.map(|salt| salt.as_bytes().as_slice())))?;
        }
        Ok(())
    }

    /// Writes what changed into the transaction: tiles, and the head that covers every leaf.
    pub(crate) fn write(&mut self, connection: &Connection) -> Done<()> {
        let next = self.growing.head();
        let signed = self.keeper.signed();
        if signed.is_some_and(|signed| signed.size == next.size) {
            return Ok(());
        }
        if self.takes_back() && next.size > 0 {
            return Err(StoreError::Recovering.into());
        }
        self.write_tiles(connection)?;
        let proof = self.growing.continues(signed.map_or(0, |signed| signed.size));
        let proof = proof.map_err(|error| ours(&error))?;
        let note = self.keeper.sign(next, &proof, &*self.author.signer).map_err(|error| ours(&error))?;
        write_head(connection, next.size, &note.to_string())
    }

    fn write_tiles(&self, connection: &Connection) -> Done<()> {
        let mut put =
            connection.prepare_cached("INSERT OR REPLACE INTO tile (no, hashes) VALUES (?1, ?2)")?;
        for (path, tile) in self.growing.changed() {
            put.execute((tile_no(path)?, tile.to_bytes()))?;
        }
        Ok(())
    }

    /// The transaction is durable.
    pub(crate) fn committed(&mut self) {
        self.growing.settle();
        self.settled = self.mark();
    }

    /// The transaction is lost.
    pub(crate) fn lost(&mut self) {
        let settled = self.settled.clone();
        self.go_back(&settled);
    }

    /// Adds the act that an object came in.
    fn received(
        &mut self,
        connection: &Connection,
        (entry, rules): (&Entry, Option<&Rules>),
        (object, at): (i64, Micros),
        salt: Salt,
    ) -> Done<()> {
        if self.takes_back() {
            return Err(StoreError::Recovering.into());
        }
        let commitment = salt.commit(&entry.bytes);
        let facts = &entry.facts;
        let header = Header {
            suite: self.author.signer.public_key().suite(),
            kind: ActKind::Received,
            author: self.author.member,
            sequence: self.growing.size(),
            at,
            community: self.author.community.clone(),
            object: Some(ActObject {
                id: facts.id.as_str().to_owned(),
                version: facts.modified.clone(),
                digest: commitment,
            }),
            handling: rules.map(|rules| salt.commit(rules.to_string().as_bytes())),
            payload: Some(commitment),
            addressees: None,
        };
        let short = short::shorten_own(&header);
        let act = header.seal().map_err(|error| ours(&error))?;
        self.put(connection, (&act, short), (Some(object), &salt))
    }

    /// Adds an act of the member at the place it was made for: the next one; with its object, by number, and the salt of
    /// what it commits to.
    pub(crate) fn place(
        &mut self,
        connection: &Connection,
        act: &Act,
        (object, salt): (Option<i64>, &Salt),
    ) -> Done<()> {
        if self.takes_back() {
            return Err(StoreError::Recovering.into());
        }
        let header = act.header();
        if header.author != self.author.member || header.sequence != self.growing.size() {
            return Err(ours(&"an act that is another member's or was made for another place"));
        }
        self.put(connection, (act, short::shorten(act)), (object, salt))
    }

    /// Adds the next leaf, its header short where it comes back from that.
    fn put(
        &mut self,
        connection: &Connection,
        (act, short): (&Act, Option<Vec<u8>>),
        (object, salt): (Option<i64>, &Salt),
    ) -> Done<()> {
        let common = if short.is_some() { Some(self.common_no(connection, act.header())?) } else { None };
        let header = short.as_deref().unwrap_or(act.bytes());
        let sequence = i64::try_from(self.growing.append(act.leaf())).map_err(|error| ours(&error))?;
        connection
            .prepare_cached(
                "INSERT INTO leaf (sequence, object, header, salt, common) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((sequence, object, header, salt.as_bytes().as_slice(), common))?;
        Ok(())
    }

    /// The row of what a header has in common with others.
    fn common_no(&mut self, connection: &Connection, header: &Header) -> Done<i64> {
        if let Some((common, no)) = &self.common
            && common.is_of(header)
        {
            return Ok(*no);
        }
        let common = Common::of(header);
        let text = common.to_string();
        connection
            .prepare_cached("INSERT OR IGNORE INTO leaf_common (text) VALUES (?1)")?
            .execute([&text])?;
        let mut select = connection.prepare_cached("SELECT no FROM leaf_common WHERE text = ?1")?;
        let no = select.query_row([&text], |row| row.get(0))?;
        self.common = Some((common, no));
        Ok(no)
    }
}

fn ours(error: &dyn std::fmt::Display) -> Fail {
    StoreError::Backend(format!("cannot write the ledger: {error}")).into()
}

/// Goes on from a head that the member signed before.
trait Resume {
    fn resume(&self, stored: &SignedCheckpoint) -> Result<HeadKeeper, HeadError>;
}

impl Resume for LedgerAuthor {
    fn resume(&self, stored: &SignedCheckpoint) -> Result<HeadKeeper, HeadError> {
        let origin = Origin::of_member(&self.member);
        let named = |key: &PublicKey| NoteKey::new(origin.key_name().clone(), KeyKind::Ed25519, *key);
        let earlier: Vec<NoteKey> = self.earlier.iter().map(named).collect();
        HeadKeeper::resume(origin.clone(), &*self.signer, stored, &earlier)
    }
}

fn write_head(connection: &Connection, size: u64, note: &str) -> Done<()> {
    let size = i64::try_from(size).map_err(|error| ours(&error))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO head (one, size, note) VALUES (1, ?1, ?2)")?
        .execute((size, note))?;
    Ok(())
}

/// Whether acts may be written, as the stored recovery has it.
fn held(connection: &Connection) -> Done<Hold> {
    let mut select = connection.prepare_cached(
        "SELECT (SELECT value FROM number WHERE name = 'restored') <> 0 OR EXISTS (SELECT 1 FROM recovery WHERE stage = 1)",
    )?;
    Ok(if select.query_row([], |row| row.get(0))? { Hold::TakingBack } else { Hold::Free })
}

/// Writes the acts of a batch that landed; `stored` numbers the objects of which something was stored.
pub(crate) fn record(desk: &mut Desk<'_>, batch: &Batch, landed: &[Landed], stored: &[i64]) -> Done<()> {
    let connection = desk.sql();
    let Some(book) = desk.book() else { return Ok(()) };
    let came = batch.entries.iter().zip(landed);
    let came = came.filter(|(_, landed)| !matches!(landed.how, LandedAs::Known | LandedAs::Refused(_)));
    let salts = Salt::several(&*book.author.rng, stored.len());
    for (((entry, landed), object), salt) in came.zip(stored).zip(salts) {
        let rules = landed.inherited.as_ref().or(entry.rules.as_ref());
        book.received(connection, (entry, rules), (*object, batch.at), salt)?;
    }
    Ok(())
}

/// Leaves that are stored.
pub(crate) fn leaf_count(connection: &Connection) -> Done<u64> {
    let mut select = connection.prepare_cached(
        "SELECT max(coalesce((SELECT max(sequence) FROM leaf), -1), coalesce((SELECT max(sequence) FROM bare_leaf), -1)) + 1",
    )?;
    let count: i64 = select.query_row([], |row| row.get(0))?;
    u64::try_from(count).map_err(|_| damaged("the ledger has leaves of negative number"))
}

/// The head signed last.
pub(crate) fn head(connection: &Connection) -> Done<Option<String>> {
    let mut select = connection.prepare_cached("SELECT note FROM head WHERE one = 1")?;
    Ok(select.query_row([], |row| row.get(0)).optional()?)
}

/// A stored tile, as wide as it is.
pub(crate) fn tile(connection: &Connection, path: TilePath) -> Done<Option<Tile>> {
    let mut select = connection.prepare_cached("SELECT hashes FROM tile WHERE no = ?1")?;
    let bytes: Option<Vec<u8>> = select.query_row([tile_no(path)?], |row| row.get(0)).optional()?;
    let tile = bytes.map(|bytes| Tile::from_bytes(&bytes)).transpose();
    tile.map_err(|error| damaged(&format!("tile {path} of the ledger: {error}")))
}

/// The number a tile of hashes is stored under.
pub(crate) fn tile_no(path: TilePath) -> Done<i64> {
    let TileKind::Hashes(level) = path.kind else {
        return Err(StoreError::NotFound { what: "tile" }.into());
    };
    let level = i64::from(level).checked_mul(1 << 56);
    let no = i64::try_from(path.index).ok().filter(|index| *index < 1 << 56);
    let no = level.zip(no).and_then(|(level, index)| level.checked_add(index));
    no.ok_or_else(|| StoreError::NotFound { what: "tile" }.into())
}
