//! The port's three traits, each deed handed to the module that does it.

use std::time::Instant;

use async_trait::async_trait;
use base::Micros;
use base::signing::KeyId;
use bytes::Bytes;
use federation::{ConsentRow, Deposit, DepositMark, DepositState, RefusalRow};
use handling::{
    Access, CollectionNo, GrantChange, Grantee, Making, Narrower, Originator, Role, UserNo, Viewer, Writer,
};
use index::{Fingerprint, FingerprintKey, PrefixLengths};
use ledger::TreeHash;
use ledger::tile::{Tile, TilePath};
use rusqlite::OptionalExtension;
use stix::ObjectId;
use store::{
    Accounts, ApprovalRow, Approvals, BackupReport, BackupTo, Batch, Brief, Check, CollectionRow, Deleted,
    Difference, Direction, EdgeGroup, EdgeGroups, EdgeRow, ExchangeLook, ExchangeStep, Exchanges, Figures,
    Filter, Found, GrantRow, Job, KeySink, Landed, LeafRow, Leaves, LedgerAuthor, ListedIn, LookupRow,
    Manifest, Marks, NewCollection, NewSession, NewToken, NewUser, NoticeRow, ObjectPage, Objects, OwnWord,
    PageRequest, Paper, PaperKind, PaperWork, Papers, PatternRow, ProvenLeaf, Recovering, Refused, RefusedBy,
    RelayBounds, RelayHeld, RelayMark, RelayParcel, RelayPut, Relays, SearchRequest, SessionRow, Spending,
    Standing, StatusRow, StoreError, StoredObject, TokenRow, Upkeep, UserRow, VersionRow,
};

use crate::accounts::{self, Change};
use crate::book::{self, Book};
use crate::exchange::{self, SqlDesk};
use crate::open::{DATABASE, SqliteStore};
use crate::postings::Draft;
use crate::readers::apart;
use crate::{
    accept, approvals, backup, deposits, edges, embargo, figures, health, kinds, leaves, listed, look_up,
    page, papers, point, rebuild, relay, remove, retention, search, settle, status,
};

type Answer<T> = Result<T, StoreError>;

/// Versions whose text is written in one unit while a search waits for it.
const TEXT_STEP: usize = 2_000;

impl SqliteStore {
    /// Has the writer catch up with the text of everything committed until now. Where nothing can be written, the search
    /// finds what was written before.
    async fn bring_text_up_to_date(&self, request: &SearchRequest) -> Answer<()> {
        let wanted = self.state.reach().version;
        while !request.words.is_empty() && self.state.reach().text < wanted {
            match self.writer.write(1, |desk| desk.catch_up_text(TEXT_STEP)).await {
                Err(StoreError::ReadOnly { .. }) => break,
                answer => answer?,
            }
        }
        Ok(())
    }
}

impl SqliteStore {
    /// Whether objects may be shown and taken in: not while what a restore has lost is not back, recalls and erasures among it.
    fn may_serve(&self) -> Answer<()> {
        if self.state.recovery() == Recovering::No { Ok(()) } else { Err(StoreError::Recovering) }
    }
}

#[async_trait]
impl Accounts for SqliteStore {
    async fn add_user(&self, user: NewUser) -> Answer<UserRow> {
        self.writer.write(1, move |desk| accounts::add_user(desk, &user)).await
    }

    async fn users(&self) -> Answer<Vec<UserRow>> {
        self.readers.read(accounts::users).await
    }

    async fn user(&self, name: &str) -> Answer<UserRow> {
        self.readers.read(|connection| accounts::user(connection, name)).await
    }

    async fn user_by_no(&self, no: UserNo) -> Answer<UserRow> {
        self.readers.read(|connection| accounts::user_by_no(connection, no)).await
    }

    async fn set_password(&self, no: UserNo, password_hash: String, made: Making, at: Micros) -> Answer<()> {
        let change = Change::Password(password_hash, made, at);
        self.writer.write(1, move |desk| accounts::change_user(desk, no, &change)).await
    }

    async fn set_roles(&self, no: UserNo, roles: Vec<Role>) -> Answer<()> {
        let change = Change::Roles(roles);
        self.writer.write(1, move |desk| accounts::change_user(desk, no, &change)).await
    }

