//! Decisions: who is enough, who is not, and what a decision may do.

use base::Micros;
use base::limit::REQUEST_SECONDS_MAX;
use base::signing::Signer;
use community::{Body, Content, Deed, Entry, MemberKind, OfMember, QuorumRule, Registry, Rule, Status, Word};

use crate::town::{DAY, START, Town, key, member};

fn suspend(town: &mut Town, by: u8, whom: u8) -> community::Subject {
    let deed = Deed::MemberSuspended { member: member(whom), reason: "unreachable".into() };
    town.propose(member(by), deed)
}

#[test]
fn a_community_grows_member_by_member_with_the_quorum_each_time() {
    let mut town = Town::new(QuorumRule::AllButOne);
    let subject = town.ask(2, MemberKind::Cert);
    town.settle(&[]);
    assert_eq!(town.registry.head().epoch, 0, "nobody has approved");
    town.say(member(1), &subject, Word::Approve);
    town.settle(&[]);
    assert_eq!(town.registry.named("m-2").unwrap().id(), member(2));

    let subject = town.ask(3, MemberKind::Sector);
    town.say(member(2), &subject, Word::Approve);
    town.settle(&[]);
    let standing = town.council(member(1)).standing(subject.hash());
    assert_eq!((standing.approvals, standing.needed, standing.ready), (1, 2, false));
    assert!(town.registry.named("m-3").is_none());
    town.say(member(1), &subject, Word::Approve);
    town.settle(&[]);
    assert!(town.registry.named("m-3").is_some());
    let replayed = Registry::replay(&town.entries).unwrap();
    assert_eq!(replayed.state_hash(), town.registry.state_hash());
}

#[test]
fn from_four_on_one_may_be_away_or_against() {
    let mut town = Town::of(4, None);
    let subject = town.ask(5, MemberKind::Cert);
    for number in 1..=3 {
        town.say(member(number), &subject, Word::Approve);
    }
    town.say(member(4), &subject, Word::Refuse);
    town.settle(&[member(4)]);
    assert!(town.registry.named("m-5").is_some());
    let subject = town.ask(6, MemberKind::Cert);
    for number in 1..=3 {
        town.say(member(number), &subject, Word::Approve);
    }
    town.settle(&[]);
    assert!(town.registry.named("m-6").is_none(), "three of five are not enough");
}

#[test]
fn the_secretariat_alone_or_with_one_other_changes_nothing() {
    for quorum in [QuorumRule::AllButOne, QuorumRule::Fixed(1), QuorumRule::Fixed(2)] {
        let mut town = Town::new(quorum);
        town.grow(2, MemberKind::Cert);
        town.grow(9, MemberKind::Secretariat);
        let before = town.registry.state_hash();
        for deed in [
            Deed::MemberSuspended { member: member(2), reason: String::new() },
            Deed::QuorumChanged { quorum: QuorumRule::Fixed(1) },
        ] {
            let subject = town.propose(member(9), deed);
            town.say(member(9), &subject, Word::Approve);
            town.settle(&[]);
            town.say(member(1), &subject, Word::Approve);
            town.settle(&[]);
        }
        // Nor by force: an entry that both have signed without asking anybody.
        let body = Body::Suspended(OfMember { member: member(2), reason: String::new(), proposed: town.now });
        let mut forced = town.decision(&body, 0);
        forced.sign(&key(9)).unwrap();
        forced.sign(&key(1)).unwrap();
        assert_eq!(town.registry.apply(&forced).unwrap_err().rule, Rule::QuorumMissing);
        assert_eq!(town.registry.state_hash(), before);
    }
}

#[test]
fn no_set_of_signatures_below_the_quorum_changes_anything() {
    let town = Town::of(4, Some(9));
    let body = Body::Suspended(OfMember { member: member(4), reason: String::new(), proposed: town.now });
    let unsigned = town.decision(&body, 0);
    let voters = [1, 2, 3, 4, 9_u8];
    for set in 0_u32..32 {
        let mut entry = unsigned.clone();
        for (at, number) in voters.iter().enumerate().filter(|(at, _)| set & (1 << at) != 0) {
            assert!(at < 5);
            entry.sign(&key(*number)).unwrap();
        }
        let mut registry = town.registry.clone();
        let outcome = registry.apply(&entry);
        if set.count_ones() >= 4 {
            assert_eq!(registry.member(member(4)).unwrap().status(town.now), Status::Suspended);
        } else {
            assert_eq!(outcome.unwrap_err().rule, Rule::QuorumMissing);
            assert_eq!(registry.state_hash(), town.registry.state_hash());
        }
    }
}

