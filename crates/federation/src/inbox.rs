//! What comes in: from sealed bytes to effects, one question after the other, any "no" ending it.
//!
//! The questions: (1) open: sealed to this node, in a known suite; (2) sender: an active member, whose signature covers the
//! whole envelope, or the whole batch that it stands in ([`Exchange::open_batch`]); (3) place: the next of its lane, or known, or a gap; (4) registry and ledger: not behind the sender's; (5) author: a
//! member then and now; (6) signature, unless its author's ledger has this very leaf; and place in the ledger; (7) commitments; (8) proof, or grace until a head covers it;
//! (9) handling and consent.
//! Then come the effects; [`Exchange::close`] adds one receipt for each author to the same transaction (see `receipts`).
//!
//! Invariant: a refusal gives no effect but a line in the log and the cursor behind it, and one that passes not even those.

use base::limit::EVIDENCE_OF_ONE_MAX;
use base::signed::Signed;
use base::signing::{KeyId, PublicKey};
use ledger::TreeHash;
use ledger::act::{ACT_TYPE, Act, ActError, ActKind};
use ledger::checkpoint::Origin;
use ledger::commitment::Commitment;
use ledger::proof::verify_inclusion;
use ledger::two_acts::{Leaf, Other, TwoActs};

use crate::batch::Entry;
use crate::change::{self, ChangeOf, rules_now};
use crate::consent::{Consent, Passing, Revocation, permits};
use crate::content::{Change, Content, Notice, ObjectHead, Outcome, Receipt, ReceiptLine, read_document};
use crate::draft::act_row;
use crate::envelope::{Envelope, Proof, statement};
use crate::outbox::brings_object;
use crate::passed_on::{came_empty, comes_again, given_again};
use crate::port::{Consented, Deed, Question, Read, Rows, Standing, StoreFailed};
use crate::rows::{
    ActRow, ConsentRow, Covered, Effect, Lane, ObjectName, PayloadRow, PeerRow, RefusalRow, RevokedRow,
    VersionRow,
};
use crate::seal::{SealError, Sealed};
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
    /// By a rule that its author has broken by two acts for one place, and what proves it.
    Proven(Rule, Option<Box<Effect>>),
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

/// Where something came, and from whom.
#[derive(Clone, Copy)]
struct At {
    from: KeyId,
    lane: Lane,
    place: u64,
    epoch: u64,
}

/// An act as it is claimed, and the leaf that its author's ledger has in its place as far as it is mirrored here.
struct Claim {
    act: Act,
    mirrored: Option<TreeHash>,
}