    async fn set_disabled(&self, no: UserNo, disabled: bool) -> Answer<()> {
        let change = Change::Disabled(disabled);
        self.writer.write(1, move |desk| accounts::change_user(desk, no, &change)).await
    }

    async fn add_token(&self, token: NewToken) -> Answer<()> {
        self.writer.write(1, move |desk| accounts::add_token(desk, &token)).await
    }

    async fn token_by_digest(&self, digest: &[u8; 32]) -> Answer<TokenRow> {
        self.readers.read(|connection| accounts::token_by_digest(connection, digest)).await
    }

    async fn tokens(&self, user: Option<UserNo>) -> Answer<Vec<TokenRow>> {
        self.readers.read(|connection| accounts::tokens(connection, user)).await
    }

    async fn revoke_token(&self, id: &str, at: Micros) -> Answer<()> {
        let id = id.to_owned();
        self.writer.write(1, move |desk| accounts::revoke_token(desk, &id, at)).await
    }

    async fn add_session(&self, session: NewSession) -> Answer<()> {
        self.writer.write(1, move |desk| accounts::add_session(desk, &session)).await
    }

    async fn session(&self, digest: &[u8; 32], now: Micros) -> Answer<SessionRow> {
        self.readers.read(|connection| accounts::session(connection, digest, now)).await
    }

    async fn end_session(&self, digest: &[u8; 32]) -> Answer<()> {
        let digest = *digest;
        self.writer.write(1, move |desk| accounts::end_session(desk, &digest)).await
    }

    async fn add_collection(
        &self,
        collection: NewCollection,
        grants: Vec<(Grantee, Access)>,
    ) -> Answer<CollectionRow> {
        self.writer.write(1, move |desk| accounts::add_collection(desk, &collection, &grants)).await
    }

    async fn collections(&self) -> Answer<Vec<CollectionRow>> {
        self.readers.read(accounts::collections).await
    }

    async fn remove_collection(&self, no: CollectionNo) -> Answer<()> {
        let deed = move |desk: &mut crate::writer::Desk<'_>| {
            remove::remove_collection(desk, no.0)?;
            accounts::touch(desk)
        };
        self.writer.write(1, deed).await
    }

    async fn set_grant(&self, change: GrantChange) -> Answer<()> {
        let deed = move |desk: &mut crate::writer::Desk<'_>| {
            let (collection, grantee, access) = change.parts();
            accounts::set_grant(desk, collection, grantee, access)
        };
        self.writer.write(1, deed).await
    }

    async fn grants(&self, collection: Option<CollectionNo>) -> Answer<Vec<GrantRow>> {
        self.readers.read(|connection| accounts::grants(connection, collection)).await
    }

    async fn accounts_epoch(&self) -> Answer<i64> {
        if self.is_alone() {
            return Ok(self.state.accounts_epoch());
        }
        self.readers.read(|connection| crate::writer::number(connection, "accounts_epoch")).await
    }
}

#[async_trait]
impl Approvals for SqliteStore {
    async fn ask_approval(&self, row: ApprovalRow, open_max: usize) -> Answer<Option<ApprovalRow>> {
        self.writer.write(1, move |desk| approvals::ask(desk, &row, open_max)).await
    }

    async fn approval(&self, id: &str) -> Answer<ApprovalRow> {
        self.readers.read(|connection| approvals::one(connection, id)).await
    }

    async fn approvals(&self, requester: Option<UserNo>, limit: usize) -> Answer<Vec<ApprovalRow>> {
        self.readers.read(|connection| approvals::newest(connection, requester, limit)).await
    }

    async fn glass_broken(&self, since: Micros) -> Answer<Vec<ApprovalRow>> {
        self.readers.read(move |connection| approvals::glass_broken(connection, since)).await
    }

    async fn answer_approval(&self, id: &str, answer: store::Answer) -> Answer<ApprovalRow> {
        let id = id.to_owned();
        self.writer.write(1, move |desk| approvals::answer(desk, &id, &answer)).await
    }

    async fn spend_approval(&self, spending: Spending<'_>) -> Answer<Option<ApprovalRow>> {
        let Spending { requester, deed, words, at } = spending;
        let words = words.to_owned();
        let spend = move |desk: &mut crate::writer::Desk<'_>| {
            approvals::spend(desk, &Spending { requester, deed, words: &words, at })
        };
        self.writer.write(1, spend).await
    }

    async fn holds_marked(&self, collection: CollectionNo) -> Answer<bool> {
        self.readers.read_apart(move |connection| approvals::holds_marked(connection, collection)).await
    }
}

