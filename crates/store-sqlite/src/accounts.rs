//! People, tokens, sessions, collections and grants as rows.

use std::collections::BTreeSet;

use base::{Micros, limit};
use handling::{Access, CollectionNo, Grantee, Making, Role, Scope, UserNo};
use rusqlite::{Connection, OptionalExtension, Row};
use store::{
    CollectionRow, GrantRow, NewCollection, NewSession, NewToken, NewUser, PasswordSet, SessionRow,
    StoreError, TokenRow, UserRow,
};

use crate::error::{Done, damaged, found};
use crate::writer::Desk;

const USER: &str = "SELECT no, name, password_hash, roles, disabled, created, epoch, made_by, password_by, password_at, \
                    password_known FROM account";
const TOKEN: &str = "SELECT id, account, scopes, created, expires, revoked, made_by, known_to FROM token";
const COLLECTION: &str = "SELECT no, id, alias, title, description, strict, last_added, name FROM collection";

/// Notes that accounts or collections have changed.
pub(crate) fn touch(desk: &Desk<'_>) -> Done<()> {
    desk.next_number("accounts_epoch")?;
    Ok(())
}

fn exists(what: &'static str, name: &str) -> StoreError {
    StoreError::Exists { what, name: name.to_owned() }
}

/// Names are compared without regard to case.
fn name_key(name: &str) -> String {
    name.to_lowercase()
}

fn joined<T: std::fmt::Display>(names: &[T]) -> String {
    let mut names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.sort();
    names.dedup();
    names.join(" ")
}

fn parted<T: std::str::FromStr>(names: &str) -> Done<Vec<T>> {
    let parsed =
        names.split_whitespace().map(|name| name.parse().map_err(|_| damaged("an unknown role or scope")));
    parsed.collect()
}

/// Numbers of users in one text.
pub(crate) fn numbers(users: &BTreeSet<UserNo>) -> String {
    users.iter().map(|user| user.0.to_string()).collect::<Vec<_>>().join(" ")
}

/// Users from the text of their numbers.
pub(crate) fn users_of(numbers: &str) -> Done<BTreeSet<UserNo>> {
    let read = |number: &str| number.parse().map(UserNo).map_err(|_| damaged("a user's number"));
    numbers.split_whitespace().map(read).collect()
}

/// Creates a user.
pub(crate) fn add_user(desk: &Desk<'_>, user: &NewUser) -> Done<UserRow> {
    let sql = desk.sql();
    let key = name_key(&user.name);
    let taken: bool =
        sql.query_row("SELECT EXISTS (SELECT 1 FROM account WHERE name_key = ?1)", [&key], |row| row.get(0))?;
    if taken {
        return Err(exists("user", &user.name).into());
    }
    let no = desk.next_number("account")?;
    sql.execute(
        "INSERT INTO account (no, name, name_key, password_hash, roles, disabled, created, epoch, made_by, password_by, \
         password_at, password_known) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, 1, ?7, ?7, ?8, ?9)",
        (
            no,
            &user.name,
            &key,
            &user.password_hash,
            joined(&user.roles),
            user.at.0,
            user.made.by().map(|no| no.0),
            user.password_hash.as_ref().map(|_| user.at.0),
            numbers(user.made.known_to()),
        ),
    )?;
    touch(desk)?;
    user_by_no(sql, UserNo(no))
}

fn user_row(row: &Row<'_>) -> Done<UserRow> {
    Ok(UserRow {
        no: UserNo(row.get(0)?),
        name: row.get(1)?,
        password_hash: row.get(2)?,
        roles: parted::<Role>(&row.get::<_, String>(3)?)?,
        disabled: row.get(4)?,
        created: Micros(row.get(5)?),
        epoch: row.get(6)?,
        made_by: row.get::<_, Option<i64>>(7)?.map(UserNo),
        password_set: match row.get::<_, Option<i64>>(9)? {
            None => None,
            Some(at) => Some(PasswordSet {
                by: row.get::<_, Option<i64>>(8)?.map(UserNo),
                at: Micros(at),
                known_to: users_of(&row.get::<_, String>(10)?)?,
            }),
        },
    })
}

