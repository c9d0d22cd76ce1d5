//! What exchange between members asks of this node: the registry as a directory, handling as a judge, and the words in which
//! rules travel.
//!
//! On the way, nobody is called by a number of this node: its member and its people stand there by key and name. The
//! answers are those of one change of the registry; whoever takes a step asks for them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use base::Micros;
use base::limit::CIRCLES_MAX;
use base::signing::{KeyId, PublicKey};
use community::{Body, Circle, IdentityId, MemberId, Road, SealingKey, Status};
use federation::{Consented, Content, Deed, Hindrance, Judge, Question, SealingSecret, Standing};
use handling::{
    Action, Addressee, CircleId, Consent, Kind, Originator, Peers, Person, Receiver, Recipient, Rules,
    Situation, judge,
};
use stix::marking::{tlp_of, tlp_of_id};
use store::StoreError;
use zeroize::Zeroizing;

use super::deeds::{current, own};
use super::peers::{Known, theirs};
use super::{CommunityError, Table};
use crate::Node;
use crate::directory::Directory;
use crate::exchange::{Lack, Lacking};

/// The setting that holds what envelopes to this member are opened with, in hexadecimal.
const SEALING_SECRET: &str = "sealing-secret";

/// The members of this node's community as of one change, and handling among them.
#[derive(Clone)]
pub struct Members(Known, LastSaid, LastDecided);

/// Who takes part, and who is in which circle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seats {
    /// Who takes part.
    pub(crate) active: BTreeSet<KeyId>,
    /// The circles that are known here, with the versions that say who is in them.
    pub(crate) circles: BTreeSet<(KeyId, u64)>,
    /// Those of them that have taken this member out, with the versions that did.
    pub(crate) left: BTreeSet<(KeyId, u64)>,
}

/// The line of rules read last, as whose word, and what it says: what is given or taken together mostly stands under the same.
#[derive(Clone, Default)]
struct LastSaid(Arc<Mutex<Option<(String, handling::MemberId, Rules)>>>);

impl LastSaid {
    /// What a line says as somebody's word, read where it is not the last one; `None` where it cannot be read.
    fn get(
        &self,
        line: &str,
        word: handling::MemberId,
        read: impl FnOnce() -> Option<Rules>,
    ) -> Option<Rules> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((held, by, rules)) if held == line && *by == word => Some(rules.clone()),
            _ => {
                let rules = read()?;
                *last = Some((line.to_owned(), word, rules.clone()));
                Some(rules)
            }
        }
    }
}

/// What was decided last of an object that says nothing of its own: then the answer is that to the line of rules, by the table that these
/// members are of, and what is given or taken together is asked the same a thousand times.
#[derive(Clone, Default)]
struct LastDecided(Arc<Mutex<Option<Decided>>>);

/// An answer, and to what.
struct Decided {
    asked: Asked,
    rules: String,
    answer: Result<(), String>,
}

/// All that is asked but the rules and the object.
type Asked = (Deed, KeyId, KeyId, Consented, Micros);

impl LastDecided {
    /// The answer, which `decide` gives where it is not that of the last question.
    fn get(
        &self,
        question: &Question<'_>,
        decide: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        let &Question { deed, originator, recipient, rules, object: _, consent, now } = question;
        let asked = (deed, originator, recipient, consent, now);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*last
            && last.asked == asked
            && last.rules == rules
        {
            return last.answer.clone();
        }
        let answer = decide();
        *last = Some(Decided { asked, rules: rules.to_owned(), answer: answer.clone() });
        answer
    }
}

impl Node {
    /// The members of this node's community and handling among them, as of now; `None` while its member is in none.
    ///
    /// # Errors
    /// The store failed.
    pub async fn members(&self) -> Result<Option<Members>, StoreError> {
        let table = self.community_table().await?;
        Ok(table.filter(|table| table.is_member()).map(|table| self.members_by(&table)))
    }

    /// The same by a table.
    pub(crate) fn members_by(&self, table: &Arc<Table>) -> Members {
        Members(self.known(table), LastSaid::default(), LastDecided::default())
    }