impl Claim {
    /// Whether the author's ledger, under a head that its author signed, has this very act.
    fn is_mirrored(&self) -> bool {
        self.mirrored == Some(self.act.leaf())
    }
}

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
        let envelope = match self.open(&plain) {
            Ok(envelope) => envelope,
            Err(refused) => return Ok(self.turned_away(refused)),
        };
        if envelope.life < rows.peer(&envelope.from)?.life {
            return Ok(self.of_earlier_life(envelope.from));
        }
        if envelope.lane == Lane::Back {
            return self.take_back(rows, &envelope);
        }
        self.in_lane(rows, at(&envelope), Ok(&envelope))
    }

    /// Judges one entry of a batch that was opened; as [`Exchange::receive`] does with an envelope.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn receive_entry(&self, rows: &dyn Rows, head: &crate::BatchHead, entry: &Entry) -> Read<Received> {
        let (lane, place) = entry.at_place;
        let at = At { from: head.from, lane, place, epoch: head.epoch };
        self.in_lane(rows, at, entry.envelope.as_ref().map_err(|rule| *rule))
    }

    fn in_lane(&self, rows: &dyn Rows, at: At, envelope: Result<&Envelope, Rule>) -> Read<Received> {
        let mut peer = rows.peer(&at.from)?;
        if let Some(taken) = self.next_in_lane(rows, at, &peer)? {
            return Ok(received(at, taken, Vec::new()));
        }
        let claim = match envelope {
            Ok(envelope) => self.claim(rows, envelope)?,
            Err(rule) => Err(rule),
        };
        if let (Ok(envelope), Ok(claim)) = (envelope, &claim)
            && let Some(rule) = self.not_yet(envelope, claim)
        {
            return Ok(received(at, Taken::Refused(rule.into()), Vec::new()));
        }
        if let Some(queue) = peer.queue_mut(at.lane) {
            queue.cursor = at.place;
        }
        self.judged(rows, at, envelope.and_then(|envelope| Ok((envelope, claim?))), peer)
    }

    fn claim(&self, rows: &dyn Rows, envelope: &Envelope) -> Read<Result<Claim, Rule>> {
        let act = match Act::peek(&envelope.act) {
            Ok(act) => act,
            Err(error) => return Ok(Err(form(&error))),
        };
        let (author, sequence) = (act.header().author, act.header().sequence);
        let size = rows.mirror(&author)?.map_or(0, |row| row.size);
        let mirrored = if sequence < size {
            rows.leaves(&author, sequence, sequence.saturating_add(1))?.pop()
        } else {
            None
        };
        Ok(Ok(Claim { act, mirrored }))
    }

    /// The payload of an envelope that opens, for who has to know what it speaks of before it can be judged.
    #[must_use]
    pub fn payload_in(&self, sealed: &Sealed) -> Option<Vec<u8>> {
        self.open(&self.unseal(sealed).ok()?).ok()?.payload.map(|(_, bytes)| bytes)
    }

    /// Question 1.
    pub(crate) fn unseal(&self, sealed: &Sealed) -> Result<Vec<u8>, Refused> {
        let plain = self.me.sealing.open(sealed).map_err(|error| match error {
            SealError::Form | SealError::Unsound => Rule::SealForm,
            SealError::UnknownSuite(_) => Rule::SealSuite,
            SealError::Closed => Rule::SealClosed,
        });
        Ok(plain?)
    }

    /// Question 2.
    fn open(&self, plain: &[u8]) -> Result<Envelope, Refused> {
        let envelope = Envelope::open(plain, |member| self.sender_keys(member))?;
        if envelope.to != self.me.member || envelope.from == self.me.member {
            return Err(Rule::WrongRecipient.into());
        }
        Ok(envelope)
    }

    /// The keys of a member that may send; none of any other.
    pub(crate) fn sender_keys(&self, member: &KeyId) -> Vec<PublicKey> {
        match self.directory.standing(member) {
            Standing::Active => self.directory.keys(member),
            _ => Vec::new(),
        }
    }

    /// What becomes of what was sent before its sender was restored: its place belongs to something else by now, so none is named.
    fn of_earlier_life(&self, from: KeyId) -> Received {
        let rule = Rule::Outlived;
        Received {
            from: Some(from),
            at_place: None,
            taken: Taken::Refused(rule.into()),
            effects: vec![self.refused_of(from, rule)],
        }
    }

    /// What becomes of sealed bytes from nobody knows whom.
    #[must_use]
    pub fn turned_away(&self, refused: Refused) -> Received {
        let row =
            RefusalRow { peer: None, at_place: None, object: None, rule: refused.to_string(), at: self.now };
        Received {
            from: None,
            at_place: None,
            taken: Taken::Refused(refused),
            effects: vec![Effect::Refusal(row)],
        }
    }

    /// Questions 3 and 4: `None` = it is the next to be judged.
    fn next_in_lane(&self, rows: &dyn Rows, at: At, peer: &PeerRow) -> Read<Option<Taken>> {
        let expected = peer.queue(at.lane).cursor.saturating_add(1);
        let refused = |rule: Rule| Some(Taken::Refused(rule.into()));
        if at.place < expected {
            return Ok(Some(Taken::Known));
        }
        if rows.own()?.taking_back().is_some() {
            return Ok(refused(Rule::Recovering));
        }
        if at.place > expected {
            return Ok(refused(Rule::Gap));
        }
        if at.epoch > self.directory.epoch() {
            return Ok(refused(Rule::RegistryBehind));
        }
        Ok(None)
    }

    /// Why an envelope is not judged yet, and is to come again.
    fn not_yet(&self, envelope: &Envelope, claim: &Claim) -> Option<Rule> {
        if self.is_ahead(envelope, claim) {
            return Some(Rule::HeadBehind);
        }
        self.is_of_before(envelope, &claim.act).then_some(Rule::SenderBehind)
    }

    /// Whether its author takes part again and its sender did not know that: judged by what the sender knew it would be refused for good,
    /// though nothing speaks against it. It is made anew with each turn, and names the later epoch as soon as the sender has heard of it.
    fn is_of_before(&self, envelope: &Envelope, act: &Act) -> bool {
        let author = &act.header().author;
        self.directory.standing(author) == Standing::Active
            && self.directory.standing_at(author, envelope.epoch) == Standing::Inactive
            && !takes_away(act)
    }

    /// Whether a head covers the act that this node does not mirror yet. Taking it then would leave its author without the
    /// leaves before it, should that ever have to take back what it lost, and would believe a head that nobody compares.
    fn is_ahead(&self, envelope: &Envelope, claim: &Claim) -> bool {
        let covered = envelope.proof != Proof::ToFollow;
        covered && claim.act.header().author != self.me.member && claim.mirrored.is_none()
    }

    /// Questions 5 to 9. `peer` already has the cursor behind this envelope.
    fn judged(
        &self,
        rows: &dyn Rows,
        at: At,
        claimed: Result<(&Envelope, Claim), Rule>,
        peer: PeerRow,
    ) -> Read<Received> {
        let cursor = Effect::Peer(at.from, peer);
        let object = claimed.as_ref().ok().and_then(|(_, claim)| about(&claim.act));
        let taken = match claimed {
            Ok((envelope, claim)) => self.take(rows, envelope, claim),
            Err(rule) => Err(rule.into()),
        };
        match taken {
            Ok((taken, mut effects)) => {
                effects.push(cursor);
                Ok(received(at, taken, effects))
            }
            Err(Stop::Store(failed)) => Err(failed),
            Err(Stop::Rule(refused)) => Ok(self.refused(at, object, (refused, vec![cursor]))),
            Err(Stop::Proven(rule, evidence)) => {
                let effects = std::iter::once(cursor).chain(evidence.map(|evidence| *evidence));
                Ok(self.refused(at, object, (rule.into(), effects.collect())))
            }
        }
    }

    fn refused(
        &self,
        at: At,
        object: Option<String>,
        (refused, mut effects): (Refused, Vec<Effect>),
    ) -> Received {
        effects.push(Effect::Refusal(RefusalRow {
            peer: Some(at.from),
            at_place: Some((at.lane, at.place)),
            object,
            rule: refused.to_string(),
            at: self.now,
        }));
        received(at, Taken::Refused(refused), effects)
    }

    fn take(&self, rows: &dyn Rows, envelope: &Envelope, claim: Claim) -> Step<(Taken, Vec<Effect>)> {
        self.is_the_authors(envelope, &claim)?;
        let Claim { act, mirrored } = claim;
        let header = act.header();
        if let Some(held) = rows.act(&header.author, header.sequence)? {
            if held.leaf != act.leaf() {
                let evidence = self.two_acts(rows, &held, envelope)?;
                return Err(Stop::Proven(Rule::Equivocation, evidence.map(Box::new)));
            }
            if !came_empty(rows, envelope, &act)? && !comes_again(rows, envelope, &held)? {
                let taken = match given_again(rows, envelope, &held)? {
                    Some(outcome) => done(envelope, &act, Some(outcome)),
                    None => Taken::Known,
                };
                return Ok((taken, Vec::new()));
            }
        }
        self.may_speak(envelope, &act)?;
        let covered = self.covered(rows, envelope, (&act, mirrored))?;
        let Some((salt, bytes)) = &envelope.payload else {
            if header.payload.is_none() {
                return Err(Rule::Commitment.into());
            }
            if came_empty(rows, envelope, &act)? {
                return Err(Rule::CameEmpty.into());
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

    /// Questions 5 and 6: the author, its community, and that the act is its own.
    ///
    /// A leaf in the author's ledger as it is mirrored here stands under a head that the author signed, and is the hash of
    /// the act's bytes: what the author sends itself and has there needs no second signature to be its own. What somebody else
    /// brings is verified all the same, so that no third party decides which signature is kept beside an act.
    fn is_the_authors(&self, envelope: &Envelope, claim: &Claim) -> Result<(), Refused> {
        let header = claim.act.header();
        let keys = self.directory.keys(&header.author);
        if keys.is_empty() || self.directory.standing(&header.author) == Standing::Unknown {
            return Err(Rule::AuthorUnknown.into());
        }
        let by_leaf = envelope.from == header.author
            && claim.is_mirrored()
            && envelope.act.payload_type() == ACT_TYPE
            && keys.iter().any(|key| key.suite() == header.suite);
        if !by_leaf && !keys.iter().any(|key| is_signed(&envelope.act, &claim.act, key)) {
            return Err(Rule::ActSignature.into());
        }
        if header.community != self.me.community {
            return Err(Rule::CommunityOther.into());
        }
        Ok(())
    }

    /// What proves that an author did two things at one place: both acts where both are signed; else the one in its ledger
    /// with its way to a signed head, and the other. `None` where neither can be shown.
    fn two_acts(&self, rows: &dyn Rows, held: &ActRow, envelope: &Envelope) -> Read<Option<Effect>> {
        let (place, keys) = ((held.author, held.sequence), self.directory.keys(&held.author));
        let sound = |signed: &Signed| keys.iter().any(|key| Act::open(signed, key).is_ok());
        let Ok(first) = statement(held.signed.as_bytes()) else { return Ok(None) };
        let second = envelope.act.clone();
        match (sound(&first), sound(&second)) {
            (true, true) => self.contradiction(rows, held.author, (second, Other::Signed(first))),
            (false, true) => self.beside_ledger(rows, place, (second, Leaf::Act(first))),
            (true, false) => self.beside_ledger(rows, place, (first, Leaf::Act(second))),
            (false, false) => Ok(None),
        }
    }

    /// A signed act for a place at which its author's ledger has another leaf, with that leaf's way to a head.
    fn beside_ledger(
        &self,
        rows: &dyn Rows,
        (author, sequence): (KeyId, u64),
        (act, leaf): (Signed, Leaf),
    ) -> Read<Option<Effect>> {
        let Some(proof) = self.proof_of(rows, &author, sequence)? else { return Ok(None) };
        let other = Other::InLedger { leaf, hashes: proof.hashes, head: proof.checkpoint };
        self.contradiction(rows, author, (act, other))
    }

    /// Evidence against an author, unless it would prove nothing or enough is kept.
    pub(crate) fn contradiction(
        &self,
        rows: &dyn Rows,
        author: KeyId,
        (act, other): (Signed, Other),
    ) -> Read<Option<Effect>> {
        if rows.evidence_against(&author)? >= EVIDENCE_OF_ONE_MAX {
            return Ok(None);
        }
        let evidence = TwoActs::new(self.directory.keys(&author), act, other).ok();
        Ok(evidence.map(|evidence| Effect::Evidence { origin: author, text: evidence.to_json() }))
    }

    /// Whether the author may act now, and whether this kind may come from this sender.
    fn may_speak(&self, envelope: &Envelope, act: &Act) -> Result<(), Refused> {
        let header = act.header();
        let then = self.directory.standing_at(&header.author, envelope.epoch);
        let now = self.directory.standing(&header.author);
        if !takes_away(act) && (then != Standing::Active || now != Standing::Active) {
            return Err(Rule::AuthorInactive.into());
        }
        let only_from_author = matches!(
            header.kind,
            ActKind::Received | ActKind::Consented | ActKind::ConsentRevoked | ActKind::GlassBroken
        );
        if only_from_author && envelope.from != header.author {
            return Err(Rule::NotOriginator.into());
        }
        let stays =
            [ActKind::Withheld, ActKind::RegistryChanged, ActKind::RetentionEnded, ActKind::CircleLeft];
        if stays.contains(&header.kind) {
            return Err(Rule::KindStays.into());
        }
        Ok(())
    }

    /// Question 8: the proof beside the act, or the author's ledger as it is mirrored here, or grace.
    fn covered(
        &self,
        rows: &dyn Rows,
        envelope: &Envelope,
        (act, mirrored): (&Act, Option<TreeHash>),
    ) -> Step<Covered> {
        let header = act.header();
        let mut covered = Covered::Awaited(self.now);
        if let Proof::Path(proof) = &envelope.proof {
            let origin = Origin::of_member(&header.author);
            let head = proof
                .checkpoint
                .verify(&origin, &self.ledger_keys(&header.author))
                .map_err(|_| Rule::Proof)?;
            verify_inclusion(act.leaf(), header.sequence, head.size, &proof.hashes, head.root)
                .map_err(|_| Rule::Proof)?;
            covered = Covered::Yes;
        }
        match mirrored {
            // Its author signed it, and has something else there: its signature was asked for, since its leaf does not stand for it.
            Some(leaf) if leaf != act.leaf() => {
                let (place, act) = ((header.author, header.sequence), envelope.act.clone());
                let evidence = self.beside_ledger(rows, place, (act, Leaf::Hash(leaf)))?;
                Err(Stop::Proven(Rule::ProofContradicted, evidence.map(Box::new)))
            }
            Some(_) => Ok(Covered::Yes),
            None => Ok(covered),
        }
    }

    fn by_kind(&self, rows: &dyn Rows, judged: &Judged<'_>) -> Step<(Option<Outcome>, Vec<Effect>)> {
        match &judged.act.header().kind {
            ActKind::Recalled | ActKind::Erased | ActKind::MarkingChanged => self.change(rows, judged),
            ActKind::Received => Ok((None, self.receipt(rows, judged)?)),
            ActKind::Consented => self.consented(judged),
            ActKind::ConsentRevoked => consent_revoked(judged),
            ActKind::GlassBroken => noted(judged),
            // What a later version tells without an object is kept as it came.
            ActKind::Other(_) if judged.act.header().object.is_none() => {
                Ok((Some(Outcome::Done), vec![Effect::Payload(judged.payload.clone())]))
            }
            kind if brings_object(kind) => self.object(rows, judged),
            _ => Err(Rule::KindStays.into()),
        }
    }

    /// Question 9, and keeping the object.
    fn object(&self, rows: &dyn Rows, judged: &Judged<'_>) -> Step<(Option<Outcome>, Vec<Effect>)> {
        let header = judged.act.header();
        let (name, version, digest) = self.named(judged)?;
        let fate = rows.fate(&name)?;
        if fate.voids(header.sequence) {
            return Err(Rule::Tombstoned.into());
        }
        let passed = judged.envelope.from != header.author;
        let mut tokens = Vec::new();
        if passed {
            tokens = self.permitted(rows, judged, (&name, digest))?;
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
        if let Some(held) = held {
            effects.push(change::followed(rows, held, judged.content.object)?);
        }
        effects.push(Effect::Payload(judged.payload.clone()));
        effects.extend(tokens.into_iter().map(Effect::Consent));
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

    /// The tokens by which its sender may pass an object on to this member. They are kept: a narrowing that comes later ends those of
    /// before it.
    fn permitted(
        &self,
        rows: &dyn Rows,
        judged: &Judged<'_>,
        (name, digest): (&ObjectName, Commitment),
    ) -> Step<Vec<ConsentRow>> {
        let (tokens, keys) = (&judged.envelope.consents, self.directory.keys(&name.author));
        let ended = self.ended(rows, name, tokens)?;
        let (from, to) = (judged.envelope.from, self.me.member);
        let passing = Passing { name, digest, from, to, now: self.now, ended: &ended };
        let good = permits(tokens, &keys, &passing)?;
        Ok(good.into_iter().map(|(signed, token)| token.row(signed)).collect())
    }

    /// The object's name, version and digest, when header and bytes say the same and no other member made it.
    fn named(&self, judged: &Judged<'_>) -> Result<(ObjectName, String, Commitment), Refused> {
        let header = judged.act.header();
        let said = header.object.as_ref().ok_or(Rule::ObjectOther)?;
        let salt = judged.content.object_salt.unwrap_or(judged.payload.salt);
        if said.digest != salt.commit(judged.content.object) {
            return Err(Rule::ObjectOther.into());
        }
        let head = ObjectHead::read(judged.content.object)?;
        if head.id != said.id || head.version() != said.version.as_deref() {
            return Err(Rule::ObjectOther.into());
        }
        if self.is_made_by_another(&head, &header.author) {
            return Err(Rule::OriginForged.into());
        }
        let version = head.version().unwrap_or_default().to_owned();
        Ok((ObjectName { author: header.author, id: head.id }, version, said.digest))
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
            only: change.only,
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
        let receipt: Receipt = read_document(judged.content.document)?;
        let mut effects = self.take_receipt(rows, judged.act.header(), &receipt)??;
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
        // What lets nobody pass anything on is not kept. Whoever gave it is told, and may give it anew.
        if token.until_us <= self.now.0 {
            return Err(Rule::ConsentExpired.into());
        }
        let effects = vec![Effect::Consent(token.row(&signed)), Effect::Payload(judged.payload.clone())];
        Ok((Some(Outcome::Done), effects))
    }
}

/// Only tokens of the author's are meant, whatever digest the author names.
fn consent_revoked(judged: &Judged<'_>) -> Step<(Option<Outcome>, Vec<Effect>)> {
    let header = judged.act.header();
    let said: Revocation = read_document(judged.content.document)?;
    let row = RevokedRow { author: header.author, id: said.token.0, sequence: header.sequence };
    Ok((Some(Outcome::Done), vec![Effect::Revoked(row), Effect::Payload(judged.payload.clone())]))
}

/// Keeps what a member told everybody.
fn noted(judged: &Judged<'_>) -> Step<(Option<Outcome>, Vec<Effect>)> {
    Notice::read(&judged.content)?;
    Ok((Some(Outcome::Done), vec![Effect::Payload(judged.payload.clone())]))
}

/// STIX id of the object that an act says it is about.
pub(crate) fn about(act: &Act) -> Option<String> {
    act.header().object.as_ref().map(|object| object.id.clone())
}

fn is_signed(signed: &Signed, act: &Act, key: &PublicKey) -> bool {
    act.header().suite == key.suite() && signed.verify_with(ACT_TYPE, key).is_ok()
}

pub(crate) fn form(error: &ActError) -> Rule {
    match error {
        ActError::UnknownSuite(_) => Rule::UnknownSuite,
        _ => Rule::ActForm,
    }
}

/// Whether an act only takes back: who takes part no more may do that.
const fn takes_away(act: &Act) -> bool {
    matches!(act.header().kind, ActKind::Recalled | ActKind::Erased)
}

const fn at(envelope: &Envelope) -> At {
    At { from: envelope.from, lane: envelope.lane, place: envelope.place, epoch: envelope.epoch }
}

fn received(at: At, taken: Taken, effects: Vec<Effect>) -> Received {
    Received { from: Some(at.from), at_place: Some((at.lane, at.place)), taken, effects }
}

fn done(envelope: &Envelope, act: &Act, outcome: Option<Outcome>) -> Taken {
    let header = act.header();
    let line = outcome.map(|outcome| ReceiptLine { sequence: header.sequence, leaf: act.leaf(), outcome });
    Taken::Done { author: header.author, lane: envelope.lane, line }
}