#[async_trait]
impl Objects for SqliteStore {
    async fn add(&self, batch: Batch) -> Answer<Vec<Landed>> {
        self.may_serve()?;
        self.writer.write(batch.entries.len(), move |desk| accept::add(desk, &batch)).await
    }

    async fn delete(&self, writer: &Writer, id: &str, filter: &Filter) -> Answer<Deleted> {
        self.may_serve()?;
        let (writer, id, filter) = (writer.clone(), id.to_owned(), filter.clone());
        self.writer.write(1, move |desk| remove::delete(desk, &writer, &id, &filter)).await
    }

    async fn narrow(&self, writer: &Writer, id: &str, asked: &Narrower) -> Answer<u64> {
        self.may_serve()?;
        let (writer, id, asked) = (writer.clone(), id.to_owned(), asked.clone());
        self.writer.write(1, move |desk| remove::narrow(desk, &writer, &id, &asked)).await
    }

    async fn page(
        &self,
        viewer: &Viewer,
        collection: CollectionNo,
        request: &PageRequest,
    ) -> Answer<ObjectPage> {
        self.may_serve()?;
        let ask = page::Ask { viewer, collection, request, key: &self.key };
        let (page, altered) = if page::is_short(&request.filter) {
            self.readers.read(|connection| page::objects(connection, &ask)).await?
        } else {
            self.readers.search(|connection| page::objects(connection, &ask)).await?
        };
        self.readers.left_out(&altered);
        Ok(page)
    }

    async fn manifest(
        &self,
        viewer: &Viewer,
        collection: CollectionNo,
        request: &PageRequest,
    ) -> Answer<Manifest> {
        self.may_serve()?;
        let ask = page::Ask { viewer, collection, request, key: &self.key };
        if page::is_short(&request.filter) {
            return self.readers.read(|connection| page::manifest(connection, &ask)).await;
        }
        self.readers.search(|connection| page::manifest(connection, &ask)).await
    }

    async fn versions(
        &self,
        viewer: &Viewer,
        collection: CollectionNo,
        id: &str,
        request: &PageRequest,
    ) -> Answer<Manifest> {
        self.may_serve()?;
        let ask = page::Ask { viewer, collection, request, key: &self.key };
        self.readers.search(|connection| page::versions(connection, &ask, id)).await
    }

    async fn object(&self, viewer: &Viewer, id: &str, version: Option<&str>) -> Answer<StoredObject> {
        self.may_serve()?;
        self.readers.read(|connection| point::object(connection, viewer, id, version)).await
    }

    async fn object_added(&self, viewer: &Viewer, id: &str, added: Micros) -> Answer<StoredObject> {
        self.may_serve()?;
        self.readers.read(|connection| point::object_added(connection, viewer, id, added)).await
    }

    async fn own_object(&self, viewer: &Viewer, id: &str, version: Option<&str>) -> Answer<StoredObject> {
        self.may_serve()?;
        self.readers.read(|connection| point::own_object(connection, viewer, id, version)).await
    }

    async fn own_objects(&self, viewer: &Viewer, ids: &[String]) -> Answer<Vec<OwnWord>> {
        self.may_serve()?;
        let found = self.readers.search(|connection| point::own_objects(connection, viewer, ids)).await?;
        self.readers.left_out(found.iter().filter_map(|word| match word {
            OwnWord::Altered(error) => Some(error),
            OwnWord::None | OwnWord::Stands(_) => None,
        }));
        Ok(found)
    }

    async fn history(&self, viewer: &Viewer, id: &str) -> Answer<Vec<VersionRow>> {
        self.may_serve()?;
        self.readers.search(|connection| point::history(connection, viewer, id)).await
    }

    async fn status(&self, user: UserNo, id: &str) -> Answer<StatusRow> {
        self.readers.read(|connection| status::read(connection, user, id)).await
    }

    async fn look_up(
        &self,
        viewer: &Viewer,
        terms: &[Fingerprint],
        most: usize,
    ) -> Answer<Vec<Vec<LookupRow>>> {
        self.may_serve()?;
        let drafts = self.postings.drafts(viewer, terms).unwrap_or_else(|| vec![Draft::Ask; terms.len()]);
        if drafts.iter().all(|draft| matches!(draft, Draft::Rows(rows) if rows.is_empty())) {
            return Ok(vec![Vec::new(); terms.len()]);
        }
        self.readers.search(|connection| look_up::look_up(connection, viewer, (terms, most), drafts)).await
    }