    /// What envelopes to this member are opened with; made now where there is none yet.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sealing_secret(&self) -> Result<SealingSecret, StoreError> {
        if let Some(kept) = self.store().setting(SEALING_SECRET).await?.map(Zeroizing::new) {
            let mut bytes = Zeroizing::new([0; 32]);
            hex::decode_to_slice(kept.as_bytes(), bytes.as_mut_slice())
                .map_err(|_| StoreError::Damaged("the sealing key of the member cannot be read".into()))?;
            return Ok(SealingSecret::from_bytes(&bytes));
        }
        let secret = SealingSecret::generate(self.rng());
        let kept = Zeroizing::new(hex::encode(secret.expose().expose().as_slice()));
        self.store().set_setting(SEALING_SECRET, &kept).await?;
        Ok(secret)
    }

    /// Tells the community for which key payloads to this member are sealed and what its identity object is, where the
    /// registry does not say so yet. Does nothing while the member takes no part.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn announce(&self) -> Result<(), CommunityError> {
        let Some(Members(known, ..)) = self.members().await? else { return Ok(()) };
        let me = known.table.me;
        let told = known.table.registry.member(me).map(community::Member::own);
        let Some(told) = told.filter(|_| known.takes_part(me)) else { return Ok(()) };
        let (sealing, identity) = self.shown_of_itself().await?;
        let sealing = (told.sealing != Some(sealing)).then_some(Body::SealingKeyChanged(sealing));
        let identity = identity.filter(|_| told.identity.is_none()).map(Body::IdentityChanged);
        for body in [sealing, identity].into_iter().flatten() {
            self.change(|table, keys, now| own(table, &[current(table, keys, now)?], &body, now)).await?;
        }
        Ok(())
    }

    /// The sealing key and the identity object that this member shows others.
    pub(super) async fn shown_of_itself(&self) -> Result<(SealingKey, Option<IdentityId>), CommunityError> {
        let sealing = SealingKey::from_bytes(self.sealing_secret().await?.public())?;
        let identity = self.member().await?.and_then(|member| member.id.parse().ok());
        Ok((sealing, identity))
    }

    /// Rules that came from another member, as they hold here: people of this member as users. Whoever is no user here is
    /// left out, and so is whoever is called by a number of another node. `None` while the member is in no community.
    ///
    /// # Errors
    /// The store failed.
    pub async fn rules_at_home(&self, rules: &Rules) -> Result<Option<Rules>, StoreError> {
        let Some(members) = self.members().await? else { return Ok(None) };
        Ok(Some(members.at_home(rules, &*self.directory().await?)))
    }
}

const fn standing(status: Status) -> Standing {
    if status.takes_part() { Standing::Active } else { Standing::Inactive }
}

impl Members {
    /// This node's member.
    pub(crate) fn me(&self) -> KeyId {
        self.0.table.me.0
    }

