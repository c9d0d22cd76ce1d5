//! Consent: the originator's signed word that one holder may give one object to one recipient, until a moment.
//!
//! Who sends checks it, and who receives checks it again; without it both refuse. It is bound to the commitment of one
//! version, so that it is of no use for another.
//!
//! The originator may take a token back before its time. Both ends are told, by the digest of the token alone, and remember it for
//! ever, since the word may overtake the token. What went on before stays where it is: that is what a recall is for.
//!
//! A narrowing that says for whom the object is from now on ends every consent of before for somebody else, and who has it by such a
//! one lets go. Before and after are places in the originator's ledger: a token names the place of the act that gave it.

use std::collections::BTreeSet;

use base::Micros;
use base::signed::Signed;
use base::signing::{KeyId, PublicKey, Signer};
use ledger::commitment::Commitment;
use serde::{Deserialize, Serialize};

use crate::content::{Change, Content, read_document};
use crate::envelope::statement;
use crate::port::{Consented, Deed, Question, Read, Rows};
use crate::rows::{ConsentRow, ObjectName, VersionRow};
use crate::{Exchange, Refused, Rule};

/// What a signed token says it is.
pub const CONSENT_TYPE: &str = "application/vnd.cresset.consent.v1+json";

/// A token of consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Who consents.
    pub originator: KeyId,
    /// STIX id of the object.
    pub object: String,
    /// What the releasing act commits to.
    pub digest: Commitment,
    /// Who may pass it on.
    pub from: KeyId,
    /// To whom.
    pub to: KeyId,
    /// Until when, in microseconds since 1970; at that moment it has run out.
    pub until_us: i64,
    /// The place of the act that gives it in the originator's ledger; 0 in tokens of before this was said, so that any narrowing of
    /// the audience is later.
    #[serde(default)]
    pub place: u64,
}

/// The document of `consent-revoked`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Digest of the token's payload: [`ConsentRow::id`].
    pub token: Commitment,
}

