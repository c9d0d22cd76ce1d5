//! Members whose nodes speak other versions: older, newer, none that is spoken here; and what later versions say besides.

use base::signed::Signed;
use base::signing::SigningKey;
use federation::{HELLO_TYPE, Turn};
use node::ExchangeError;
use serde_json::{Value, json};

use crate::exchange::{ONE, bring, has, meet, peer, region, round, to};

/// A greeting as it would be, but for a change, signed by its sender.
pub(crate) fn greeting(hello: &Signed, signer: &SigningKey, change: impl FnOnce(&mut Value)) -> Signed {
    let mut said: Value = serde_json::from_slice(hello.unverified_payload()).unwrap();
    change(&mut said);
    Signed::sign(HELLO_TYPE, serde_json::to_vec(&said).unwrap(), signer).unwrap()
}

#[tokio::test]
async fn every_version_that_somebody_may_name_is_spoken_to_or_told_so() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    round(&region).await;
    bring(b, 1..2, to(&["a", "c"])).await;
    let signer = c.node().member_signer().await.unwrap();
    let greet = async |change: &dyn Fn(&mut Value)| {
        let first = c.node().turn_first(b.id().await).await.unwrap();
        let hello = greeting(&Turn::from_bytes(&first).unwrap().hello, &signer, change);
        b.node().turn_answer(&Turn::of(hello).to_bytes()).await
    };
    let most = u64::from(u32::MAX);
    for (min, max, spoken) in [
        (0, 0, None),
        (5, 9, None),
        (most, most, None),
        (4, 0, None),
        (1, 1, Some(1)),
        (0, 2, Some(2)),
        (1, 3, Some(3)),
        (3, 9, Some(4)),
        (0, most, Some(4)),
    ] {
        let answer = greet(&|hello| hello["versions"] = json!({"min": min, "max": max})).await.unwrap();
        let answer = Turn::from_bytes(&answer).unwrap();
        assert_eq!(peer(b, "c").await.version, spoken, "{min} to {max}");
        // It is told which versions are spoken here, and nothing else where none is; else it is brought what it can read.
        let said: Value = serde_json::from_slice(answer.hello.unverified_payload()).unwrap();
        assert_eq!(said["versions"], json!({"min": 1, "max": 4}));
        let (single, together) = (answer.batch.len(), answer.together.is_some());
        let expected = match spoken {
            None => (0, false),
            Some(1) => (1, false),
            Some(_) => (0, true),
        };
        assert_eq!((single, together), expected, "{min} to {max}");
        assert!(spoken.is_some() || (answer.heads.is_empty() && !answer.says_something()));
    }
    // Numbers that are none are no greeting, and change nothing.
    for versions in
        [json!({"min": -1, "max": 4}), json!({"min": 1, "max": most + 1}), json!({"min": 1}), json!(4)]
    {
        let refused = greet(&|hello| hello["versions"] = versions.clone()).await;
        assert!(matches!(refused, Err(ExchangeError::Message(_))), "{versions}: {refused:?}");
        assert_eq!(peer(b, "c").await.version, Some(4));
    }
    // What a later version says besides is passed over.
    let later = json!({"min": 3, "max": 9, "preferred": "later"});
    greet(&|hello| (hello["versions"], hello["later"]) = (later.clone(), json!([{"a": 1}]))).await.unwrap();
    assert_eq!(peer(b, "c").await.version, Some(4));
    // Others were unaffected, and so is the member itself once it speaks as they do.
    meet(a, b).await;
    assert!(has(a, ONE).await);
    round(&region).await;
    assert!(has(c, ONE).await);
    assert_eq!((peer(b, "c").await.refused_here, peer(b, "a").await.refused_here), (0, 0));
}
