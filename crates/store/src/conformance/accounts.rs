//! People, tokens, sessions, collections and grants.

use base::Micros;
use handling::{Access, CollectionNo, GrantChange, Grantee, Holds, OpenCollection, Role, Scope, UserNo};

use super::Site;
use super::sample::{START, collection, made_by, user};
use crate::{NewSession, NewToken, StoreError};

const RW: Access = Access { read: true, write: true };
const R: Access = Access { read: true, write: false };

fn not_found<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> bool {
    matches!(answer.unwrap_err(), StoreError::NotFound { .. })
}

fn exists<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> bool {
    matches!(answer.unwrap_err(), StoreError::Exists { .. })
}

/// Names are unique without regard to case, in every script.
pub async fn users_have_unique_names(site: Site) {
    let store = site.open();
    let ann = store.add_user(user("Ann", &[Role::Reader, Role::Analyst])).await.unwrap();
    assert_eq!(ann.roles.len(), 2);
    assert_eq!(store.user("aNN").await.unwrap(), ann);
    assert_eq!(store.user_by_no(ann.no).await.unwrap(), ann);
    assert!(exists(store.add_user(user("ANN", &[Role::Reader])).await));
    store.add_user(user("Ярослав", &[Role::Admin])).await.unwrap();
    assert!(exists(store.add_user(user("ЯРОСЛАВ", &[Role::Admin])).await));
    assert!(not_found(store.user("bob").await));
    assert!(not_found(store.user_by_no(UserNo(99)).await));
    let names: Vec<String> = store.users().await.unwrap().into_iter().map(|user| user.name).collect();
    assert_eq!(names, ["Ann", "Ярослав"]);
}

/// Every change raises the user's epoch and the node's.
pub async fn changes_raise_the_epochs(site: Site) {
    let store = site.open();
    let ann = store.add_user(user("ann", &[Role::Reader])).await.unwrap();
    let mut last = (ann.epoch, store.accounts_epoch().await.unwrap());
    store.set_password(ann.no, "hash".into(), made_by(8), START.plus(3)).await.unwrap();
    for step in 0..3 {
        let now = store.user("ann").await.unwrap();
        let epochs = (now.epoch, store.accounts_epoch().await.unwrap());
        assert!(epochs.0 > last.0 && epochs.1 > last.1, "step {step}: {last:?} to {epochs:?}");
        last = epochs;
        match step {
            0 => store.set_roles(ann.no, vec![Role::Admin]).await.unwrap(),
            _ => store.set_disabled(ann.no, true).await.unwrap(),
        }
    }
    let now = store.user("ann").await.unwrap();
    assert_eq!(
        (now.password_hash.as_deref(), now.roles, now.disabled),
        (Some("hash"), vec![Role::Admin], true)
    );
    let set = now.password_set.unwrap();
    assert_eq!((set.by, set.at, set.known_to), (Some(UserNo(8)), START.plus(3), [UserNo(8)].into()));
    assert_eq!(now.made_by, Some(UserNo(9)));
    assert!(not_found(store.set_disabled(UserNo(99), true).await));
    drop(store);
    assert!(site.open().accounts_epoch().await.unwrap() >= last.1, "epochs survive");
}

fn token(id: &str, digest: u8, user: UserNo) -> NewToken {
    NewToken {
        id: id.into(),
        user,
        made: made_by(7),
        digest: [digest; 32],
        scopes: vec![Scope::Read, Scope::Write],
        at: START,
        expires: Some(START.plus(5)),
    }
}

/// Tokens are found by digest only, and a second revocation does not change the date of the first.
pub async fn tokens_are_found_by_digest_and_revoked_once(site: Site) {
    let store = site.open();
    let ann = store.add_user(user("ann", &[Role::Reader])).await.unwrap();
    let bob = store.add_user(user("bob", &[Role::Reader])).await.unwrap();
    store.add_token(token("a", 1, ann.no)).await.unwrap();
    store.add_token(token("b", 2, bob.no)).await.unwrap();
    assert!(exists(store.add_token(token("a", 3, ann.no)).await));
    assert!(not_found(store.add_token(token("c", 4, UserNo(99))).await));
    let held = store.token_by_digest(&[1; 32]).await.unwrap();
    assert_eq!(
        (held.id.as_str(), held.user, held.expires, held.revoked),
        ("a", ann.no, Some(START.plus(5)), None)
    );
    assert_eq!(held.scopes, [Scope::Read, Scope::Write]);
    assert_eq!((held.made_by, held.known_to), (Some(UserNo(7)), [UserNo(7)].into()));
    assert!(not_found(store.token_by_digest(&[9; 32]).await));
    store.revoke_token("a", START.plus(7)).await.unwrap();
    store.revoke_token("a", START.plus(8)).await.unwrap();
    assert_eq!(store.token_by_digest(&[1; 32]).await.unwrap().revoked, Some(START.plus(7)));
    assert!(not_found(store.revoke_token("z", START).await));
    assert_eq!(store.tokens(Some(bob.no)).await.unwrap().len(), 1);
    assert_eq!(store.tokens(None).await.unwrap().len(), 2);
}