#[test]
fn strangers_and_members_without_a_vote_do_not_count() {
    let mut town = Town::of(3, None);
    town.grow(5, MemberKind::Observer);
    let body = Body::Suspended(OfMember { member: member(3), reason: String::new(), proposed: town.now });
    for stranger in [5, 77] {
        let mut entry = town.decision(&body, 0);
        for number in [1, 2, 3, stranger] {
            entry.sign(&key(number)).unwrap();
        }
        assert_eq!(town.registry.apply(&entry).unwrap_err().rule, Rule::SignatureStranger);
    }
    let mut entry = town.decision(&body, 0);
    for number in [1, 2, 3] {
        entry.sign(&key(number)).unwrap();
    }
    town.registry.apply(&entry).unwrap();
}

#[test]
fn suspended_members_have_no_vote_and_come_back_by_the_quorum() {
    let mut town = Town::of(5, None);
    let subject = suspend(&mut town, 1, 5);
    for number in 1..=4 {
        town.say(member(number), &subject, Word::Approve);
    }
    town.settle(&[]);
    assert_eq!(town.registry.member(member(5)).unwrap().status(town.now), Status::Suspended);
    assert_eq!(town.registry.voters(&town.registry.unnoted(), town.now).len(), 4);
    let deed = Deed::MemberReinstated { member: member(5), reason: String::new() };
    let subject = town.propose(member(1), deed);
    for number in [1, 2, 5] {
        town.say(member(number), &subject, Word::Approve);
    }
    town.settle(&[]);
    assert_eq!(town.registry.member(member(5)).unwrap().status(town.now), Status::Suspended);
    town.say(member(3), &subject, Word::Approve);
    town.settle(&[]);
    assert_eq!(town.registry.member(member(5)).unwrap().status(town.now), Status::Active);
    // The suspension was decided once; approvals of it from before put nobody aside again.
    let again =
        town.entries.iter().find(|entry| entry.content().kind == "member-suspended").unwrap().content();
    let head = town.registry.head();
    let content = Content { epoch: head.epoch + 1, previous: Some(head.hash), at: town.now, ..again.clone() };
    let mut entry = Entry::unsigned(&content).unwrap();
    for number in 1..=5 {
        entry.sign(&key(number)).unwrap();
    }
    assert_eq!(town.registry.apply(&entry).unwrap_err().rule, Rule::DecidedAlready);
}

#[test]
fn requests_expire() {
    for (after, fits) in [(REQUEST_SECONDS_MAX, true), (REQUEST_SECONDS_MAX + 1, false)] {
        let mut town = Town::new(QuorumRule::AllButOne);
        let subject = town.ask(2, MemberKind::Cert);
        town.now = START.plus(after * Micros::SECOND);
        town.say(member(1), &subject, Word::Approve);
        town.settle(&[]);
        assert_eq!(town.registry.named("m-2").is_some(), fits);
    }
}