    async fn in_ranges(
        &self,
        viewer: &Viewer,
        ranges: &[([u8; 16], [u8; 16])],
    ) -> Answer<Vec<Vec<LookupRow>>> {
        self.may_serve()?;
        self.readers.search(|connection| look_up::in_ranges(connection, viewer, ranges)).await
    }

    async fn search(&self, viewer: &Viewer, request: &SearchRequest) -> Answer<Found> {
        self.may_serve()?;
        self.bring_text_up_to_date(request).await?;
        self.readers.search(|connection| search::search(connection, viewer, &self.key, request)).await
    }

    async fn edges(
        &self,
        viewer: &Viewer,
        id: &str,
        direction: Direction,
        page: (usize, Option<String>),
    ) -> Answer<(Vec<EdgeRow>, Option<String>)> {
        self.may_serve()?;
        let (limit, next) = page;
        let ask = edges::Ask { viewer, id, direction, name: None, limit, next, key: &self.key };
        self.readers.search(|connection| edges::edges(connection, &ask)).await
    }

    async fn edges_named(
        &self,
        viewer: &Viewer,
        id: &str,
        (direction, name): (Direction, &str),
        (limit, next): (usize, Option<String>),
    ) -> Answer<(Vec<EdgeRow>, Option<String>)> {
        self.may_serve()?;
        let ask = edges::Ask { viewer, id, direction, name: Some(name), limit, next, key: &self.key };
        self.readers.search(|connection| edges::edges(connection, &ask)).await
    }

    async fn edge_groups(
        &self,
        viewer: &Viewer,
        id: &str,
        direction: Direction,
        asked: &EdgeGroups<'_>,
    ) -> Answer<(Vec<EdgeGroup>, bool)> {
        self.may_serve()?;
        self.readers.search(|connection| edges::groups(connection, viewer, (id, direction), asked)).await
    }

    async fn listed_in(&self, viewer: &Viewer, ids: &[&str], most: usize) -> Answer<Vec<Vec<ListedIn>>> {
        self.may_serve()?;
        self.readers.search(|connection| listed::listed_in(connection, viewer, ids, most)).await
    }

    async fn labels(&self, viewer: &Viewer, ids: &[&str]) -> Answer<Vec<Option<String>>> {
        self.may_serve()?;
        self.readers.search(|connection| edges::labels(connection, viewer, ids)).await
    }

    async fn marks(&self, viewer: &Viewer, versions: &[(&str, Micros)]) -> Answer<Vec<Option<Marks>>> {
        self.may_serve()?;
        self.readers.search(|connection| point::marks(connection, viewer, versions)).await
    }

    async fn types(&self, viewer: &Viewer) -> Answer<Vec<String>> {
        self.may_serve()?;
        self.readers.search(|connection| kinds::types(connection, viewer)).await
    }

    async fn types_in(
        &self,
        viewer: &Viewer,
        collection: CollectionNo,
        most: usize,
    ) -> Answer<Vec<(String, usize)>> {
        self.may_serve()?;
        self.readers.search(|connection| kinds::types_in(connection, viewer, collection, most)).await
    }

    async fn briefs(&self, viewer: &Viewer, ids: &[&str]) -> Answer<Vec<Option<Brief>>> {
        self.may_serve()?;
        self.readers.search(|connection| point::briefs(connection, viewer, ids)).await
    }

    async fn patterns(&self, viewer: &Viewer, after: i64, limit: usize) -> Answer<Vec<PatternRow>> {
        self.may_serve()?;
        self.readers.search(|connection| look_up::patterns(connection, viewer, after, limit)).await
    }

    async fn indicators_of(
        &self,
        viewer: &Viewer,
        rows: &[i64],
        bytes_max: usize,
    ) -> Answer<Vec<Option<(Bytes, Standing)>>> {
        self.may_serve()?;
        self.readers.search(|connection| look_up::indicators_of(connection, viewer, (rows, bytes_max))).await
    }

