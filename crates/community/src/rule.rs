//! Why something about a community is refused: a named rule with a stable code.
//!
//! Every refusal of this crate is one of these; what it was about stands beside it in [`Refused`].

use std::fmt;

use crate::entry::Chain;

/// Makes the enum, its codes, its one-line messages and its explanations from one table.
macro_rules! rules {
    ($($name:ident, $code:literal, $message:literal, $explanation:literal;)*) => {
        /// A named reason of a refusal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $explanation] $name,)*
        }

        impl Rule {
            /// Every rule, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What was wrong, in one lower-case line.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }

            /// What it means and what to do, for `cresset explain`.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$name => $explanation,)* }
            }
        }
    };
}

rules! {
    DigestForm, "digest-form", "an id or hash is 64 lower-case hexadecimal digits",
        "Members, entries, communities and circles are named by digests: 64 lower-case hexadecimal digits.";
    TooLarge, "registry-too-large", "this is larger than anything of its kind",
        "A registry entry, request, anchor, circle or snapshot is larger than its kind may be. Nothing of it was read.";
    EnvelopeForm, "registry-envelope-form", "this is not a signed statement in its one exact form",
        "What was read is not a signed statement (DSSE), or it is written in a second way: other spacing, order or encoding. One statement has one form.";
    PayloadType, "registry-payload-type", "this is a signed statement of another kind",
        "The statement was signed for another purpose than the one it was used for.";
    PayloadForm, "registry-payload-form", "the signed content does not have the form of its kind",
        "The content under the signature cannot be read: a part is missing, unknown in form, or outside its bounds.";
    NameUnfit, "member-name-unfit", "a name has 1 to 250 characters in a language that has a tag",
        "A member or community has a name in at least one language, each of 1 to 250 characters without control characters, under a language tag such as en, ru or zh.";
    SlugUnfit, "slug-unfit", "a slug is 1 to 40 lower-case letters, digits and single hyphens",
        "A slug is what people type for a member: 1 to 40 lower-case letters, digits and hyphens, no hyphen at the ends or twice in a row, and not a 64-digit id.";
    EndpointUnfit, "endpoint-unfit", "an endpoint is an http, https or https+proxy address without a login",
        "An endpoint is an absolute address of at most 2048 characters, without user name, password, query or fragment: https:// where the node itself ends TLS for other members, https+proxy:// where a proxy does, http:// where nobody does.";
    KindUnknown, "member-kind-unknown", "this kind of member is not known",
        "A member is a cert, sector, secretariat, observer or partner.";
    TooMany, "registry-too-many", "there are more of these than one list takes",
        "A list in a statement has more items than it may: endpoints, names, roles, keys, nodes or members. Or a member has more circles than one may keep, which is as many as others take of it.";
    CommunityOther, "community-other", "this belongs to another community",
        "The entry, request or message names another community than the one it was given to.";
    FoundingMissing, "founding-missing", "there is no founding entry",
        "A registry begins with exactly one founding entry, signed by its founder.";
    FoundingTwice, "founding-twice", "a community is founded once",
        "The entries hold two foundings; they belong to two communities.";
    FounderWithoutVote, "founder-without-vote", "a community is founded by a member that has a vote",
        "Observers and partners have no vote, so a community of them alone could never decide anything.";
    Gap, "registry-gap", "something this depends on is not here yet",
        "The entry follows one that has not arrived. Nothing was changed; fetch what is missing and try again.";
    Forked, "registry-forked", "another entry stands at this place already",
        "Two different entries claim the same place in a chain. The first stays; both together are evidence of who signed twice.";
    ChainDisputed, "chain-disputed", "this chain stands still: two entries claim the same place in it",
        "A chain with two entries at one place goes no further until the quorum has settled it.";
    TimeWentBack, "registry-time-went-back", "an entry is not older than what it follows",
        "Moments in a chain do not go back: the entry's moment lies before that of an entry it follows.";
    HeadsWentBack, "heads-went-back", "an entry does not take back what an earlier one has noted",
        "A decision notes how far each member's own chain had come; a later decision notes at least as much.";
    BasisDiffers, "basis-differs", "the entry was made against another history",
        "The entry names a head of the registry that is not in this history.";
    RoundWithoutProof, "round-without-proof", "a later round opens only with votes that show the earlier one cannot succeed",
        "When votes split so that nothing can reach the quorum, a new round begins; the votes that show it are carried along, and here they do not show it.";
    SignatureInvalid, "registry-signature-invalid", "a signature does not hold",
        "One of the signatures was not made by the key it names over exactly these bytes.";
    SignatureStranger, "registry-signature-stranger", "a signature is by somebody who has no say in this",
        "Every signature on an entry is by a member that has a vote at this point, or by the key the entry is about; this one is by neither.";
    SignatureTwice, "registry-signature-twice", "a member signs an entry once",
        "The same member's signature stands on the entry more than once.";
    SignatureMissing, "registry-signature-missing", "a signature that this needs is missing",
        "The entry or statement lacks the signature of the one who alone may make it.";
    QuorumMissing, "quorum-missing", "fewer members approve than the quorum asks",
        "A decision needs the approval of the quorum: all members with a vote up to three, all but one from four on, unless the community chose otherwise; a secretariat and one other are never enough.";
    QuorumUnfit, "quorum-unfit", "a quorum names between 1 and 128 approvals",
        "A fixed quorum is a number from 1 to 128. It is raised to more than half of the members with a vote where it is lower.";
    MemberUnknown, "member-unknown", "there is no such member",
        "No member of this community has this slug or id.";
    MemberExists, "member-exists", "this key is or was a member already",
        "The key belongs to a member of this community, now or formerly. Who left joins again with the key it had.";
    SlugTaken, "slug-taken", "another member has this slug",
        "Slugs are unique in a community, former members included.";
    KeyTaken, "key-taken", "this key has been used in this community before",
        "A key serves one member once: it is never given to another one and never comes back.";
    MembersMax, "members-max", "a community has at most 128 members",
        "The community has as many members as one may have.";
    MemberGone, "member-gone", "the member has left",
        "The member's notice of withdrawal has run out; it joins again before it does anything else.";
    MemberNotActive, "member-not-active", "the member is not in the standing that this needs",
        "A member is suspended while it is active, reinstated while it is suspended, and joins again after it was suspended or has left.";
    WithdrawalTwice, "withdrawal-twice", "the member has given notice already",
        "The withdrawal has been announced before; the notice runs from then.";
    RecoveryNone, "recovery-none", "no recovery of this key is under way",
        "There is nothing to cancel: no recovery was asked for, or it has been cancelled or has taken effect.";
    RecoveryUnderWay, "recovery-under-way", "a recovery of this key is under way already",
        "One recovery at a time: cancel it or let it take effect.";
    RequestExpired, "request-expired", "the request or proposal has expired, or was made by a clock that is behind",
        "A request or proposal is decided within 30 days of being made; make it again. Where it was made just now, the clock of the node that made it was behind, or this one's is ahead: see `cresset doctor`.";
    ClockAhead, "registry-clock-ahead", "this was made more than a day in the future",
        "The moment in the statement lies more than a day ahead of this node's clock. One of the two clocks is wrong.";
    DecidedAlready, "decided-already", "this has been decided before",
        "A request or proposal is decided once. To have the same decided again, it is asked for again.";
    SealingKeyForm, "sealing-key-form", "a sealing key is x25519: and 32 bytes in base64url",
        "A sealing key is an X25519 public key, written `x25519:` and 32 bytes as base64url without padding.";
    IdentityForm, "identity-form", "a member's identity is identity-- and a UUID in lower case",
        "A member names its STIX identity object by its id: `identity--` and a UUID in lower case.";
    CertificateUnfit, "certificate-unfit", "the node certificate does not hold",
        "A node certificate is signed by its member's key, names that member, and is valid for at most 400 days.";
    CircleUnfit, "circle-unfit", "the circle does not have the form of one",
        "A circle has a name of 1 to 250 characters, an owner, a version from 1, and at most 128 members, each listed once.";
    CircleNotForYou, "circle-not-for-you", "this circle does not name you",
        "The membership of a circle is known only to its owner and its members.";
    CircleOlder, "circle-older", "a later version of this circle is known",
        "The version of the circle that came is not newer than the one held.";
    CircleForked, "circle-forked", "the circle's owner has signed two different documents as one version",
        "Two documents with the same circle and version differ; both together are evidence against the owner.";
    EvidenceEmpty, "evidence-empty", "the two entries prove nothing against anybody",
        "Evidence of a fork is two different entries at one place, signed by the same member; here they do not conflict or nobody signed both.";
    SnapshotForm, "snapshot-form", "this is not a registry snapshot",
        "A snapshot is a line that says what it is, then one entry a line.";
    SnapshotDiffers, "snapshot-differs", "the snapshot's entries do not give the state it names",
        "Replaying the entries gives another state than the first line says: the file was cut or changed.";
    AnchorForm, "anchor-form", "this is not an anchor file",
        "An anchor is what a newcomer needs: the community's id, its founding entry, endpoints of members, and the current head.";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Rule {}

/// A refusal of an entry: which one, and by which rule. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot take entry {epoch} of {chain}: {rule}")]
pub struct Refused {
    /// The chain it claims a place in.
    pub chain: Chain,
    /// Its epoch there.
    pub epoch: u64,
    /// Why.
    pub rule: Rule,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_its_own_code_and_words() {
        let codes: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        assert_eq!(codes.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            assert!(rule.explanation().ends_with('.') && !rule.message().ends_with('.'), "{rule:?}");
            assert!(rule.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{rule:?}");
        }
    }
}