#[test]
fn withdrawal_takes_ninety_days_and_ends_with_the_vote_gone() {
    let mut town = Town::of(4, None);
    let entry = town.own(member(4), &Body::Withdrawn, &[&key(4)]);
    town.take(entry).unwrap();
    let twice = town.own(member(4), &Body::Withdrawn, &[&key(4)]);
    assert_eq!(town.take(twice), Err(Rule::WithdrawalTwice));
    let status =
        |town: &Town, days: i64| town.registry.member(member(4)).unwrap().status(START.plus(days * DAY));
    assert_eq!(status(&town, 89), Status::Leaving { until: START.plus(90 * DAY) });
    assert_eq!(status(&town, 90), Status::Withdrawn);
    town.now = START.plus(90 * DAY);
    assert_eq!(town.registry.voters(&town.registry.unnoted(), town.now).len(), 3);
    let late = town.own(member(4), &Body::NamesChanged(community::Names::english("X").unwrap()), &[&key(4)]);
    assert_eq!(town.take(late), Err(Rule::MemberGone));

    // It comes back with its key and its id, by the quorum.
    let request = community::JoinRequest {
        community: town.registry.id(),
        at: town.now,
        again: Some(member(4)),
        statement: crate::town::statement(4, MemberKind::Cert),
    };
    let signed = request.sign(&key(4)).unwrap();
    let subject = community::Subject::open(&signed, |_| None).unwrap();
    town.subjects.push(subject.clone());
    for number in 1..=3 {
        town.say(member(number), &subject, Word::Approve);
    }
    town.settle(&[]);
    assert_eq!(town.registry.member(member(4)).unwrap().status(town.now), Status::Active);
    let replayed = Registry::replay(&town.entries).unwrap();
    assert_eq!(replayed.state_hash(), town.registry.state_hash());
}

/// Each of these votes before it has heard of another's vote, by a clock of its own.
fn cross(town: &mut Town, who: &[u8]) {
    let mut crossing = Vec::new();
    for (number, seconds) in who.iter().zip([0, 95, -40, 3]) {
        let now = town.now;
        town.now = now.plus(seconds * Micros::SECOND);
        assert!(town.act(member(*number)), "{number} votes");
        town.now = now.plus(700_000);
        crossing.append(&mut town.votes);
    }
    town.votes = crossing;
}

#[test]
fn votes_that_cross_are_for_one_entry_though_a_voter_is_missing() {
    for (order, late) in [([1, 2, 4], 0), ([4, 1, 2], 60), ([2, 4, 1], 3 * 86_400)] {
        let mut town = Town::of(4, None);
        town.now = town.now.plus(DAY + 200 * Micros::SECOND);
        let subject = suspend(&mut town, 1, 3);
        for number in order {
            town.say(member(number), &subject, Word::Approve);
            town.now = town.now.plus(Micros::SECOND);
        }
        town.now = town.now.plus(late * Micros::SECOND);
        cross(&mut town, &order[..2]);
        town.settle(&[member(3)]);
        let status = town.registry.member(member(3)).unwrap().status(town.now);
        assert_eq!(status, Status::Suspended, "{order:?} after {late} seconds");
        let decided = town.entries.last().unwrap().content();
        assert!(decided.at >= town.now.plus(-700 * Micros::SECOND), "dated when it was made");
    }
}

/// The approval that was missing is dated a day ahead: the decision is not, and others are possible at once.
#[test]
fn no_approval_dates_a_decision_ahead() {
    let mut town = Town::of(4, None);
    town.now = town.now.plus(DAY + 200 * Micros::SECOND);
    let subject = suspend(&mut town, 1, 3);
    for number in [1, 2] {
        town.say(member(number), &subject, Word::Approve);
    }
    let now = town.now;
    town.now = now.plus(DAY);
    town.say(member(4), &subject, Word::Approve);
    town.now = now.plus(Micros::SECOND);
    cross(&mut town, &[1, 2]);
    town.settle(&[member(3)]);
    assert_eq!(town.registry.member(member(3)).unwrap().status(town.now), Status::Suspended);
    assert!(town.entries.last().unwrap().content().at <= town.now.plus(600 * Micros::SECOND));
}

/// Two subjects are ready, and the one decided first was the later one to be: votes for the other that cross are votes for one entry.
#[test]
fn what_was_ready_before_the_last_decision_is_decided_too() {
    let mut town = Town::of(5, None);
    town.now = town.now.plus(DAY + 200 * Micros::SECOND);
    let first = suspend(&mut town, 1, 3);
    town.now = town.now.plus(Micros::SECOND);
    let second = suspend(&mut town, 1, 5);
    for (subject, who) in [(&second, &[1, 2, 4][..]), (&first, &[1, 2, 4, 5])] {
        for number in who {
            town.now = town.now.plus(Micros::SECOND);
            town.say(member(*number), subject, Word::Approve);
        }
    }
    town.now = town.now.plus(Micros::SECOND);
    // The second is not known to anybody until the first is decided.
    let all = town.subjects.clone();
    town.subjects.retain(|subject| subject.hash() == first.hash());
    cross(&mut town, &[1, 2, 4, 5]);
    town.settle(&[member(3)]);
    assert_eq!(town.registry.member(member(3)).unwrap().status(town.now), Status::Suspended);
    town.subjects = all;
    town.votes.clear();
    cross(&mut town, &[1, 2]);
    assert_eq!(town.votes.len(), 2);
    assert_eq!(town.votes[0].hash(), town.votes[1].hash(), "each by its own clock, and both for one entry");
    town.settle(&[member(3), member(5)]);
    assert_eq!(town.registry.member(member(5)).unwrap().status(town.now), Status::Suspended);
}

