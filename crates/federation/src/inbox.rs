//! What comes in: from sealed bytes to effects, one question after the other, any "no" ending it.
//!
//! The questions: (1) open: sealed to this node, in a known suite; (2) sender: an active member, whose signature covers the
//! whole envelope; (3) place: the next of its lane, or known, or a gap; (4) registry and ledger: not behind the sender's; (5) author: a
//! member then and now; (6) signature and place in the ledger; (7) commitments; (8) proof, or grace until a head covers it;
//! (9) handling and consent.
//! Then come the effects; [`Exchange::close`] adds one receipt for each author to the same transaction.
//!
//! Invariant: a refusal gives no effect but a line in the log and the cursor behind it, and one that passes not even those.

use std::collections::BTreeMap;

use base::signing::KeyId;
use ledger::TreeHash;
use ledger::act::{Act, ActError, ActKind};
use ledger::checkpoint::Origin;
use ledger::proof::verify_inclusion;

use crate::change::{self, ChangeOf, rules_now};
use crate::consent::{Consent, Passing, permits};
use crate::content::{
    Change, Content, ObjectHead, Outcome, Receipt, ReceiptLine, read_document, write_document,
};
use crate::draft::{DeedError, Draft, NewAct, act_row};
use crate::envelope::{Envelope, statement};
use crate::outbox::brings_object;
use crate::port::{Consented, Deed, Question, Read, Rows, Standing, StoreFailed};
use crate::rows::{
    Covered, Effect, Lane, ObjectName, PayloadRow, PeerRow, ReceiptRow, ReceiptState, RefusalRow, VersionRow,
};
use crate::seal::{SealError, Sealed};
use crate::wire::{Ack, AckRefusal, Cosigned};
use crate::{Exchange, Refused, Rule};

/// What became of one envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It had been taken before; nothing changed.
    Known,
    /// It was taken, and its author gets a receipt.
    Done {
        /// Whose act.
        author: KeyId,
        /// In which lane it came.
        lane: Lane,
        /// The line of the receipt; `None` for receipts, which get none.
        line: Option<ReceiptLine>,
    },
    /// It was no envelope but heads of ledgers; these lines go to whose they are.
    Heads(Vec<(KeyId, Cosigned)>),
    /// It was refused.
    Refused(Refused),
}

/// One envelope's outcome and what is to be applied before the next one is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it, where that is known.
    pub from: Option<KeyId>,
    /// Its lane and place, where they are known.
    pub at_place: Option<(Lane, u64)>,
    /// What became of it.
    pub taken: Taken,
    /// What is to be applied.
    pub effects: Vec<Effect>,
}

/// Why a step ended: by a rule, or because the store did not answer.
enum Stop {
    Rule(Refused),
    Twice(Box<(String, String)>),
    Store(StoreFailed),
}

impl From<Rule> for Stop {
    fn from(rule: Rule) -> Self {
        Self::Rule(rule.into())
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Rule(refused)
    }
}

impl From<StoreFailed> for Stop {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

type Step<T> = Result<T, Stop>;

/// An act that passed every question but those of its kind.
struct Judged<'a> {
    envelope: &'a Envelope,
    act: &'a Act,
    content: Content<'a>,
    payload: PayloadRow,
}