    async fn sightings(&self, viewer: &Viewer, ids: &[&str]) -> Answer<Vec<(u64, i64, Option<Micros>)>> {
        self.may_serve()?;
        self.readers.search(|connection| look_up::sightings(connection, viewer, ids)).await
    }
}

#[async_trait]
impl Leaves for SqliteStore {
    async fn keep_ledger(&self, author: LedgerAuthor) -> Answer<()> {
        let deed = move |desk: &mut crate::writer::Desk<'_>| {
            let book = Book::open(desk.sql(), author)?;
            desk.keep(book);
            Ok(())
        };
        // Leaves of others in the same transaction would have no tiles yet, and be taken back by nobody if it failed.
        self.writer.write_alone(deed).await
    }

    async fn leaf_count(&self) -> Answer<u64> {
        self.readers.read(book::leaf_count).await
    }

    async fn ledger_head(&self) -> Answer<Option<String>> {
        self.readers.read(book::head).await
    }

    async fn ledger_tile(&self, path: TilePath) -> Answer<Option<Tile>> {
        self.readers.read(|connection| leaves::tile(connection, path)).await
    }

    async fn leaves_about(&self, object: &str, after: Option<u64>, limit: usize) -> Answer<Vec<LeafRow>> {
        self.readers.read(|connection| leaves::about(connection, object, after, limit)).await
    }

    async fn leaves_before(&self, before: Option<u64>, limit: usize) -> Answer<Vec<LeafRow>> {
        self.readers.read(|connection| leaves::before(connection, before, limit)).await
    }

    async fn proven_leaf(&self, sequence: u64) -> Answer<ProvenLeaf> {
        self.readers.read(|connection| leaves::proven(connection, sequence)).await
    }

    async fn ledger_consistency(&self, old: u64, new: u64) -> Answer<Vec<TreeHash>> {
        self.readers.read(|connection| leaves::continues(connection, old, new)).await
    }
}

#[async_trait]
impl Exchanges for SqliteStore {
    async fn exchange(&self, weight: usize, step: ExchangeStep) -> Answer<()> {
        let deed = move |desk: &mut crate::writer::Desk<'_>| {
            let mut open = SqlDesk::open(desk)?;
            step(&mut open)?;
            open.close()
        };
        self.writer.write(weight, deed).await
    }

    async fn look(&self, me: KeyId, step: ExchangeLook) -> Answer<()> {
        self.readers.search(|connection| Ok(step(&exchange::rows_of(connection, me)?)?)).await
    }

    async fn stands(&self, id: &str, originator: Option<&Originator>) -> Answer<bool> {
        self.readers.read(|connection| remove::stands_anywhere(connection, id, originator)).await
    }

    async fn awaited(&self, after: Option<ObjectId>, limit: usize) -> Answer<Vec<ObjectId>> {
        self.readers.read(|connection| settle::awaited(connection, after.as_ref(), limit)).await
    }

    async fn come(&self, definitions: Vec<ObjectId>) -> Answer<Vec<ObjectId>> {
        self.readers.search(|connection| settle::come(connection, &definitions)).await
    }

    async fn refusals(&self, peer: Option<KeyId>, limit: usize) -> Answer<Vec<(RefusedBy, RefusalRow)>> {
        self.readers.read(|connection| exchange::refusals(connection, peer, limit)).await
    }

    async fn refused(&self, peer: KeyId) -> Answer<Refused> {
        self.readers.read(move |connection| exchange::refused(connection, peer)).await
    }

    async fn consents(&self, after: Option<[u8; 32]>, limit: usize) -> Answer<Vec<ConsentRow>> {
        self.readers.read(move |connection| exchange::consents(connection, after, limit)).await
    }

    async fn consent(&self, id: &[u8; 32]) -> Answer<Option<ConsentRow>> {
        self.readers.read(|connection| exchange::consent_of(connection, id)).await
    }

    async fn notices(&self, limit: usize) -> Answer<Vec<NoticeRow>> {
        self.readers.read(|connection| exchange::notices(connection, limit)).await
    }

    async fn evidence(&self) -> Answer<Vec<(KeyId, String)>> {
        self.readers.read(exchange::evidence).await
    }
}

#[async_trait]
impl Papers for SqliteStore {
    async fn papers(&self, kind: PaperKind) -> Answer<Vec<Paper>> {
        self.readers.read(|connection| papers::papers(connection, kind)).await
    }

