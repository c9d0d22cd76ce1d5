//! What a member has put at relays is dropped there once it is not to be had any more: whatever the week, at every relay, and
//! over restarts of whoever put it.

use serde_json::json;

use crate::relay::{another_office, comes_back, gives_while_away, kept, region, region_after, rows, settled};
use crate::town::{has, id, peer, until};

#[test]
fn what_was_called_back_in_another_week_is_at_no_relay_any_more() {
    let [mut a, mut s, mut b] = region("");
    gives_while_away(&a, &s, &mut b, 1);
    let before = rows(&s);
    for town in [&mut s, &mut a] {
        town.comes_back_later("+8d");
    }
    a.ok(&["recall", &id(1), "--reason", "a mistake"]);
    until("another parcel waits", || rows(&s).iter().any(|row| before.iter().all(|one| one.0 != row.0)));
    until("what was called back is gone", || rows(&s).iter().all(|row| !before.contains(row)));
    assert_eq!(kept(&s), 1);
    b.comes_back_later("+8d");
    until("B has read all of it", || settled(&a, "cert-b"));
    assert!(!has(&b, 1));
}

#[test]
fn what_was_called_back_is_at_no_relay_that_ever_had_it() {
    let [mut a, s, mut b] = region("");
    let t = another_office(&[&a, &s, &b], "other-office");
    gives_while_away(&a, &s, &mut b, 1);
    // Nobody answers, so it is put again at the next one; what says the same may lie at both.
    until("both have it", || (kept(&s), kept(&t)) == (1, 1));
    let before = [rows(&s), rows(&t)].concat();
    // From now on nothing is put again that could take its place at the other one.
    let config = "relay_after_seconds = 1\nrelay_again_seconds = 3600";
    std::fs::write(a.scene.data().join("cresset.toml"), config).unwrap();
    a.dies_and_comes_back();
    a.ok(&["recall", &id(1), "--reason", "a mistake"]);
    until("neither has it any more", || {
        [rows(&s), rows(&t)].concat().iter().all(|row| before.iter().all(|one| one.1 != row.1))
    });
    until("what says so waits", || kept(&s) + kept(&t) > 0);
}

#[test]
fn what_waits_at_a_relay_that_was_away_when_the_two_met_is_withdrawn_when_it_is_back() {
    let [mut a, mut s, mut b] = region_after(15, "");
    // B reaches A, and A does not reach B.
    a.ok(&["community", "endpoint", &a.mutual()]);
    until("B knows where A is", || b.show().to_string().contains(&a.mutual()));
    let address = gives_while_away(&a, &s, &mut b, 1);
    let office = s.address();
    s.node.dies();
    std::fs::write(b.scene.data().join("cresset.toml"), "relay_through = []").unwrap();
    comes_back(&mut b, &address);
    until("they meet", || has(&b, 1));
    until("everything is acknowledged", || settled(&a, "cert-b") && settled(&b, "cert-a"));
    a.dies_and_comes_back();
    comes_back(&mut s, &office);
    until("A has withdrawn it", || kept(&s) == 0);
    assert_eq!(peer(&a, "cert-b")["lag_out"], json!(0));
}