    /// How this node's member stands, where it takes no part.
    pub(crate) fn takes_no_part(&self) -> Option<&'static str> {
        let status = self.member(&self.me())?.status(self.0.now());
        (!status.takes_part()).then(|| status.name())
    }

    /// The community, as acts name it.
    pub(crate) fn community(&self) -> String {
        self.0.table.registry.id().to_string()
    }

    /// How a member's nodes are reached.
    pub(crate) fn road(&self, member: &KeyId) -> Option<Road> {
        self.member(member)?.own().endpoints.first().map(community::Endpoint::road)
    }

    /// The other member whose identity object this is, as the registry says.
    pub(crate) fn maker(&self, identity: &str) -> Option<handling::MemberId> {
        let owner = self.0.table.registry.identity_owner(identity)?.id();
        (owner != self.0.table.me).then(|| theirs(owner))
    }

    /// Rules that came from another member, as they hold here; see [`Node::rules_at_home`].
    pub(crate) fn at_home(&self, rules: &Rules, directory: &Directory) -> Rules {
        let me = theirs(self.0.table.me);
        let originator = |held: &Originator| match held {
            Originator::Here => Originator::Nobody,
            other => other.clone(),
        };
        let person = |held: &Person| match held {
            Person::There(of, name) if *of == me => {
                directory.user_named(name).map(|user| Person::Here(user.no))
            }
            Person::There(..) => Some(held.clone()),
            Person::Here(_) => None,
        };
        rules.reworded(originator, person)
    }

    /// Rules of this member's own as others were told them, as they hold here again. People of this node whom they named were not
    /// told, and are not known again.
    pub(crate) fn own_again(&self, rules: &Rules, directory: &Directory) -> Rules {
        let me = theirs(self.0.table.me);
        let originator = |held: &Originator| match held {
            Originator::Member(of) if *of == me => Originator::Here,
            other => other.clone(),
        };
        let person = |held: &Person| match held {
            Person::There(of, name) if *of == me => {
                directory.user_named(name).map(|user| Person::Here(user.no))
            }
            other => Some(other.clone()),
        };
        rules.reworded(originator, person)
    }

    /// Whether a member may be given what is under these rules.
    pub(crate) fn may_have(&self, member: handling::MemberId, rules: &Rules, now: Micros) -> bool {
        let known = self.0.at(now);
        let home = Some(theirs(known.table.me));
        let situation = Situation { now, home, peers: &known, consent: Consent::None };
        judge(&Recipient::Member(member), Action::PassOn, rules, &situation).is_allowed()
    }

    /// What keeps a member from what is under these rules for now, where it will have it when that is over.
    pub(crate) fn hindered_under(&self, rules: &Rules, member: KeyId, now: Micros) -> Option<Hindrance> {
        let embargo = rules.embargo().filter(|until| *until > now);
        let moment = embargo.unwrap_or(now);
        let (known, home) = (self.0.at(moment).with_absent(), Some(theirs(self.0.table.me)));
        let recipient = Recipient::Member(handling::MemberId(*member.as_bytes()));
        let situation = Situation { now: moment, home, peers: &known, consent: Consent::None };
        let lifted = rules.apart_from_markings();
        if !judge(&recipient, Action::PassOn, &lifted, &situation).is_allowed() {
            return None;
        }
        let absent = federation::Directory::standing(self, &member) != Standing::Active;
        match embargo {
            Some(until) => Some(Hindrance::Embargo(until)),
            None if !rules.markings().are_known() => Some(Hindrance::Marking),
            None => absent.then_some(Hindrance::Absent),
        }
    }

    /// Every other member, those that take no part at present too.
    pub(crate) fn everybody_else(&self) -> BTreeSet<KeyId> {
        let others = self.0.table.registry.members().map(|member| member.id().0);
        others.filter(|member| *member != self.me()).collect()
    }

    /// Who takes part, and who is in which version of which circle: when it changes, more may be meant by what was said before.
    pub(crate) fn seats(&self) -> Seats {
        let me = self.0.table.me;
        let version = |circle: &Circle| (KeyId::from_bytes(*circle.id().as_bytes()), circle.version);
        let held = || self.0.table.circles.values().map(|(circle, _)| circle);
        let left = held().filter(|circle| circle.owner != me && !circle.has(me));
        Seats {
            active: federation::Directory::active(self),
            circles: held().map(version).collect(),
            left: left.map(version).collect(),
        }
    }

    /// Whether takes part, and is in which circle, who is so in these.
    pub(crate) fn seats_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.table, &other.0.table) || self.seats() == other.seats()
    }

    /// Who is in a circle now, those that take no part at present too; nobody where it is not known here.
    pub(crate) fn in_circle(&self, circle: &handling::CircleId) -> BTreeSet<handling::MemberId> {
        self.0.with_absent().circle(circle).unwrap_or_default()
    }

    /// The same of those who get what was shared with it at a moment.
    pub(crate) fn in_circle_since(
        &self,
        circle: &handling::CircleId,
        shared: Micros,
    ) -> BTreeSet<handling::MemberId> {
        self.0.with_absent().shared_at(shared).circle(circle).unwrap_or_default()
    }

    /// Other members of which as many circles are known here as are taken of one.
    pub(crate) fn makers_of_most(&self) -> BTreeSet<KeyId> {
        let table = &self.0.table;
        let others = table.registry.members().map(community::Member::id).filter(|member| *member != table.me);
        others.filter(|member| table.circles_of(*member) >= CIRCLES_MAX).map(|member| member.0).collect()
    }

    /// The circles of which this member would have to be in every one to be let have what `by` sends it, and that it is not known to be in.
    /// None where something else speaks against it as well: which circles it is in it learns from their owners and from who is in them,
    /// of others it never hears. One that has taken it out may have taken it in again; where it does without those, they do not count.
    pub(crate) fn lacks_circles(&self, by: KeyId, content: &Content<'_>, now: Micros) -> Lacking {
        let me = theirs(self.0.table.me);
        let question = Question {
            deed: Deed::Keep,
            originator: by,
            recipient: self.me(),
            rules: content.rules,
            object: content.object,
            consent: Consented::No,
            now,
        };
        let (rules, known) = (self.rules(&question), self.0.at(now));
        let lacking: BTreeSet<CircleId> =
            circles_in(&rules).filter(|one| known.circle(one).is_none()).collect();
        let unknown: BTreeSet<CircleId> =
            lacking.iter().filter(|one| !known.is_out(one, &me)).copied().collect();
        let would_do = |also_in: &BTreeSet<CircleId>| {
            let supposed = Supposed { known: known.clone(), member: me, also_in };
            let situation = Situation { now, home: None, peers: &supposed, consent: Consent::None };
            !also_in.is_empty() && judge(&Recipient::Member(me), Action::See, &rules, &situation).is_allowed()
        };
        if would_do(&unknown) {
            Lacking { circles: unknown, of: Lack::Unknown }
        } else if would_do(&lacking) {
            Lacking { circles: lacking, of: Lack::Left }
        } else {
            Lacking::default()
        }
    }

    fn member(&self, id: &KeyId) -> Option<&community::Member> {
        self.0.table.registry.member(MemberId(*id))
    }

    /// What handling says to a question.
    fn decide_anew(&self, question: &Question<'_>) -> Result<(), String> {
        let known = self.0.at(question.now);
        let (home, action) = match question.deed {
            Deed::Send => (Some(theirs(known.table.me)), Action::PassOn),
            Deed::Keep => (None, Action::See),
        };
        let consent = consent(question.consent);
        let recipient = Recipient::Member(handling::MemberId(*question.recipient.as_bytes()));
        let situation = Situation { now: question.now, home, peers: &known, consent };
        let rules = self.read(question).map_err(str::to_owned)?;
        let verdict = judge(&recipient, action, &rules, &situation);
        if verdict.is_allowed() { Ok(()) } else { Err(verdict.rule.code().to_owned()) }
    }

    /// What everybody says of an object, its own markings included; the strictest there is where any of it cannot be read.
    fn rules(&self, question: &Question<'_>) -> Rules {
        self.read(question).unwrap_or_else(|_| Rules::closed())
    }

    /// The same, with the code of why what cannot be read, or is not the originator's word, is for nobody.
    fn read(&self, question: &Question<'_>) -> Result<Rules, &'static str> {
        let word = handling::MemberId(*question.originator.as_bytes());
        let said =
            self.1.get(question.rules, word, || Self::said(question.rules, word, theirs(self.0.table.me)));
        let said = said.ok_or("rules-unreadable")?;
        // Where it is put, somebody else's word counts for nothing: taken, it would stand there and be shown to nobody.
        if *said.originator() == Originator::Nobody {
            return Err("rules-of-another");
        }
        // Most say nothing of their own. What is no JSON either is refused where it would be stored, by the same code.
        if stix::is_bare(question.object) {
            return Ok(said);
        }
        let json = &stix::Json::parse(question.object).map_err(|_| "object-unfit")?;
        let parts = json.get("granular_markings").and_then(stix::Json::as_list).unwrap_or_default();
        let of_part =
            |part: &stix::Json<'_>| part.get("marking_ref").and_then(stix::Json::as_str).and_then(tlp_of_id);
        let level = parts.iter().filter_map(of_part).max().max(tlp_of(json));
        let said = if stix::Subject::of(json) >= stix::Subject::Person { said.about_persons() } else { said };
        Ok(match level {
            Some(level) => said.at_least(level),
            None => said,
        })
    }

    /// What a line of rules says as a member's word, at the node of `me`.
    fn said(line: &str, word: handling::MemberId, me: handling::MemberId) -> Option<Rules> {
        let said: Rules = line.parse().ok()?;
        let originator = |held: &Originator| match held {
            Originator::Here if word == me => Originator::Member(word),
            Originator::Member(by) if *by == word => held.clone(),
            // The line names somebody else than the one whose word it is said to be: another node's `here` is none of its words abroad.
            Originator::Here | Originator::Member(_) | Originator::Nobody => Originator::Nobody,
        };
        let person = |held: &Person| match held {
            Person::There(..) => Some(held.clone()),
            Person::Here(_) => None,
        };
        Some(said.reworded(originator, person))
    }
}