/// Collects the rows of a statement.
fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: fn(&Row<'_>) -> Done<T>,
) -> Done<Vec<T>> {
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

fn one<T>(rows: Vec<T>, what: &'static str) -> Done<T> {
    rows.into_iter().next().ok_or_else(|| StoreError::NotFound { what }.into())
}

/// All users by name.
pub(crate) fn users(connection: &Connection) -> Done<Vec<UserRow>> {
    all(connection, &format!("{USER} ORDER BY name_key"), [], user_row)
}

/// One user by name.
pub(crate) fn user(connection: &Connection, name: &str) -> Done<UserRow> {
    one(all(connection, &format!("{USER} WHERE name_key = ?1"), [name_key(name)], user_row)?, "user")
}

/// One user by number.
pub(crate) fn user_by_no(connection: &Connection, no: UserNo) -> Done<UserRow> {
    one(all(connection, &format!("{USER} WHERE no = ?1"), [no.0], user_row)?, "user")
}

/// What may be changed about a user.
pub(crate) enum Change {
    /// The hash of the password; ends all sessions.
    Password(String, Making, Micros),
    /// The roles.
    Roles(Vec<Role>),
    /// Whether they are disabled; disabling ends all sessions.
    Disabled(bool),
}

/// Changes a user.
pub(crate) fn change_user(desk: &Desk<'_>, no: UserNo, change: &Change) -> Done<()> {
    let sql = desk.sql();
    let (changed, ends) = match change {
        Change::Password(hash, made, at) => {
            let set = "UPDATE account SET password_hash = ?2, password_by = ?3, password_at = ?4, password_known = ?5, \
                       epoch = epoch + 1 WHERE no = ?1";
            let by = made.by().map(|no| no.0);
            (sql.execute(set, (no.0, hash, by, at.0, numbers(made.known_to())))?, true)
        }
        Change::Roles(roles) => {
            let set = "UPDATE account SET roles = ?2, epoch = epoch + 1 WHERE no = ?1";
            (sql.execute(set, (no.0, joined(roles)))?, false)
        }
        Change::Disabled(disabled) => {
            let set = "UPDATE account SET disabled = ?2, epoch = epoch + 1 WHERE no = ?1";
            (sql.execute(set, (no.0, disabled))?, *disabled)
        }
    };
    if changed == 0 {
        return Err(StoreError::NotFound { what: "user" }.into());
    }
    if ends {
        sql.execute("DELETE FROM session WHERE account = ?1", [no.0])?;
    }
    touch(desk)
}

/// Creates a token.
pub(crate) fn add_token(desk: &Desk<'_>, token: &NewToken) -> Done<()> {
    user_by_no(desk.sql(), token.user)?;
    let taken: bool = desk.sql().query_row(
        "SELECT EXISTS (SELECT 1 FROM token WHERE id = ?1 OR digest = ?2)",
        (&token.id, &token.digest),
        |row| row.get(0),
    )?;
    if taken {
        return Err(exists("token", &token.id).into());
    }
    desk.sql().execute(
        "INSERT INTO token (id, account, digest, scopes, created, expires, made_by, known_to) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            &token.id,
            token.user.0,
            &token.digest,
            joined(&token.scopes),
            token.at.0,
            token.expires.map(|at| at.0),
            token.made.by().map(|no| no.0),
            numbers(token.made.known_to()),
        ),
    )?;
    touch(desk)
}

fn token_row(row: &Row<'_>) -> Done<TokenRow> {
    Ok(TokenRow {
        id: row.get(0)?,
        user: UserNo(row.get(1)?),
        scopes: parted::<Scope>(&row.get::<_, String>(2)?)?,
        created: Micros(row.get(3)?),
        expires: row.get::<_, Option<i64>>(4)?.map(Micros),
        revoked: row.get::<_, Option<i64>>(5)?.map(Micros),
        made_by: row.get::<_, Option<i64>>(6)?.map(UserNo),
        known_to: users_of(&row.get::<_, String>(7)?)?,
    })
}

/// The token with a digest.
pub(crate) fn token_by_digest(connection: &Connection, digest: &[u8; 32]) -> Done<TokenRow> {
    one(all(connection, &format!("{TOKEN} WHERE digest = ?1"), [digest], token_row)?, "token")
}

/// All tokens, of one user or of all.
pub(crate) fn tokens(connection: &Connection, user: Option<UserNo>) -> Done<Vec<TokenRow>> {
    let user = user.map(|user| user.0);
    all(
        connection,
        &format!("{TOKEN} WHERE ?1 IS NULL OR account = ?1 ORDER BY created, id"),
        [user],
        token_row,
    )
}

/// Revokes a token.
pub(crate) fn revoke_token(desk: &Desk<'_>, id: &str, at: Micros) -> Done<()> {
    let revoked =
        desk.sql().execute("UPDATE token SET revoked = coalesce(revoked, ?2) WHERE id = ?1", (id, at.0))?;
    if revoked == 0 {
        return Err(StoreError::NotFound { what: "token" }.into());
    }
    touch(desk)
}

/// Creates a session, and drops those that have ended meanwhile.
pub(crate) fn add_session(desk: &Desk<'_>, session: &NewSession) -> Done<()> {
    user_by_no(desk.sql(), session.user)?;
    desk.sql().execute("DELETE FROM session WHERE expires <= ?1", [session.at.0])?;
    desk.sql().execute(
        "INSERT INTO session (digest, account, csrf, created, expires) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&session.digest, session.user.0, &session.csrf, session.at.0, session.expires.0),
    )?;
    desk.sql().execute(
        "DELETE FROM session WHERE digest IN (SELECT digest FROM session WHERE account = ?1 \
         ORDER BY digest = ?3 DESC, created DESC LIMIT -1 OFFSET ?2)",
        (session.user.0, limit::SESSIONS_PER_USER_MAX as i64, &session.digest),
    )?;
    touch(desk)
}