    async fn file_papers(&self, work: PaperWork) -> Answer<()> {
        self.writer.write(1, move |desk| papers::file_papers(desk, &work)).await
    }
}

#[async_trait]
impl Relays for SqliteStore {
    async fn relay_put(&self, parcel: RelayParcel, bounds: RelayBounds) -> Answer<RelayPut> {
        self.writer.write(1, move |desk| relay::put(desk, &parcel, &bounds)).await
    }

    async fn relay_waiting(
        &self,
        routes: Vec<[u8; 16]>,
        since: Micros,
        bytes_max: usize,
    ) -> Answer<Vec<RelayParcel>> {
        self.readers.read(|connection| relay::waiting(connection, &routes, since, bytes_max)).await
    }

    async fn relay_drop(&self, parcels: Vec<RelayMark>) -> Answer<u64> {
        self.writer.write(1, move |desk| relay::drop_parcels(desk, &parcels)).await
    }

    async fn relay_expire(&self, before: Micros) -> Answer<u64> {
        self.writer.write(1, move |desk| relay::expire(desk, before)).await
    }

    async fn relay_held(&self) -> Answer<RelayHeld> {
        self.readers.read(relay::held).await
    }

    async fn deposit(&self, deposit: Deposit) -> Answer<()> {
        self.writer.write(1, move |desk| deposits::add(desk, &deposit)).await
    }

    async fn deposits(&self) -> Answer<Vec<Deposit>> {
        self.readers.read(deposits::all).await
    }

    async fn deposits_settle(&self, settled: Vec<(DepositMark, DepositState)>) -> Answer<()> {
        self.writer.write(1, move |desk| deposits::settle(desk, &settled)).await
    }

    async fn deposits_expire(&self, before: Micros) -> Answer<u64> {
        self.writer.write(1, move |desk| deposits::expire(desk, before)).await
    }
}

#[async_trait]
impl Upkeep for SqliteStore {
    fn fingerprint_key(&self) -> FingerprintKey {
        self.key
    }

    fn prefix_lengths(&self) -> PrefixLengths {
        self.postings.lengths()
    }

    fn last_added(&self) -> Micros {
        self.state.last_added()
    }

    fn read_only(&self) -> Option<String> {
        self.state.read_only()
    }

    fn recovery(&self) -> Recovering {
        self.state.recovery()
    }

    async fn figures(&self, viewer: Option<&Viewer>) -> Answer<Figures> {
        if viewer.is_some() {
            self.may_serve()?;
        }
        let commits = self.state.commits();
        let (kept, long) = self.counted.again(viewer, commits);
        let mut figures = match kept {
            Some(figures) => figures,
            None => {
                let start = Instant::now();
                let owned = viewer.cloned();
                let (figures, lasting) = if long {
                    self.readers.read_apart(move |sql| figures::counted(sql, owned.as_ref())).await?
                } else {
                    match self.readers.search(|sql| figures::counted(sql, viewer)).await {
                        Err(StoreError::TooCostly) => {
                            self.readers.read_apart(move |sql| figures::counted(sql, owned.as_ref())).await?
                        }
                        figures => figures?,
                    }
                };
                // A store opened for reading does not hear of commits.
                if self.is_alone() && lasting {
                    self.counted.keep(viewer, &figures, (commits, start));
                }
                figures
            }
        };
        if viewer.is_none() {
            figures.disk_bytes = figures::disk_bytes(&self.directory);
            figures.altered_reads = self.readers.altered();
        }
        Ok(figures)
    }

    async fn check(&self, deep: bool) -> Answer<Vec<Check>> {
        let (path, read_only) = (self.directory.join(DATABASE).display().to_string(), self.state.read_only());
        self.readers.read_apart(move |connection| health::check(connection, &path, read_only, deep)).await
    }

    async fn overdue(&self, now: Micros) -> Answer<u64> {
        self.readers.search(|connection| retention::overdue(connection, now)).await
    }

    async fn embargo_over(&self, now: Micros) -> Answer<bool> {
        self.readers.read(move |connection| embargo::any_over(connection, now)).await
    }

    async fn date_embargoed_anew(&self, now: Micros, most: usize) -> Answer<usize> {
        self.writer.write(most, move |desk| embargo::date_anew(desk, now, most)).await
    }

    async fn backup(&self, to: BackupTo) -> Answer<BackupReport> {
        let database = self.directory.join(DATABASE);
        apart("store-backup", move || backup::backup(&database, to)).await
    }