impl federation::Directory for Members {
    fn epoch(&self) -> u64 {
        self.0.table.registry.head().epoch
    }

    fn standing_at(&self, member: &KeyId, epoch: u64) -> Standing {
        if self.member(member).is_none() {
            return Standing::Unknown;
        }
        self.0.table.registry.status_at(MemberId(*member), epoch).map_or(Standing::Inactive, standing)
    }

    fn standing(&self, member: &KeyId) -> Standing {
        self.member(member).map_or(Standing::Unknown, |known| standing(known.status(self.0.now())))
    }

    fn keys(&self, member: &KeyId) -> Vec<PublicKey> {
        self.member(member).map(|known| known.keys_in_force(self.0.now())).unwrap_or_default()
    }

    fn sealing(&self, member: &KeyId) -> Option<[u8; 32]> {
        self.member(member)?.own().sealing.map(|key| *key.as_bytes())
    }

    fn active(&self) -> BTreeSet<KeyId> {
        let active = self.0.table.registry.members().filter(|member| self.0.takes_part(member.id()));
        active.map(|member| member.id().0).collect()
    }

    fn identity_owner(&self, identity: &str) -> Option<KeyId> {
        Some(self.0.table.registry.identity_owner(identity)?.id().0)
    }
}

impl Judge for Members {
    /// To send is to pass on, by this member. To keep is to see, asked as if from outside: a member that takes no part keeps
    /// nothing new, and the originator's consent lets it keep what was passed on.
    fn decide(&self, question: &Question<'_>) -> Result<(), String> {
        if stix::is_bare(question.object) {
            return self.2.get(question, || self.decide_anew(question));
        }
        self.decide_anew(question)
    }

