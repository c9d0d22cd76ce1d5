//! A community in memory: members with keys, and a table that all of them see.

use std::collections::BTreeMap;

use base::Micros;
use base::signing::{Signer, SigningKey};
use community::{
    Approval, Body, Chain, Content, Council, Deed, Entry, EntryHash, Founded, JoinRequest, MemberId,
    MemberKind, Move, Names, Proposal, QuorumRule, Recovery, Registry, Rule, Slug, Statement, Subject, Word,
};

/// One day.
pub(crate) const DAY: i64 = 86_400 * Micros::SECOND;
/// When everything begins: a moment that members whose clocks differ call by the same name.
pub(crate) const START: Micros = Micros(1_700_000_400_000_000);

/// The key of a number.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

/// The member whose first key has this number.
pub(crate) fn member(number: u8) -> MemberId {
    MemberId(key(number).public_key().id())
}

/// What the member of a number says of itself; its recovery keys are two of three, from `number + 100`.
pub(crate) fn statement(number: u8, kind: MemberKind) -> Statement {
    let slug: Slug = format!("m-{number}").parse().unwrap();
    let mut statement =
        Statement::new(key(number).public_key(), Names::english("Member").unwrap(), slug, kind);
    statement.endpoints = vec![format!("http://127.0.0.1:{}", 9000 + u32::from(number)).parse().unwrap()];
    let keys = (0..3).map(|at| key(number + 100 + at * 10).public_key()).collect();
    statement.recovery = Recovery { keys, needed: 2 };
    statement
}

/// Everything that is known in the community.
pub(crate) struct Town {
    pub(crate) now: Micros,
    pub(crate) registry: Registry,
    pub(crate) entries: Vec<Entry>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) votes: Vec<Entry>,
    pub(crate) keys: BTreeMap<MemberId, Vec<SigningKey>>,
    pub(crate) signed: BTreeMap<(MemberId, u64, u64), EntryHash>,
}

impl Town {
    /// An entry for the next place in the community's chain that nobody has signed yet, by the words of a decision.
    pub(crate) fn decision(&self, body: &Body, round: u64) -> Entry {
        let raw = match body {
            Body::Suspended(of) => serde_json::value::to_raw_value(of),
            Body::Admitted(request) => serde_json::value::to_raw_value(request),
            other => panic!("nobody asked for this yet: {other:?}"),
        };
        Entry::unsigned(&Content {
            community: Some(self.registry.id()),
            chain: Chain::Community,
            epoch: self.registry.head().epoch + 1,
            previous: Some(self.registry.head().hash),
            at: self.now,
            round,
            heads: BTreeMap::new(),
            basis: None,
            kind: body.kind().into(),
            body: raw.unwrap(),
        })
        .unwrap()
    }

    /// A community that member 1 has founded.
    pub(crate) fn new(quorum: QuorumRule) -> Self {
        let founded = Founded {
            names: Names::english("Community").unwrap(),
            quorum,
            founder: statement(1, MemberKind::Cert),
        };
        let founding = community::founding(founded, START, &key(1)).unwrap();
        Self {
            now: START,
            registry: Registry::found(&founding).unwrap(),
            entries: vec![founding],
            subjects: Vec::new(),
            approvals: Vec::new(),
            votes: Vec::new(),
            keys: BTreeMap::from([(member(1), vec![key(1)])]),
            signed: BTreeMap::new(),
        }
    }

    /// A community of certs `1..=count`, and a secretariat with the next number where one is wanted.
    pub(crate) fn of(count: u8, secretariat: Option<u8>) -> Self {
        let mut town = Self::new(QuorumRule::AllButOne);
        for number in 2..=count {
            town.grow(number, MemberKind::Cert);
        }
        if let Some(number) = secretariat {
            town.grow(number, MemberKind::Secretariat);
        }
        town
    }

    /// Lets a member in with everybody's approval.
    pub(crate) fn grow(&mut self, number: u8, kind: MemberKind) {
        let subject = self.ask(number, kind);
        let members: Vec<MemberId> = self.registry.members().map(community::Member::id).collect();
        for by in members {
            self.say(by, &subject, Word::Approve);
        }
        self.settle(&[]);
        assert!(self.registry.member(member(number)).is_some(), "member {number} is in");
    }

    /// The member of a number asks to be let in.
    pub(crate) fn ask(&mut self, number: u8, kind: MemberKind) -> Subject {
        self.keys.insert(member(number), vec![key(number)]);
        let request = JoinRequest {
            community: self.registry.id(),
            at: self.now,
            again: None,
            statement: statement(number, kind),
        };
        self.subject(&request.sign(&key(number)).unwrap())
    }

    /// A member proposes something.
    pub(crate) fn propose(&mut self, by: MemberId, deed: Deed) -> Subject {
        let proposal = Proposal { community: self.registry.id(), by, at: self.now, deed };
        let signed = proposal.sign(self.key_of(by)).unwrap();
        self.subject(&signed)
    }

    fn subject(&mut self, signed: &base::signed::Signed) -> Subject {
        let key_of = |id| Some(self.registry.member(id)?.key(self.now));
        let subject = Subject::open(signed, key_of).unwrap();
        self.subjects.push(subject.clone());
        subject
    }

    /// A member says its word on a subject.
    pub(crate) fn say(&mut self, by: MemberId, subject: &Subject, word: Word) {
        self.approvals.push(Approval {
            community: self.registry.id(),
            subject: subject.hash(),
            by,
            word,
            at: self.now,
        });
    }

    pub(crate) fn key_of(&self, member: MemberId) -> &SigningKey {
        self.keys[&member].last().unwrap()
    }

    pub(crate) fn council(&self, me: MemberId) -> Council<'_> {
        Council {
            registry: &self.registry,
            me,
            subjects: &self.subjects,
            approvals: &self.approvals,
            votes: &self.votes,
            now: self.now,
        }
    }

    /// Everybody but `absent` acts until nobody has anything to do.
    pub(crate) fn settle(&mut self, absent: &[MemberId]) {
        loop {
            let members: Vec<MemberId> = self.keys.keys().copied().collect();
            let mut moved = false;
            for me in members.into_iter().filter(|member| !absent.contains(member)) {
                moved |= self.act(me);
            }
            if !moved {
                return;
            }
        }
    }

    /// One member acts once; whether it had anything to do.
    pub(crate) fn act(&mut self, me: MemberId) -> bool {
        let epoch = self.registry.head().epoch + 1;
        let signed = self.signed.clone();
        let before = move |round| signed.get(&(me, epoch, round)).copied();
        match self.council(me).next(&before).unwrap() {
            Move::Wait => false,
            Move::Vote(mut entry) => {
                entry.sign(self.keys[&me].last().unwrap()).unwrap();
                self.signed.insert((me, epoch, entry.content().round), entry.hash());
                self.votes.push(*entry);
                true
            }
            Move::Decided(entry) => {
                self.registry.apply(&entry).unwrap();
                self.entries.push(*entry);
                true
            }
        }
    }

    /// A member's own entry, signed by the given keys.
    pub(crate) fn own(&self, of: MemberId, body: &Body, keys: &[&SigningKey]) -> Entry {
        let mut entry = community::own_entry(&self.registry, of, body, self.now).unwrap();
        for key in keys {
            entry.sign(*key).unwrap();
        }
        entry
    }

    /// Applies an own entry and keeps it.
    pub(crate) fn take(&mut self, entry: Entry) -> Result<(), Rule> {
        self.registry.apply(&entry).map_err(|refused| refused.rule)?;
        self.entries.push(entry);
        Ok(())
    }
}