/// Sessions end when they expire, when told, with a new password and with disabling.
pub async fn sessions_end(site: Site) {
    let store = site.open();
    let ann = store.add_user(user("ann", &[Role::Reader])).await.unwrap();
    let open = |digest: u8| {
        let expires = START.plus(10);
        store.add_session(NewSession {
            digest: [digest; 32],
            user: ann.no,
            csrf: "c".into(),
            at: START,
            expires,
        })
    };
    for digest in 1..=4 {
        open(digest).await.unwrap();
    }
    assert_eq!(store.session(&[1; 32], START.plus(9)).await.unwrap().user, ann.no);
    assert!(not_found(store.session(&[1; 32], START.plus(10)).await));
    store.end_session(&[2; 32]).await.unwrap();
    store.end_session(&[2; 32]).await.unwrap();
    assert!(not_found(store.session(&[2; 32], START).await));
    store.set_password(ann.no, "new".into(), made_by(8), START).await.unwrap();
    assert!(not_found(store.session(&[3; 32], START).await));
    let most = u8::try_from(base::limit::SESSIONS_PER_USER_MAX).unwrap();
    for digest in 100..=100 + most {
        open(digest).await.unwrap();
        store.session(&[digest; 32], START).await.expect("the newest is there");
    }
    let mut held = 0;
    for digest in 100..=100 + most {
        held += u8::from(store.session(&[digest; 32], START).await.is_ok());
    }
    assert_eq!(held, most, "one of one too many has gone");
    open(5).await.unwrap();
    store.set_disabled(ann.no, true).await.unwrap();
    assert!(not_found(store.session(&[5; 32], START).await));
}

/// Neither id nor alias nor name may be one of another's.
pub async fn collections_have_unique_names(site: Site) {
    let store = site.open();
    let first = store.add_collection(collection("one", Some("alias")), Vec::new()).await.unwrap();
    assert_eq!((first.id.as_str(), first.alias.as_deref(), first.last_added), ("one", Some("alias"), None));
    for (id, alias) in [("one", None), ("two", Some("alias")), ("alias", None), ("two", Some("one"))] {
        assert!(exists(store.add_collection(collection(id, alias), Vec::new()).await), "{id} {alias:?}");
    }
    let named =
        |id: &str, name: &str| crate::NewCollection { name: Some(name.into()), ..collection(id, None) };
    let second = store.add_collection(named("two", "called"), Vec::new()).await.unwrap();
    assert_eq!((second.alias.as_deref(), second.name.as_deref()), (None, Some("called")));
    for taken in [named("three", "called"), named("three", "one"), collection("called", None)] {
        assert!(exists(store.add_collection(taken, Vec::new()).await));
    }
    let ids: Vec<String> = store.collections().await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["one", "two"]);
    assert!(not_found(store.remove_collection(CollectionNo(99)).await));
}

fn change(collection: CollectionNo, grantee: &Grantee, access: Access) -> GrantChange {
    let wanted = OpenCollection {
        collection,
        collection_name: String::new(),
        grantee: grantee.clone(),
        grantee_name: String::new(),
        access,
    };
    GrantChange::weigh(wanted, Access::NONE, Holds::NothingMarked).unwrap()
}

/// One line for each grantee; the last word counts, and nothing is kept of a refused collection.
pub async fn grants_replace_each_other(site: Site) {
    let store = site.open();
    let ann = store.add_user(user("ann", &[Role::Reader])).await.unwrap();
    let to_ann = Grantee::User(ann.no);
    let grants = vec![(Grantee::Role(Role::Reader), R), (to_ann.clone(), RW)];
    let first = store.add_collection(collection("one", None), grants).await.unwrap();
    assert_eq!(store.grants(Some(first.no)).await.unwrap().len(), 2);
    store.set_grant(change(first.no, &to_ann, R)).await.unwrap();
    let held = store.grants(None).await.unwrap();
    assert!(held.iter().all(|row| row.access == R) && held.len() == 2, "{held:?}");
    store.set_grant(change(first.no, &to_ann, Access::NONE)).await.unwrap();
    assert_eq!(store.grants(None).await.unwrap().len(), 1);
    assert!(not_found(store.set_grant(change(CollectionNo(99), &to_ann, R)).await));
    assert!(not_found(store.set_grant(change(first.no, &Grantee::User(UserNo(99)), R)).await));
    let unknown = vec![(Grantee::User(UserNo(99)), R)];
    assert!(not_found(store.add_collection(collection("two", None), unknown).await));
    assert_eq!(store.collections().await.unwrap().len(), 1, "all or nothing");
}

/// A removed collection's number goes to no other.
pub async fn numbers_are_never_given_twice(site: Site) {
    let store = site.open();
    let first =
        store.add_collection(collection("one", None), vec![(Grantee::Role(Role::Reader), R)]).await.unwrap();
    store.remove_collection(first.no).await.unwrap();
    assert!(store.grants(None).await.unwrap().is_empty());
    drop(store);
    let store = site.open();
    let second = store.add_collection(collection("one", None), Vec::new()).await.unwrap();
    assert!(second.no > first.no);
    assert_eq!(second.last_added, None::<Micros>);
}