#[test]
fn a_recovery_is_noted_by_votes_that_cross_though_a_voter_is_missing() {
    let mut town = Town::of(4, None);
    town.now = town.now.plus(DAY + 200 * Micros::SECOND);
    let new = key(77);
    let claim = community::NewKey { key: new.public_key() };
    let entry = town.own(member(4), &Body::KeyRecovered(claim), &[&key(104), &key(114), &new]);
    town.take(entry).unwrap();
    cross(&mut town, &[1, 2]);
    town.settle(&[member(3)]);
    let due = town.registry.member(member(4)).unwrap().recovered_from().unwrap();
    let whole = town.now.plus(7 * DAY);
    assert!(due >= whole && due <= whole.plus(600 * Micros::SECOND), "the delay is never shorter");
}

#[test]
fn split_votes_are_settled_in_a_later_round() {
    let mut town = Town::of(2, None);
    let (three, four) = (town.ask(3, MemberKind::Cert), town.ask(4, MemberKind::Cert));
    for subject in [&three, &four] {
        town.say(member(1), subject, Word::Approve);
        town.say(member(2), subject, Word::Approve);
    }
    // Each has seen only one of the two requests when it votes.
    for (me, hidden) in [(1, &four), (2, &three)] {
        let all = town.subjects.clone();
        town.subjects.retain(|subject| subject.hash() != hidden.hash());
        let votes = std::mem::take(&mut town.votes);
        assert!(town.act(member(me)));
        town.votes.extend(votes);
        town.subjects = all;
    }
    town.settle(&[]);
    assert_eq!(town.registry.members().count(), 3, "the first place is filled in a later round");
    assert!(town.entries.iter().any(|entry| entry.content().round > 0 && !entry.stalled().is_empty()));
    for number in [3, 4] {
        town.say(member(number), &four, Word::Approve);
        town.say(member(number), &three, Word::Approve);
    }
    town.settle(&[]);
    assert_eq!(town.registry.members().count(), 4);
    let replayed = Registry::replay(&town.entries).unwrap();
    assert_eq!(replayed.state_hash(), town.registry.state_hash());

    // Without the votes that show it, a later round is nothing.
    let late = town.entries.iter().find(|entry| entry.content().round > 0).unwrap();
    let bare = late.clone().with_stalled(Vec::new()).unwrap();
    let others = town.entries.iter().filter(|entry| entry.hash() != late.hash());
    let refused = Registry::replay(others.chain([&bare])).unwrap_err();
    assert_eq!(refused.rule, Rule::RoundWithoutProof);
}

#[test]
fn votes_that_keep_crossing_come_together() {
    for voters in [2, 3, 4, 7] {
        let mut town = Town::of(voters, None);
        let asked = town.ask(voters + 1, MemberKind::Cert);
        for number in 1..=voters {
            town.say(member(number), &asked, Word::Approve);
        }
        // Each votes by its own clock before the votes of the others of the same turn have arrived.
        let mut turns = 0;
        while town.registry.head().epoch < u64::from(voters) {
            turns += 1;
            assert!(turns < 4, "{voters} voters split their votes in every round");
            let known = town.votes.clone();
            let mut arrived = known.clone();
            for number in 1..=voters {
                town.now = town.now.plus(1_000);
                town.votes.clone_from(&known);
                town.act(member(number));
                arrived.extend(town.votes.drain(..).skip(known.len()));
            }
            town.votes = arrived;
        }
        assert_eq!(town.registry.member(member(voters + 1)).unwrap().status(town.now), Status::Active);
        let replayed = Registry::replay(&town.entries).unwrap();
        assert_eq!(replayed.state_hash(), town.registry.state_hash());
    }
}