    fn named(&self, rules: &str, now: Micros) -> BTreeSet<KeyId> {
        let Ok(rules) = rules.parse::<Rules>() else { return BTreeSet::new() };
        if rules.audience().is_everybody() && rules.named().is_none() {
            return BTreeSet::new();
        }
        let others = federation::Directory::active(self).into_iter().filter(|member| *member != self.me());
        others.filter(|member| self.may_have(handling::MemberId(*member.as_bytes()), &rules, now)).collect()
    }

    fn hindered(&self, question: &Question<'_>) -> Option<Hindrance> {
        self.hindered_under(&self.rules(question), question.recipient, question.now)
    }

    /// A circle's members without a beginning have everything; whoever was never given something has come since.
    fn taken_in(&self, rules: &str, shared: Micros, now: Micros) -> BTreeMap<[u8; 32], BTreeSet<KeyId>> {
        in_circles(rules, &self.0.at(now).shared_at(shared))
    }

    fn seated(&self, rules: &str, shared: Micros, now: Micros) -> BTreeMap<[u8; 32], BTreeSet<KeyId>> {
        in_circles(rules, &self.0.at(now).with_absent().shared_at(shared))
    }

    /// Asked as what is to be kept is, but of everybody as if they took part: a suspension ends nothing, nor does a circle whose owner is
    /// away. Of a circle that is not known here anybody may be a member.
    fn left(&self, question: &Question<'_>) -> bool {
        let member = handling::MemberId(*question.recipient.as_bytes());
        let rules = self.rules(question);
        let named: BTreeSet<CircleId> = circles_in(&rules).collect();
        let still: BTreeSet<CircleId> =
            named.iter().filter(|circle| !self.0.is_out(circle, &member)).copied().collect();
        let consent = consent(question.consent);
        let allows = |also_in: &BTreeSet<CircleId>| {
            let peers = Supposed { known: self.0.at(question.now).with_absent(), member, also_in };
            let situation = Situation { now: question.now, home: None, peers: &peers, consent };
            judge(&Recipient::Member(member), Action::See, &rules, &situation).is_allowed()
        };
        still != named && !allows(&still) && allows(&named)
    }