impl Exchange<'_> {
    /// Judges one envelope. Its effects are to be applied before the next is judged, in the same transaction or another.
    ///
    /// # Errors
    /// The store did not answer; a refusal is no error but a [`Taken`].
    pub fn receive(&self, rows: &dyn Rows, sealed: &Sealed) -> Read<Received> {
        let plain = match self.unseal(sealed) {
            Ok(plain) => plain,
            Err(refused) => return Ok(self.turned_away(refused)),
        };
        if let Some((lines, effects)) = self.sealed_heads(rows, &plain)? {
            return Ok(Received { from: None, at_place: None, taken: Taken::Heads(lines), effects });
        }
        let envelope = match self.open(&plain) {
            Ok(envelope) => envelope,
            Err(refused) => return Ok(self.turned_away(refused)),
        };
        if envelope.lane == Lane::Back {
            return self.take_back(rows, &envelope);
        }
        let mut peer = rows.peer(&envelope.from)?;
        match self.next_in_lane(rows, &envelope, &peer)? {
            Some(taken) => Ok(received(&envelope, taken, Vec::new())),
            None => {
                if let Some(queue) = peer.queue_mut(envelope.lane) {
                    queue.cursor = envelope.place;
                }
                self.judged(rows, &envelope, peer)
            }
        }
    }

    /// The line of rules in an envelope that opens, for who has to know what it speaks of before it can be judged.
    #[must_use]
    pub fn rules_in(&self, sealed: &Sealed) -> Option<String> {
        let (_, bytes) = self.open(&self.unseal(sealed).ok()?).ok()?.payload?;
        Content::parse(&bytes).ok().map(|content| content.rules.to_owned())
    }

    /// Question 1.
    fn unseal(&self, sealed: &Sealed) -> Result<Vec<u8>, Refused> {
        let plain = self.me.sealing.open(sealed).map_err(|error| match error {
            SealError::Form | SealError::Unsound => Rule::SealForm,
            SealError::UnknownSuite(_) => Rule::SealSuite,
            SealError::Closed => Rule::SealClosed,
        });
        Ok(plain?)
    }

    /// Question 2.
    fn open(&self, plain: &[u8]) -> Result<Envelope, Refused> {
        let keys = |member: &KeyId| match self.directory.standing(member) {
            Standing::Active => self.directory.keys(member),
            _ => Vec::new(),
        };
        let envelope = Envelope::open(plain, keys)?;
        if envelope.to != self.me.member || envelope.from == self.me.member {
            return Err(Rule::WrongRecipient.into());
        }
        Ok(envelope)
    }

    fn turned_away(&self, refused: Refused) -> Received {
        let row = RefusalRow { peer: None, at_place: None, rule: refused.to_string(), at: self.now };
        Received {
            from: None,
            at_place: None,
            taken: Taken::Refused(refused),
            effects: vec![Effect::Refusal(row)],
        }
    }

    /// Questions 3 and 4: `None` = it is the next to be judged.
    fn next_in_lane(&self, rows: &dyn Rows, envelope: &Envelope, peer: &PeerRow) -> Read<Option<Taken>> {
        let expected = peer.queue(envelope.lane).cursor.saturating_add(1);
        let refused = |rule: Rule| Some(Taken::Refused(rule.into()));
        if envelope.place < expected {
            return Ok(Some(Taken::Known));
        }
        if rows.own()?.recovery.is_some() {
            return Ok(refused(Rule::Recovering));
        }
        if envelope.place > expected {
            return Ok(refused(Rule::Gap));
        }
        if envelope.epoch > self.directory.epoch() {
            return Ok(refused(Rule::RegistryBehind));
        }
        if self.is_ahead(rows, envelope)? {
            return Ok(refused(Rule::HeadBehind));
        }
        Ok(None)
    }

    /// Whether a head covers the act that this node does not mirror yet. Taking it then would leave its author without the
    /// leaves before it, should that ever have to take back what it lost, and would believe a head that nobody compares.
    fn is_ahead(&self, rows: &dyn Rows, envelope: &Envelope) -> Read<bool> {
        let Some(act) = envelope.proof.as_ref().and_then(|_| Act::peek(&envelope.act).ok()) else {
            return Ok(false);
        };
        let header = act.header();
        let size = rows.mirror(&header.author)?.map_or(0, |row| row.size);
        Ok(header.author != self.me.member && header.sequence >= size)
    }

    /// Questions 5 to 9. `peer` already has the cursor behind this envelope.
    fn judged(&self, rows: &dyn Rows, envelope: &Envelope, peer: PeerRow) -> Read<Received> {
        let cursor = Effect::Peer(envelope.from, peer);
        match self.take(rows, envelope) {
            Ok((taken, mut effects)) => {
                effects.push(cursor);
                Ok(received(envelope, taken, effects))
            }
            Err(Stop::Store(failed)) => Err(failed),
            Err(Stop::Rule(refused)) => Ok(self.refused(envelope, refused, vec![cursor])),
            Err(Stop::Twice(texts)) => {
                let evidence = two_acts(envelope, &texts);
                Ok(self.refused(envelope, Rule::Equivocation.into(), vec![cursor, evidence]))
            }
        }
    }

    fn refused(&self, envelope: &Envelope, refused: Refused, mut effects: Vec<Effect>) -> Received {
        effects.push(Effect::Refusal(RefusalRow {
            peer: Some(envelope.from),
            at_place: Some((envelope.lane, envelope.place)),
            rule: refused.to_string(),
            at: self.now,
        }));
        received(envelope, Taken::Refused(refused), effects)
    }

    fn take(&self, rows: &dyn Rows, envelope: &Envelope) -> Step<(Taken, Vec<Effect>)> {
        let act = self.act_of(envelope)?;
        let header = act.header();
        if let Some(held) = rows.act(&header.author, header.sequence)? {
            if held.leaf == act.leaf() {
                return Ok((Taken::Known, Vec::new()));
            }
            return Err(Stop::Twice(Box::new((held.signed, envelope.act.to_json()))));
        }
        self.may_speak(envelope, &act)?;
        let covered = self.covered(rows, envelope, &act)?;
        let Some((salt, bytes)) = &envelope.payload else {
            if header.payload.is_none() {
                return Err(Rule::Commitment.into());
            }
            return Ok((done(envelope, &act, Some(Outcome::Empty)), Vec::new()));
        };
        if header.payload != Some(salt.commit(bytes)) {
            return Err(Rule::Commitment.into());
        }
        let payload = PayloadRow {
            author: header.author,
            sequence: header.sequence,
            salt: *salt,
            bytes: bytes.clone(),
        };
        let content = Content::parse(bytes)?;
        if header.handling != Some(salt.commit(content.rules.as_bytes())) {
            return Err(Rule::HandlingOther.into());
        }
        let (outcome, mut effects) = self.by_kind(rows, &Judged { envelope, act: &act, content, payload })?;
        effects.push(Effect::Act(act_row(&act, envelope.act.to_json(), covered)));
        Ok((done(envelope, &act, outcome), effects))
    }

    /// Questions 5 and 6: the author, its signature, its community.
    pub(crate) fn act_of(&self, envelope: &Envelope) -> Result<Act, Refused> {
        let claimed = Act::peek(&envelope.act).map_err(|error| form(&error))?;
        let author = claimed.header().author;
        let keys = self.directory.keys(&author);
        if keys.is_empty() || self.directory.standing(&author) == Standing::Unknown {
            return Err(Rule::AuthorUnknown.into());
        }
        let act = keys.iter().find_map(|key| Act::open(&envelope.act, key).ok());
        let act = act.ok_or(Rule::ActSignature)?;
        if act.header().community != self.me.community {
            return Err(Rule::CommunityOther.into());
        }
        Ok(act)
    }

    /// Whether the author may act now, and whether this kind may come from this sender.
    fn may_speak(&self, envelope: &Envelope, act: &Act) -> Result<(), Refused> {
        let header = act.header();
        let takes_away = matches!(header.kind, ActKind::Recalled | ActKind::Erased);
        let then = self.directory.standing_at(&header.author, envelope.epoch);
        let now = self.directory.standing(&header.author);
        if !takes_away && (then != Standing::Active || now != Standing::Active) {
            return Err(Rule::AuthorInactive.into());
        }
        let only_from_author = matches!(header.kind, ActKind::Received | ActKind::Consented);
        if only_from_author && envelope.from != header.author {
            return Err(Rule::NotOriginator.into());
        }
        if matches!(header.kind, ActKind::Withheld | ActKind::RegistryChanged) {
            return Err(Rule::KindStays.into());
        }
        Ok(())
    }

    /// Question 8: the proof beside the act, or the author's ledger as it is mirrored here, or grace.
    fn covered(&self, rows: &dyn Rows, envelope: &Envelope, act: &Act) -> Step<Covered> {
        let header = act.header();
        let mut covered = Covered::Awaited(self.now);
        if let Some(proof) = &envelope.proof {
            let origin = Origin::of_member(&header.author);
            let head = proof
                .checkpoint
                .verify(&origin, &self.ledger_keys(&header.author))
                .map_err(|_| Rule::Proof)?;
            verify_inclusion(act.leaf(), header.sequence, head.size, &proof.hashes, head.root)
                .map_err(|_| Rule::Proof)?;
            covered = Covered::Yes;
        }
        let size = rows.mirror(&header.author)?.map_or(0, |row| row.size);
        if header.sequence < size {
            let next = header.sequence.saturating_add(1);
            let leaves = rows.leaves(&header.author, header.sequence, next)?;
            if leaves.first() != Some(&act.leaf()) {
                return Err(Rule::ProofContradicted.into());
            }
            covered = Covered::Yes;
        }
        Ok(covered)
    }

    fn by_kind(&self, rows: &dyn Rows, judged: &Judged<'_>) -> Step<(Option<Outcome>, Vec<Effect>)> {
        match &judged.act.header().kind {
            ActKind::Recalled | ActKind::Erased | ActKind::MarkingChanged => self.change(rows, judged),
            ActKind::Received => Ok((None, self.receipt(rows, judged)?)),
            ActKind::Consented => self.consented(judged),
            kind if brings_object(kind) => self.object(rows, judged),
            _ => Err(Rule::KindStays.into()),
        }
    }

    /// Question 9, and keeping the object.
    fn object(&self, rows: &dyn Rows, judged: &Judged<'_>) -> Step<(Option<Outcome>, Vec<Effect>)> {
        let header = judged.act.header();
        let (name, version) = self.named(judged)?;
        let fate = rows.fate(&name)?;
        if fate.voids(header.sequence) {
            return Err(Rule::Tombstoned.into());
        }
        let digest = judged.payload.salt.commit(judged.content.object);
        let passed = judged.envelope.from != header.author;
        if passed {
            let passing = Passing {
                name: &name,
                digest,
                from: judged.envelope.from,
                to: self.me.member,
                now: self.now,
            };
            permits(&judged.envelope.consents, &self.directory.keys(&header.author), &passing)?;
        }
        let rules = rules_now(self, &fate, header.sequence, judged.content.rules);
        let question = Question {
            deed: Deed::Keep,
            originator: header.author,
            recipient: self.me.member,
            rules: &rules,
            object: judged.content.object,
            consent: if passed { Consented::Yes } else { Consented::No },
            now: self.now,
        };
        let handling = |rule| Refused { rule: Rule::Handling, handling: Some(rule) };
        self.judge.decide(&question).map_err(handling)?;
        let held = rows.versions(&name)?.into_iter().find(|held| held.version == version);
        if held.as_ref().is_some_and(|held| held.sequence > header.sequence) {
            return Ok((Some(Outcome::Superseded), Vec::new()));
        }
        let mut effects = Vec::new();
        effects
            .extend(held.map(|held| Effect::DropPayload { author: header.author, sequence: held.sequence }));
        effects.push(Effect::Payload(judged.payload.clone()));
        effects.push(Effect::Version(VersionRow {
            name,
            version,
            sequence: header.sequence,
            kind: header.kind.clone(),
            digest,
            rules,
            by: passed.then_some(judged.envelope.from),
        }));
        Ok((Some(Outcome::Kept), effects))
    }

    /// The object's name and version, when header and bytes say the same and no other member made it.
    fn named(&self, judged: &Judged<'_>) -> Result<(ObjectName, String), Refused> {
        let header = judged.act.header();
        let said = header.object.as_ref().ok_or(Rule::ObjectOther)?;
        if said.digest != judged.payload.salt.commit(judged.content.object) {
            return Err(Rule::ObjectOther.into());
        }
        let head = ObjectHead::read(judged.content.object)?;
        if head.id != said.id || head.version() != said.version.as_deref() {
            return Err(Rule::ObjectOther.into());
        }
        let maker =
            head.created_by_ref.as_deref().and_then(|identity| self.directory.identity_owner(identity));
        if maker.is_some_and(|maker| maker != header.author) {
            return Err(Rule::OriginForged.into());
        }
        let version = head.version().unwrap_or_default().to_owned();
        Ok((ObjectName { author: header.author, id: head.id }, version))
    }

    fn change(&self, rows: &dyn Rows, judged: &Judged<'_>) -> Step<(Option<Outcome>, Vec<Effect>)> {
        let header = judged.act.header();
        let change: Change = read_document(judged.content.document)?;
        if change.originator != header.author {
            return Err(Rule::NotOriginator.into());
        }
        let object = header.object.as_ref().ok_or(Rule::ObjectOther)?;
        let name = ObjectName { author: header.author, id: object.id.clone() };
        let applied = ChangeOf {
            kind: &header.kind,
            name: &name,
            sequence: header.sequence,
            rules: judged.content.rules,
        };
        let mut effects = change::apply(self, rows, &applied)?;
        effects.push(Effect::Payload(judged.payload.clone()));
        effects.extend(self.pass_along(rows, judged, &name)?);
        Ok((Some(Outcome::Done), effects))
    }

    /// A change goes on to whom the object went on.
    fn pass_along(&self, rows: &dyn Rows, judged: &Judged<'_>, name: &ObjectName) -> Step<Vec<Effect>> {
        let further = rows.passed_on(name)?;
        if further.is_empty() {
            return Ok(Vec::new());
        }
        let header = judged.act.header();
        let mut effects = Vec::new();
        for to in further.into_iter().filter(|to| *to != judged.envelope.from && *to != header.author) {
            let mut peer = rows.peer(&to)?;
            let Some(queue) = peer.queue_mut(Lane::Flash) else { continue };
            queue.last = queue.last.saturating_add(1);
            let place = queue.last;
            effects.push(Effect::Outbox(crate::OutboxRow {
                peer: to,
                lane: Lane::Flash,
                place,
                author: header.author,
                sequence: header.sequence,
            }));
            effects.push(Effect::Peer(to, peer));
        }
        Ok(effects)
    }

    fn receipt(&self, rows: &dyn Rows, judged: &Judged<'_>) -> Step<Vec<Effect>> {
        let header = judged.act.header();
        let receipt: Receipt = read_document(judged.content.document)?;
        if receipt.of != self.me.member {
            return Err(Rule::ReceiptUnfounded.into());
        }
        let size = rows.own()?.next;
        let mut effects = Vec::new();
        for line in &receipt.acts {
            let next = line.sequence.saturating_add(1);
            let leaf: Option<TreeHash> = if line.sequence < size {
                rows.leaves(&self.me.member, line.sequence, next)?.pop()
            } else {
                None
            };
            if leaf != Some(line.leaf) {
                return Err(Rule::ReceiptUnfounded.into());
            }
            let awaited = rows.receipts(line.sequence)?.into_iter().any(|row| row.member == header.author);
            effects.extend(awaited.then(|| {
                Effect::Receipt(ReceiptRow {
                    sequence: line.sequence,
                    member: header.author,
                    state: ReceiptState::Done {
                        receipt: header.sequence,
                        outcome: line.outcome.name().to_owned(),
                    },
                })
            }));
        }
        effects.push(Effect::Payload(judged.payload.clone()));
        Ok(effects)
    }

    fn consented(&self, judged: &Judged<'_>) -> Step<(Option<Outcome>, Vec<Effect>)> {
        let signed = statement(judged.content.document).map_err(|_| Rule::ConsentInvalid)?;
        let author = judged.act.header().author;
        let token = Consent::open(&signed, &self.directory.keys(&author))?;
        if token.originator != author || token.from != self.me.member {
            return Err(Rule::ConsentInvalid.into());
        }
        let effects = vec![Effect::Consent(token.row(&signed)), Effect::Payload(judged.payload.clone())];
        Ok((Some(Outcome::Done), effects))
    }

    /// Ends a batch: a receipt for each author of what was taken, and the acknowledgement for the sender.
    ///
    /// # Errors
    /// Those of [`DeedError`].
    pub fn close(
        &self,
        rows: &dyn Rows,
        peer: KeyId,
        batch: &[Received],
    ) -> Result<(Ack, Vec<Effect>), DeedError> {
        let mut by_author: BTreeMap<(KeyId, Lane), Vec<ReceiptLine>> = BTreeMap::new();
        for received in batch {
            if let Taken::Done { author, lane, line: Some(line) } = &received.taken {
                by_author.entry((*author, *lane)).or_default().push(line.clone());
            }
        }
        let mut effects = Vec::new();
        if !by_author.is_empty() {
            let mut draft = Draft::begin(self, rows)?;
            for ((author, lane), acts) in by_author {
                let receipt = Receipt { of: author, acts, at_us: self.now.0 };
                let document = write_document(&receipt);
                let content = Content { document: &document, ..Content::default() };
                let addressees = std::collections::BTreeSet::from([author]);
                let new = NewAct { kind: ActKind::Received, object: None, content, addressees: &addressees };
                let made = draft.append(&new)?;
                draft.enqueue(author, lane, (self.me.member, made.sequence))?;
            }
            effects = draft.finish();
        }
        let known = rows.peer(&peer)?;
        let refused = batch.iter().filter_map(|received| ack_refusal(&peer, received));
        let ack = Ack {
            from: self.me.member,
            to: peer,
            cursors: Lane::QUEUES.map(|lane| known.queue(lane).cursor),
            refused: refused.take(base::limit::ACK_REFUSALS_MAX).collect(),
            heads: BTreeMap::new(),
            given_back: false,
        };
        Ok((ack, effects))
    }
}