#[test]
fn what_a_newcomer_may_not_bring() {
    let mut town = Town::of(2, None);
    let mut refuse = |change: &dyn Fn(&mut community::Statement)| {
        let mut statement = crate::town::statement(3, MemberKind::Cert);
        change(&mut statement);
        let request =
            community::JoinRequest { community: town.registry.id(), at: town.now, again: None, statement };
        let signer = key(if request.statement.key == key(1).public_key() { 1 } else { 3 });
        let signed = request.sign(&signer)?;
        let subject = community::Subject::open(&signed, |_| None).unwrap();
        town.subjects = vec![subject.clone()];
        town.say(member(1), &subject, Word::Approve);
        town.say(member(2), &subject, Word::Approve);
        let before = town.registry.head();
        town.settle(&[]);
        assert_eq!(town.registry.head(), before);
        Ok::<_, Rule>(())
    };
    refuse(&|statement| statement.slug = "m-1".parse().unwrap()).unwrap();
    refuse(&|statement| statement.key = key(1).public_key()).unwrap();
    let own = |statement: &mut community::Statement| statement.recovery.keys[0] = statement.key;
    assert_eq!(refuse(&own), Err(Rule::KeyTaken));
    let none = |statement: &mut community::Statement| statement.recovery.needed = 0;
    assert_eq!(refuse(&none), Err(Rule::PayloadForm));
}

#[test]
fn a_node_that_forgot_what_it_signed_does_not_sign_again() {
    let mut town = Town::of(2, None);
    let (three, four) = (town.ask(3, MemberKind::Cert), town.ask(4, MemberKind::Cert));
    for subject in [&three, &four] {
        town.say(member(1), subject, Word::Approve);
        town.say(member(2), subject, Word::Approve);
    }
    town.subjects = vec![three];
    assert!(town.act(member(1)));
    town.signed.clear();
    town.subjects = vec![four];
    assert!(!town.act(member(1)), "its own signature is on the table");
    town.votes.clear();
    assert!(town.act(member(1)), "where nobody shows it, nothing holds it back");
}

#[test]
fn a_request_that_cannot_be_granted_is_told_at_once() {
    let mut town = Town::of(2, None);
    let subject = town.ask(3, MemberKind::Cert);
    assert_eq!(town.council(member(1)).fits(&subject), Ok(()));
    town.grow(3, MemberKind::Cert);
    assert_eq!(town.council(member(1)).fits(&subject), Err(Rule::DecidedAlready));
    let request = community::JoinRequest {
        community: town.registry.id(),
        at: town.now.plus(1),
        again: None,
        statement: crate::town::statement(3, MemberKind::Cert),
    };
    let again = community::Subject::open(&request.sign(&key(3)).unwrap(), |_| None).unwrap();
    assert_eq!(town.council(member(1)).fits(&again), Err(Rule::MemberExists));
}

/// Nobody is let in by a request that it has replaced since; but what votes are on the table for is gone on with, or those who gave them
/// could give no others until a round is dead.
#[test]
fn the_last_request_counts_unless_votes_are_on_the_table() {
    for voted in [false, true] {
        let mut town = Town::of(2, None);
        let first = town.ask(3, MemberKind::Cert);
        for by in [1, 2] {
            town.say(member(by), &first, Word::Approve);
        }
        if voted {
            assert!(town.act(member(1)));
        }
        town.now = town.now.plus(base::Micros::SECOND);
        let second = town.ask(3, MemberKind::Cert);
        assert!(first.is_replaced_by(&second) && !second.is_replaced_by(&first));
        town.settle(&[]);
        assert_eq!(town.registry.has_decided(&first.body()), voted);
        if voted {
            continue;
        }
        for by in [1, 2] {
            town.say(member(by), &second, Word::Approve);
        }
        town.settle(&[]);
        assert!(town.registry.has_decided(&second.body()) && !town.registry.has_decided(&first.body()));
    }
}