    fn might(&self, question: &Question<'_>) -> bool {
        let (rules, known) = (self.rules(question), self.0.at(question.now));
        let also_in: BTreeSet<CircleId> = circles_in(&rules).filter(|circle| !known.is_in(circle)).collect();
        let (member, home) = (handling::MemberId(*question.recipient.as_bytes()), theirs(known.table.me));
        let peers = Supposed { known, member, also_in: &also_in };
        let (now, consent) = (question.now, consent(question.consent));
        let situation = Situation { now, home: Some(home), peers: &peers, consent };
        !also_in.is_empty()
            && judge(&Recipient::Member(member), Action::PassOn, &rules, &situation).is_allowed()
    }

    /// Who is in which circle as if everybody took part: a suspension passes.
    fn given_besides(&self, later: &str, before: &str, member: &KeyId) -> String {
        let (Ok(said), Ok(first)) = (later.parse::<Rules>(), before.parse::<Rules>()) else {
            return later.to_owned();
        };
        let member = handling::MemberId(*member.as_bytes());
        let at = Receiver { member, circles: self.0.with_absent().circles_of(&member) };
        // An embargo that is over asks nothing any more.
        let now = self.0.now();
        let over = |rules: &Rules| rules.embargo().is_some_and(|until| until <= now);
        let current = |rules: &Rules| if over(rules) { rules.apart_from_embargo() } else { rules.clone() };
        let (said_now, first_now) = (current(&said), current(&first));
        let both = said_now.given_besides(&first_now, &at);
        match both {
            both if both == first_now => before.to_owned(),
            both if both == said_now => later.to_owned(),
            both => both.to_string(),
        }
    }

    fn reaches_by_name(&self, rules: &str, member: &KeyId) -> bool {
        let at = Receiver { member: handling::MemberId(*member.as_bytes()), circles: BTreeSet::new() };
        rules.parse::<Rules>().is_ok_and(|rules| rules.reaches(&at))
    }

    fn meet(&self, one: &str, other: &str) -> String {
        let read = |line: &str| line.parse().unwrap_or_else(|_| Rules::closed());
        read(one).meet(&read(other)).to_string()
    }
}

const fn consent(of: Consented) -> Consent {
    match of {
        Consented::Yes => Consent::Given,
        Consented::No => Consent::None,
    }
}

/// Who is in each of the circles that a line of rules names.
fn in_circles(rules: &str, known: &Known) -> BTreeMap<[u8; 32], BTreeSet<KeyId>> {
    let Ok(rules) = rules.parse::<Rules>() else { return BTreeMap::new() };
    let members = |circle: CircleId| {
        let members = known.circle(&circle)?.into_iter();
        Some((circle.0, members.map(|member| KeyId::from_bytes(member.0)).collect()))
    };
    circles_in(&rules).filter_map(members).collect()
}

/// The circles that rules name.
pub(crate) fn circles_in(rules: &Rules) -> impl Iterator<Item = CircleId> + '_ {
    rules.audience().clauses().flatten().filter_map(|one| match one {
        Addressee::Circle(circle) => Some(*circle),
        _ => None,
    })
}

/// The community if a member were in circles that it is not known to be in.
struct Supposed<'a> {
    known: Known,
    member: handling::MemberId,
    also_in: &'a BTreeSet<CircleId>,
}

impl Peers for Supposed<'_> {
    fn kind(&self, member: &handling::MemberId) -> Option<Kind> {
        self.known.kind(member)
    }

    fn circle(&self, circle: &CircleId) -> Option<BTreeSet<handling::MemberId>> {
        let supposed = || self.also_in.contains(circle).then(|| BTreeSet::from([self.member]));
        self.known.circle(circle).or_else(supposed)
    }

    fn circles_of(&self, member: &handling::MemberId) -> BTreeSet<CircleId> {
        let mut circles = self.known.circles_of(member);
        if *member == self.member {
            circles.extend(self.also_in.iter().copied());
        }
        circles
    }
}

impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Members").field("epoch", &self.0.table.registry.head().epoch).finish_non_exhaustive()
    }
}