fn ack_refusal(peer: &KeyId, received: &Received) -> Option<AckRefusal> {
    let Taken::Refused(refused) = &received.taken else { return None };
    let (lane, place) = received.at_place.filter(|_| received.from == Some(*peer))?;
    if refused.rule.passes() {
        return None;
    }
    Some(AckRefusal { lane: lane.number(), place, rule: refused.to_string() })
}

fn form(error: &ActError) -> Rule {
    match error {
        // The reader of a header says so of a suite that it does not know.
        ActError::Form(why) if why.contains("suite") && why.contains("not known") => Rule::UnknownSuite,
        _ => Rule::ActForm,
    }
}

fn received(envelope: &Envelope, taken: Taken, effects: Vec<Effect>) -> Received {
    Received { from: Some(envelope.from), at_place: Some((envelope.lane, envelope.place)), taken, effects }
}

fn done(envelope: &Envelope, act: &Act, outcome: Option<Outcome>) -> Taken {
    let header = act.header();
    let line = outcome.map(|outcome| ReceiptLine { sequence: header.sequence, leaf: act.leaf(), outcome });
    Taken::Done { author: header.author, lane: envelope.lane, line }
}

/// Two acts that one author signed for one place: both in one file, for anyone to verify.
fn two_acts(envelope: &Envelope, texts: &(String, String)) -> Effect {
    let origin = Act::peek(&envelope.act).map_or(envelope.from, |act| act.header().author);
    let (first, second) = texts;
    let text = format!("{{\"format\":\"cresset-two-acts-1\",\"first\":{first},\"second\":{second}}}");
    Effect::Evidence { origin, text }
}
