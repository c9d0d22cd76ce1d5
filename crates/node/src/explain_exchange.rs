//! What the refusals of exchange between members mean.

use federation::Rule;

/// A rule of exchange in a sentence or two.
pub(crate) const fn text(rule: Rule) -> &'static str {
    match rule {
        Rule::SealForm => {
            "These are no sealed bytes, or more than an envelope holds; nobody can be told who sent them."
        }
        Rule::SealSuite => {
            "The envelope is sealed in a way this version does not know. The sender is newer: upgrade this node."
        }
        Rule::SealClosed => {
            "The envelope does not open with this node's sealing key: it is sealed to another, was changed on the way, or was sealed for a key that has been replaced."
        }
        Rule::EnvelopeForm => "What was sealed is no envelope of this protocol.",
        Rule::WrongRecipient => {
            "The envelope names another recipient than this node's member: somebody passed on what was not theirs to pass on."
        }
        Rule::SenderUnknown => {
            "Whoever sent it is no member that takes part in this community. Where that is this node's own member (it is suspended, or has left: `cresset community show`), what it gives stands here, waits, and goes when it takes part again."
        }
        Rule::SenderSignature => {
            "The sender it names did not sign the envelope, or another member brought it in a turn of its own."
        }
        Rule::Gap => "Envelopes before this one have not come yet. The sender sends them again by itself.",
        Rule::RegistryBehind => {
            "The sender knows later decisions of the community than this node. They come by themselves, and then the envelope again."
        }
        Rule::HeadBehind => {
            "The act is under a head of its author's ledger that this node has not taken yet. It comes by itself, and then the envelope again."
        }
        Rule::SenderBehind => {
            "By the registry that the sender knew the act's author took no part in the community; it takes part by now. The sender hears of that by itself, and sends the envelope again."
        }
        Rule::Recovering => {
            "The node was restored from a backup and takes back from the other members what it lost. Until it has applied what was recalled and erased meanwhile it shows nothing and takes nothing in. It passes by itself; `cresset node recover` tells whom it waits for."
        }
        Rule::Outlived => {
            "It was sent before its sender was restored from a backup, and came after: it counts no more. Where it is a courier file, ask its sender for a new one."
        }
        Rule::LifeUnproven => {
            "It speaks of a restore of this node, or of its sender's, that the member whose node it is has not signed. Nothing of it was taken and nothing has changed: a node takes back what it lost on the word of its own member alone. An honest node shows what it was shown; ask those who run the sender's node what has become of its database, and which version they run."
        }
        Rule::NotRecovering => "Nothing is being recovered, so nobody is waited for.",
        Rule::NothingLost => {
            "Every act of this member's ledger is here, so there is nothing that the others could give back, and nothing was begun: until everybody had answered, the node would have shown nothing and taken nothing in. What they have sent since comes by itself. `cresset doctor` tells under `ledger` how many acts a restore has lost."
        }
        Rule::AuthorUnknown => "The author of the act is no member of the community.",
        Rule::AuthorInactive => {
            "The author of the act is suspended, has left, or was not yet a member when it acted."
        }
        Rule::ActForm => "The act cannot be read.",
        Rule::UnknownSuite => {
            "The act is signed in a way this version does not know. Its author is newer: upgrade this node."
        }
        Rule::ActSignature => "The author did not sign the act.",
        Rule::CommunityOther => "The act was done in another community.",
        Rule::Equivocation => {
            "The author has signed two acts for one place of its ledger. `cresset peer list` names it; `cresset peer evidence` writes what is kept, and `cresset verify` checks it."
        }
        Rule::Commitment => "What was sent is not what the act commits to: it was changed.",
        Rule::PayloadForm => "What was sent with the act cannot be read.",
        Rule::ObjectOther => {
            "The object is not the one the act names. A node of a build before version 4 of the protocol says so of an act with a salt of the object's own; who made that gives it anew, so that it can be read there."
        }
        Rule::HandlingOther => {
            "The handling rules are not those the act commits to: somebody changed or stripped them."
        }
        Rule::OriginForged => "The object says that another member made it than the one whose word it is.",
        Rule::Proof => "The proof that the act stands in its author's ledger does not hold.",
        Rule::ProofContradicted => {
            "The author's ledger has something else at the place of this act, which its author signed: `cresset peer evidence` writes what proves it, and `cresset verify` checks it."
        }
        Rule::NotOriginator => {
            "Only the originator of an object changes it, calls it back, consents, or gives a receipt of its own."
        }
        Rule::Handling => {
            "Its handling rules do not let it go to this member, or be kept by it. The rule after the slash says which; `cresset why` tells more."
        }
        Rule::ConsentMissing => {
            "Another member's object goes on only with that member's consent: ask for `cresset consent grant`."
        }
        Rule::ConsentInvalid => {
            "The consent is not the originator's, or is for another object, version, giver or recipient."
        }
        Rule::ConsentExpired => "The originator's consent has run out.",
        Rule::ConsentRevoked => {
            "The originator has taken the consent back, which `cresset consent list` shows, or has said since for whom the object is and not named this member (`cresset narrow --to`). It can consent anew."
        }
        Rule::CameEmpty => {
            "It was passed on, and may not go any more since it was sent off: the originator's consent has run out or was taken back on the way, or the object was narrowed, called back or destroyed where it was passed on from. \
             `cresset why OBJECT --for MEMBER` tells which, there; with a consent that counts it can be shared again."
        }
        Rule::RecipientOlder => {
            "Its node is of an earlier build, by its last greeting, and cannot read the act by which the originator gave the object; nobody but the originator can make that anew. \
             Share it again when that node has been updated and the two have met (`cresset peer list` shows when), or ask the originator to share it."
        }
        Rule::Tombstoned => {
            "The object was called back or erased; it does not come again by what was sent before."
        }
        Rule::ReceiptUnfounded => "The receipt speaks of acts that this member has not made.",
        Rule::KindStays => "Acts of this kind are told to nobody.",
    }
}
