//! Asking to be let in more than once: one request of a member waits, and no other is in its way.

use serde_json::Value;

use crate::town::{Town, agree, until};

fn pending(town: &Town) -> Vec<Value> {
    town.ok(&["community", "pending"]).as_array().unwrap().clone()
}

/// A request that was refused, or made twice, does not keep the next from being approved by the member's name, and who is in is listed no
/// more.
#[test]
fn who_asks_again_is_approved_by_name() {
    let (a, y) = (Town::new(), Town::new());
    let anchor = a.create("cert-a", &[]);
    y.join(&anchor, "cert-y", "cert");
    until("the request is there", || pending(&a).len() == 1);
    assert_eq!(a.ok(&["community", "refuse", "cert-y"])["status"], "done");
    assert!(pending(&a).is_empty());
    for _ in 0..2 {
        y.join(&anchor, "cert-y", "cert");
    }
    until("one request is there", || pending(&a).len() == 1);
    assert_eq!((&pending(&a)[0]["approvals"], &pending(&a)[0]["refusals"]), (&0.into(), &0.into()));
    assert_eq!(a.ok(&["community", "approve", "cert-y"])["status"], "done");
    agree(&[&a, &y], 2);
    assert!(pending(&a).is_empty() && pending(&y).is_empty());
    let again = a.node.there(&["community", "approve", "cert-y"]).exits(1).json();
    assert_eq!(again["error"]["code"], "nothing-pending");
}
