//! Collections by their names, and grants.

use node::{CollectionError, ReadError};
use store::PageRequest;

use super::*;

#[tokio::test]
async fn a_collection_answers_to_all_its_names() {
    let (bench, _) = Bench::new().await;
    let root = bench.operator().await;
    let new = NewCollection {
        id: Some("intel".into()),
        alias: Some("shared-intel".into()),
        title: "Intel".into(),
        ..NewCollection::default()
    };
    let made = bench.node.add_collection(&root, new.clone()).await.unwrap();
    for name in ["intel", "shared-intel", made.id.as_str(), &made.id.to_uppercase()] {
        assert_eq!(bench.node.collection(&root, name).await.unwrap().id, made.id, "{name}");
    }
    assert!(matches!(bench.node.add_collection(&root, new).await, Err(CollectionError::NameTaken(_))));
    for taken in ["intel", "shared-intel"] {
        let other = NewCollection { id: Some(taken.into()), title: "T".into(), ..NewCollection::default() };
        assert!(
            matches!(bench.node.add_collection(&root, other).await, Err(CollectionError::NameTaken(_))),
            "{taken}"
        );
    }
    let uuid = "91A7B528-80EB-42ED-A74D-C6FBD5A26116";
    let with_uuid = NewCollection { id: Some(uuid.into()), title: "T".into(), ..NewCollection::default() };
    let made = bench.node.add_collection(&root, with_uuid).await.unwrap();
    assert_eq!((made.id.as_str(), made.alias), ("91a7b528-80eb-42ed-a74d-c6fbd5a26116", None));
    for (id, title) in [("In Tel", "T"), ("intel2", " "), ("", "T")] {
        let bad = NewCollection { id: Some(id.into()), title: title.into(), ..NewCollection::default() };
        assert!(bench.node.add_collection(&root, bad).await.is_err(), "{id:?} {title:?}");
    }
}

#[tokio::test]
async fn grants_open_and_close() {
    let (bench, _) = Bench::new().await;
    bench.user("ann", Role::Analyst).await;
    bench.user("bob", Role::Reader).await;
    bench.collection("intel", vec![("user:ann", RW), ("role:reader", R)]).await;
    let (ann, bob) = (bench.principal("ann").await, bench.principal("bob").await);
    let view = bench.node.collection(&bob, "intel").await.unwrap();
    assert!(view.can_read && !view.can_write);
    assert!(bench.node.collection(&ann, "intel").await.unwrap().can_write);
    assert_eq!(
        bench.node.grant(&ann, "intel", "user:ann".parse().unwrap(), RW).await.unwrap_err().code(),
        "role-missing"
    );
    let root = bench.operator().await;
    assert_eq!(bench.node.grants(&root, Some("intel")).await.unwrap().len(), 2);
    bench.node.grant(&root, "intel", "role:reader".parse().unwrap(), Access::NONE).await.unwrap();
    let bob = bench.principal("bob").await;
    assert!(matches!(bench.node.collection(&bob, "intel").await, Err(CollectionError::NotFound)));
    let page = bench.node.page(&bob, "intel", &PageRequest::default()).await;
    assert!(matches!(page, Err(ReadError::CollectionUnknown)));
    let nobody = bench.node.grant(&root, "intel", "user:nobody".parse().unwrap(), RW).await;
    assert!(matches!(nobody, Err(CollectionError::UserUnknown(_))));
}

#[tokio::test]
async fn only_the_granted_are_listed_and_administrators_see_that_there_are_more() {
    let (bench, _) = Bench::new().await;
    bench.user("ann", Role::Analyst).await;
    bench.user("second", Role::Admin).await;
    bench.collection("secret", vec![]).await;
    let ann = bench.node.collections(&bench.principal("ann").await.as_ref().clone()).await.unwrap();
    assert_eq!(ann.iter().map(|view| view.alias.as_deref()).collect::<Vec<_>>(), [Some("inbox")]);
    let admin = bench.principal("second").await;
    let all = bench.node.collections(&admin).await.unwrap();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|view| !view.can_read && !view.can_write));
    bench.node.remove_collection(&admin, "secret").await.unwrap();
    assert_eq!(bench.node.collections(&admin).await.unwrap().len(), 1);
}

/// No two collections anywhere have one id: not those of one name at two nodes, and not one that takes the name of one that was removed.
#[tokio::test]
async fn what_a_collection_is_called_says_nothing_of_its_id() {
    let (bench, _) = Bench::new().await;
    let root = bench.operator().await;
    let add = async || {
        let new =
            NewCollection { id: Some("wards".into()), title: "Wards".into(), ..NewCollection::default() };
        bench.node.add_collection(&root, new).await.unwrap().id
    };
    let first = add().await;
    assert_eq!(uuid::Uuid::try_parse(&first).unwrap().get_version_num(), 4);
    assert_ne!(first, "42b0c238-c483-4899-8a0f-62bf7a73a410", "the one that earlier builds made of the name");
    bench.node.remove_collection(&root, "wards").await.unwrap();
    let second = add().await;
    assert_ne!(first, second);
    assert_eq!(bench.node.collection(&root, "wards").await.unwrap().id, second);
    assert!(bench.node.collection(&root, &first).await.is_err());
    let inbox = bench.node.collection(&root, "inbox").await.unwrap().id;
    assert!(!inbox.starts_with("4c677827-"), "{inbox}");
}

/// A collection that an earlier build made keeps its id, which is made of its name, and is found by that name.
#[tokio::test]
async fn a_collection_of_before_is_found_by_the_name_its_id_was_made_of() {
    let (bench, _) = Bench::new().await;
    let root = bench.operator().await;
    let id = "42b0c238-c483-4899-8a0f-62bf7a73a410";
    let new = NewCollection {
        id: Some(id.into()),
        alias: Some("w".into()),
        title: "T".into(),
        ..NewCollection::default()
    };
    bench.node.add_collection(&root, new).await.unwrap();
    assert_eq!(bench.node.collection(&root, "wards").await.unwrap().id, id);
    let again = NewCollection { id: Some("wards".into()), title: "T".into(), ..NewCollection::default() };
    assert!(matches!(bench.node.add_collection(&root, again).await, Err(CollectionError::NameTaken(_))));
}