    async fn backup_keys(&self, keys: KeySink, at: Micros) -> Answer<()> {
        let database = self.directory.join(DATABASE);
        apart("store-backup", move || backup::backup_keys(&database, keys, at.0)).await
    }

    async fn note_backup(&self, at: Micros) -> Answer<()> {
        let directory = self.directory.clone();
        apart("store-backup", move || Ok(backup::note(&directory, at)?)).await
    }

    async fn last_backup(&self) -> Answer<Option<Micros>> {
        let directory = self.directory.clone();
        apart("store-backup", move || Ok(backup::last(&directory)?)).await
    }

    async fn rebuild(&self, repair: bool) -> Answer<Vec<Difference>> {
        let mut differing = if repair {
            self.writer.write(1, |desk| desk.fill_keys()).await?;
            self.writer.write(1, |desk| rebuild::marks(desk.sql(), true)).await?
        } else {
            self.readers.read_apart(|connection| rebuild::marks(connection, false)).await?
        };
        let mut after = 0;
        loop {
            let step = if repair {
                self.writer.write(1, move |desk| rebuild::repair(desk, after)).await?
            } else {
                self.readers.search(|connection| rebuild::compare(connection, after)).await?
            };
            let room = rebuild::TOLD_MAX.saturating_sub(differing.len());
            differing.extend(step.differing.into_iter().take(room));
            match step.reached {
                Some(reached) => after = reached,
                None => return Ok(differing),
            }
        }
    }

    async fn state_hash(&self) -> Answer<[u8; 32]> {
        self.readers.read_apart(health::state_hash).await
    }

    async fn setting(&self, name: &str) -> Answer<Option<String>> {
        let deed = |connection: &rusqlite::Connection| {
            let mut select = connection.prepare_cached("SELECT value FROM setting WHERE name = ?1")?;
            Ok(select.query_row([name], |row| row.get(0)).optional()?)
        };
        self.readers.read(deed).await
    }

    async fn set_setting(&self, name: &str, value: &str) -> Answer<()> {
        let (name, value) = (name.to_owned(), value.to_owned());
        let deed = move |desk: &mut crate::writer::Desk<'_>| {
            desk.sql().execute(
                "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )?;
            Ok(())
        };
        self.writer.write(1, deed).await
    }

    async fn job(&self, name: &str) -> Answer<Option<Job>> {
        let deed = |connection: &rusqlite::Connection| {
            let mut select = connection.prepare_cached("SELECT name, state, at FROM job WHERE name = ?1")?;
            let job = select.query_row([name], |row| {
                Ok(Job { name: row.get(0)?, state: row.get(1)?, at: Micros(row.get(2)?) })
            });
            Ok(job.optional()?)
        };
        self.readers.read(deed).await
    }

    async fn forget_jobs(&self, prefix: &str, most: u64) -> Answer<()> {
        let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
        let of_prefix = "name >= ?1 AND substr(name, 1, ?2) = ?1";
        let count = |connection: &rusqlite::Connection| {
            let mut select =
                connection.prepare_cached(&format!("SELECT count(*) FROM job WHERE {of_prefix}"))?;
            Ok(select.query_row((prefix, length), |row| row.get::<_, u64>(0))?)
        };
        if self.readers.search(count).await? <= most {
            return Ok(());
        }
        let (prefix, most) = (prefix.to_owned(), i64::try_from(most).unwrap_or(i64::MAX));
        let deed = move |desk: &mut crate::writer::Desk<'_>| {
            desk.sql().execute(
                &format!(
                    "DELETE FROM job WHERE name IN (SELECT name FROM job WHERE {of_prefix} \
                     ORDER BY at DESC, name LIMIT -1 OFFSET ?3)"
                ),
                (prefix, length, most),
            )?;
            Ok(())
        };
        self.writer.write(1, deed).await
    }

    async fn put_job(&self, job: Job) -> Answer<()> {
        let deed = move |desk: &mut crate::writer::Desk<'_>| {
            desk.sql().execute(
                "INSERT INTO job (name, state, at) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (name) DO UPDATE SET state = excluded.state, at = excluded.at",
                (job.name, job.state, job.at.0),
            )?;
            Ok(())
        };
        self.writer.write(1, deed).await
    }
}