/// The session with a digest.
pub(crate) fn session(connection: &Connection, digest: &[u8; 32], now: Micros) -> Done<SessionRow> {
    let mut select = connection
        .prepare_cached("SELECT account, csrf, expires FROM session WHERE digest = ?1 AND expires > ?2")?;
    let row = select.query_row((digest, now.0), |row| {
        Ok(SessionRow { user: UserNo(row.get(0)?), csrf: row.get(1)?, expires: Micros(row.get(2)?) })
    });
    found(row, "session")
}

/// Ends a session.
pub(crate) fn end_session(desk: &Desk<'_>, digest: &[u8; 32]) -> Done<()> {
    desk.sql().execute("DELETE FROM session WHERE digest = ?1", [digest])?;
    touch(desk)
}

/// Creates a collection with its first grants.
pub(crate) fn add_collection(
    desk: &Desk<'_>,
    new: &NewCollection,
    grants: &[(Grantee, Access)],
) -> Done<CollectionRow> {
    for name in [Some(&new.id), new.alias.as_ref(), new.name.as_ref()].into_iter().flatten() {
        let taken: Option<i64> = desk
            .sql()
            .query_row("SELECT no FROM collection WHERE ?1 IN (id, alias, name)", [name], |row| row.get(0))
            .optional()?;
        if taken.is_some() {
            return Err(exists("collection", name).into());
        }
    }
    let no = CollectionNo(desk.next_number("collection")?);
    desk.sql().execute(
        "INSERT INTO collection (no, id, alias, title, description, strict, created, name) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (no.0, &new.id, &new.alias, &new.title, &new.description, new.strict, new.at.0, &new.name),
    )?;
    for (grantee, access) in grants {
        set_grant(desk, no, grantee, *access)?;
    }
    touch(desk)?;
    one(all(desk.sql(), &format!("{COLLECTION} WHERE no = ?1"), [no.0], collection_row)?, "collection")
}

fn collection_row(row: &Row<'_>) -> Done<CollectionRow> {
    Ok(CollectionRow {
        no: CollectionNo(row.get(0)?),
        id: row.get(1)?,
        alias: row.get(2)?,
        title: row.get(3)?,
        description: row.get(4)?,
        strict: row.get(5)?,
        last_added: row.get::<_, Option<i64>>(6)?.map(Micros),
        name: row.get(7)?,
    })
}

/// All collections in order of creation.
pub(crate) fn collections(connection: &Connection) -> Done<Vec<CollectionRow>> {
    all(connection, &format!("{COLLECTION} ORDER BY no"), [], collection_row)
}

/// Sets one line of an access list.
pub(crate) fn set_grant(
    desk: &Desk<'_>,
    collection: CollectionNo,
    grantee: &Grantee,
    access: Access,
) -> Done<()> {
    let (account, role) = match grantee {
        Grantee::User(no) => {
            user_by_no(desk.sql(), *no)?;
            (no.0, "")
        }
        Grantee::Role(role) => (0, role.name()),
    };
    let known: bool = desk.sql().query_row(
        "SELECT EXISTS (SELECT 1 FROM collection WHERE no = ?1)",
        [collection.0],
        |row| row.get(0),
    )?;
    if !known {
        return Err(StoreError::NotFound { what: "collection" }.into());
    }
    desk.sql().execute(
        "DELETE FROM access WHERE collection = ?1 AND account = ?2 AND role = ?3",
        (collection.0, account, role),
    )?;
    if access != Access::NONE {
        desk.sql().execute(
            "INSERT INTO access (collection, account, role, may_read, may_write) VALUES (?1, ?2, ?3, ?4, ?5)",
            (collection.0, account, role, access.read, access.write),
        )?;
    }
    touch(desk)
}

fn grant_row(row: &Row<'_>) -> Done<GrantRow> {
    let role: String = row.get(2)?;
    let grantee = if role.is_empty() {
        Grantee::User(UserNo(row.get(1)?))
    } else {
        Grantee::Role(role.parse().map_err(|_| damaged("an unknown role"))?)
    };
    let access = Access { read: row.get(3)?, write: row.get(4)? };
    Ok(GrantRow { collection: CollectionNo(row.get(0)?), grantee, access })
}

/// All grants, of one collection or of all.
pub(crate) fn grants(connection: &Connection, collection: Option<CollectionNo>) -> Done<Vec<GrantRow>> {
    all(
        connection,
        "SELECT collection, account, role, may_read, may_write FROM access WHERE ?1 IS NULL OR collection = ?1 \
         ORDER BY collection, account, role",
        [collection.map(|no| no.0)],
        grant_row,
    )
}