impl Exchange<'_> {
    /// Those of `tokens` that count no more: their originator has taken them back, or has said since for whom the object is and not
    /// named their recipient.
    pub(crate) fn ended(
        &self,
        rows: &dyn Rows,
        name: &ObjectName,
        tokens: &[Signed],
    ) -> Read<BTreeSet<[u8; 32]>> {
        let narrowed = if tokens.is_empty() { Vec::new() } else { rows.fate(name)?.narrowed };
        let mut ended = BTreeSet::new();
        for signed in tokens {
            let id = token_id(signed);
            // What does not read is no token, as whoever asks finds next.
            let Ok(token) = read_document::<Consent>(signed.unverified_payload()) else { continue };
            let mut gone = rows.revoked(&name.author, &id)?;
            for (at, rules) in narrowed.iter().filter(|(at, _)| *at >= token.place) {
                gone = gone
                    || (says_for_whom(rows, &name.author, *at)?
                        && !self.admits(rules, name.author, token.to));
            }
            if gone {
                ended.insert(id);
            }
        }
        Ok(ended)
    }

    /// Whether a narrowing to these rules, which says for whom an own object is, ends a consent that counts now.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn ends_any(&self, rows: &dyn Rows, name: &ObjectName, rules: &str) -> Read<bool> {
        for row in rows.consents(name)?.into_iter().filter(|row| row.until > self.now) {
            let Ok(signed) = statement(row.signed.as_bytes()) else { continue };
            let ended = self.ended(rows, name, std::slice::from_ref(&signed))?;
            if ended.is_empty() && !self.admits(rules, name.author, row.to) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a narrowing ends the consent by which this node has a version; `sequence` is the narrowing's place.
    pub(crate) fn lets_go(
        &self,
        rows: &dyn Rows,
        held: &VersionRow,
        (sequence, rules): (u64, &str),
    ) -> Read<bool> {
        let me = self.me.member;
        if held.by.is_none() || self.admits(rules, held.name.author, me) {
            return Ok(false);
        }
        let tokens = rows.consents(&held.name)?.into_iter();
        let mut tokens = tokens.filter(|row| row.to == me && row.digest == held.digest);
        let later = |row: ConsentRow| {
            let signed = statement(row.signed.as_bytes()).ok();
            let token = signed.and_then(|signed| read_document::<Consent>(signed.unverified_payload()).ok());
            token.is_some_and(|token| token.place > sequence)
        };
        Ok(!tokens.any(later))
    }

    /// The consent by which `to` may have a version that is held here: from this member, or from anybody where it is this member's
    /// own. `None` where none counts now.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn consent_for(
        &self,
        rows: &dyn Rows,
        name: &ObjectName,
        (version, to): (&str, KeyId),
    ) -> Read<Option<ConsentRow>> {
        let held = rows.versions(name)?.into_iter().find(|held| held.version == version);
        let Some(held) = held else { return Ok(None) };
        let (me, keys) = (self.me.member, self.directory.keys(&name.author));
        for row in rows.consents(name)?.into_iter().filter(|row| row.to == to) {
            let Ok(signed) = statement(row.signed.as_bytes()) else { continue };
            if name.author != me && row.from != me {
                continue;
            }
            let token = std::slice::from_ref(&signed);
            let ended = self.ended(rows, name, token)?;
            let (digest, from) = (held.digest, row.from);
            let passing = Passing { name, digest, from, to, now: self.now, ended: &ended };
            if permits(token, &keys, &passing).is_ok() {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Whether rules by themselves, without any consent, let a member keep what is under them.
    fn admits(&self, rules: &str, originator: KeyId, member: KeyId) -> bool {
        let question = Question {
            deed: Deed::Keep,
            originator,
            recipient: member,
            rules,
            // No object of its own: only what the rules say is asked.
            object: b"{}",
            consent: Consented::No,
            now: self.now,
        };
        self.judge.decide(&question).is_ok()
    }
}

/// Whether a narrowing that is known here says for whom its object is from then on.
fn says_for_whom(rows: &dyn Rows, author: &KeyId, sequence: u64) -> Read<bool> {
    let payload = rows.payload(author, sequence)?;
    let content = payload.as_ref().and_then(|payload| Content::parse(&payload.bytes).ok());
    let change = content.and_then(|content| read_document::<Change>(content.document).ok());
    Ok(change.is_some_and(|change| change.only))
}

fn token_id(signed: &Signed) -> [u8; 32] {
    Commitment::digest(signed.unverified_payload()).0
}

/// What a token must be for.
#[derive(Clone, Debug)]
pub(crate) struct Passing<'a> {
    pub(crate) name: &'a ObjectName,
    pub(crate) digest: Commitment,
    pub(crate) from: KeyId,
    pub(crate) to: KeyId,
    pub(crate) now: Micros,
    /// Tokens that count no more: [`Exchange::ended`].
    pub(crate) ended: &'a BTreeSet<[u8; 32]>,
}

impl Consent {
    /// The token, signed.
    ///
    /// # Errors
    /// `PayloadForm` when it is too large.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Signed, Rule> {
        let payload = serde_json::to_vec(self).expect("invariant: strings and numbers are always JSON");
        Signed::sign(CONSENT_TYPE, payload, signer).map_err(|_| Rule::PayloadForm)
    }

    /// Reads a token that one of the originator's keys signed.
    ///
    /// # Errors
    /// `ConsentInvalid`.
    pub fn open(signed: &Signed, keys: &[PublicKey]) -> Result<Self, Rule> {
        let payload = keys.iter().find_map(|key| signed.verify_with(CONSENT_TYPE, key).ok());
        let payload = payload.ok_or(Rule::ConsentInvalid)?;
        serde_json::from_slice(payload).map_err(|_| Rule::ConsentInvalid)
    }

    /// The row it is kept as.
    #[must_use]
    pub fn row(&self, signed: &Signed) -> ConsentRow {
        ConsentRow {
            id: token_id(signed),
            name: ObjectName { author: self.originator, id: self.object.clone() },
            digest: self.digest,
            from: self.from,
            to: self.to,
            until: Micros(self.until_us),
            signed: signed.to_json(),
        }
    }
}

/// Those of `tokens` that permit this passing on: one at least. Each is verified once.
///
/// # Errors
/// `ConsentMissing` when there is none, `ConsentExpired` when one would but for its date, `ConsentRevoked` when one would had it
/// not been taken back or ended by a narrowing, `ConsentInvalid` when none is for this object, sender and recipient, or by the originator.
pub(crate) fn permits<'t>(
    tokens: &'t [Signed],
    keys: &[PublicKey],
    passing: &Passing<'_>,
) -> Result<Vec<(&'t Signed, Consent)>, Refused> {
    if tokens.is_empty() {
        return Err(Rule::ConsentMissing.into());
    }
    let (mut good, mut worst) = (Vec::new(), Rule::ConsentInvalid);
    for signed in tokens {
        let Ok(token) = Consent::open(signed, keys) else { continue };
        let revoked = passing.ended.contains(&token_id(signed));
        let fits = token.originator == passing.name.author
            && token.object == passing.name.id
            && token.digest == passing.digest
            && token.from == passing.from
            && token.to == passing.to;
        match (fits, revoked, passing.now < Micros(token.until_us)) {
            (false, ..) => {}
            (true, false, true) => good.push((signed, token)),
            (true, true, _) => worst = Rule::ConsentRevoked,
            (true, false, false) => worst = worst.max(Rule::ConsentExpired),
        }
    }
    if good.is_empty() { Err(worst.into()) } else { Ok(good) }
}

#[cfg(test)]
mod tests {
    use base::SeededRng;
    use base::signing::SigningKey;

    use super::*;

    #[test]
    fn a_token_is_for_one_passing_on_until_its_moment() {
        let rng = SeededRng::new(1);
        let (signer, other) = (SigningKey::generate(&rng), SigningKey::generate(&rng));
        let originator = signer.public_key().id();
        let keys = [signer.public_key()];
        let (b, c, d) = ([2; 32], [3; 32], [4; 32]);
        let (b, c, d) = (KeyId::from_bytes(b), KeyId::from_bytes(c), KeyId::from_bytes(d));
        let digest = Commitment::digest(b"object");
        let token = Consent {
            originator,
            object: "x--1".to_owned(),
            digest,
            from: b,
            to: c,
            until_us: 100,
            place: 7,
        };
        let signed = token.sign(&signer).unwrap();
        let name = ObjectName { author: originator, id: "x--1".to_owned() };
        let none = BTreeSet::new();
        let passing = Passing { name: &name, digest, from: b, to: c, now: Micros(99), ended: &none };
        let ask = |tokens: &[Signed], passing: &Passing<'_>| {
            permits(tokens, &keys, passing).map(|good| good.len()).map_err(|refused| refused.rule)
        };
        assert_eq!(ask(std::slice::from_ref(&signed), &passing), Ok(1));
        assert_eq!(ask(&[], &passing), Err(Rule::ConsentMissing));
        let late = Passing { now: Micros(100), ..passing.clone() };
        assert_eq!(ask(std::slice::from_ref(&signed), &late), Err(Rule::ConsentExpired));
        let another = ObjectName { author: originator, id: "x--2".to_owned() };
        let wrong = [
            Passing { to: d, ..passing.clone() },
            Passing { from: d, ..passing.clone() },
            Passing { digest: Commitment::digest(b"other"), ..passing.clone() },
            Passing { name: &another, ..passing.clone() },
        ];
        for passing in wrong {
            assert_eq!(ask(std::slice::from_ref(&signed), &passing), Err(Rule::ConsentInvalid));
        }
        let forged = token.sign(&other).unwrap();
        assert_eq!(ask(&[forged], &passing), Err(Rule::ConsentInvalid));
        // Taken back, that token counts no more, early or late; another for the same still does.
        let revoked = BTreeSet::from([token.row(&signed).id]);
        let after = Passing { ended: &revoked, ..passing.clone() };
        assert_eq!(ask(std::slice::from_ref(&signed), &after), Err(Rule::ConsentRevoked));
        let late = Passing { now: Micros(100), ..after.clone() };
        assert_eq!(ask(std::slice::from_ref(&signed), &late), Err(Rule::ConsentRevoked));
        let again = Consent { until_us: 101, ..token }.sign(&signer).unwrap();
        assert_eq!(ask(&[again, signed], &after), Ok(1));
    }
}
