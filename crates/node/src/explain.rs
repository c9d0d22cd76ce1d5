//! What each code means, in a sentence or two: `cresset explain CODE`.
//!
//! Codes of findings are `stix`'s, codes of refusals are `handling`'s; the rest is listed here.

use handling::Rule;

use crate::explain_exchange;

/// What `code` means; `None` for a code this program never gives.
#[must_use]
pub fn explain(code: &str) -> Option<&'static str> {
    let of_rule = Rule::ALL.into_iter().find(|rule| rule.code() == code).map(rule_text);
    let own = || CODES.iter().find(|(known, _)| *known == code).map(|(_, text)| *text);
    let of_community = || {
        let found = community::Rule::ALL.iter().find(|rule| rule.code() == code);
        found.map(|rule| rule.explanation())
    };
    let of_exchange = || {
        let found = federation::Rule::ALL.into_iter().find(|rule| rule.code() == code);
        found.map(explain_exchange::text)
    };
    let of_finding = || stix::codes().iter().find(|(known, _)| *known == code).map(|(_, text)| *text);
    of_rule.or_else(own).or_else(of_community).or_else(of_exchange).or_else(of_finding)
}

/// A code that a rule is called by, as this program knows it; `handling` where it is one of a later build.
pub(crate) fn code(called: &str) -> &'static str {
    let known = all_codes().into_iter().map(|(code, _)| code).find(|code| *code == called);
    known.unwrap_or(federation::Rule::Handling.code())
}

/// Every code this program gives, in alphabetical order, with its explanation.
#[must_use]
pub fn all_codes() -> Vec<(&'static str, &'static str)> {
    let rules = Rule::ALL.into_iter().map(|rule| (rule.code(), rule_text(rule)));
    let of_community = community::Rule::ALL.iter().map(|rule| (rule.code(), rule.explanation()));
    let of_exchange =
        federation::Rule::ALL.into_iter().map(|rule| (rule.code(), explain_exchange::text(rule)));
    let rules = rules.chain(of_community).chain(of_exchange);
    let mut all: Vec<_> = rules.chain(CODES.iter().copied()).chain(stix::codes().iter().copied()).collect();
    all.sort_unstable();
    all.dedup_by_key(|(code, _)| *code);
    all
}

const fn rule_text(rule: Rule) -> &'static str {
    match rule {
        Rule::CollectionUnknown => {
            "No grant lets you know of a collection by this name; it may not exist. An administrator grants access with `cresset collection grant`."
        }
        Rule::CollectionNotReadable => {
            "You may know of this collection but not read it: the grant, your role or the scope of your token does not include reading."
        }
        Rule::CollectionNotWritable => {
            "You may know of this collection but not write to it: the grant, your role (writing takes the analyst role) or the scope of your token does not include writing."
        }
        Rule::RoleMissing => {
            "Your account lacks the role this needs. Roles are given by an administrator with `cresset user`."
        }
        Rule::ScopeMissing => {
            "Your token's scopes do not include this. Make a token with the scope, or sign in with your password."
        }
        Rule::PersonDataStaysHome => {
            "The object is about a person (an individual's identity, a user account, an e-mail address with a name, or whatever says so itself), and such data stays on its home node. What refers to it goes on without it."
        }
        Rule::Retention => {
            "The object was to be kept until a moment that has passed; since then it is for nobody. Its originator can give it out anew."
        }
        Rule::Embargo => {
            "Until the object's embargo is over, only the persons named with it may see it, and nobody passes it on, exports it or acts on it by machine."
        }
        Rule::Audience => {
            "The object is addressed to somebody else: its originator named members, circles or persons, and the recipient is none of them. What has been given to nobody yet is for its originator alone, and `cresset share` names others. A circle that is empty or cannot be resolved is nobody."
        }
        Rule::TlpCommunity => {
            "TLP:GREEN and stricter levels stay in the community; whoever is no member gets what is TLP:CLEAR."
        }
        Rule::TlpStrictClients => {
            "TLP:AMBER+STRICT is for the organisation itself, not for those it serves; TLP:AMBER also for its clients."
        }
        Rule::OriginatorControl => {
            "Only its originator changes the object, and, where it is under originator control, gives it to anybody else; with the originator's consent others may pass it on."
        }
        Rule::Purpose => {
            "The object's rules limit what it may be used for (awareness, defence, sharing), and this is something else."
        }
        Rule::PapAutomation => {
            "At PAP:AMBER and PAP:RED nothing may be done that the adversary could notice, so machines do not act on the object by themselves."
        }
        Rule::MarkingUnresolved => {
            "The object bears a marking whose definition has not arrived. Until it is known, the object does not leave this node and no machine acts on it. More than 16 such definitions are not awaited one by one, nor is what no definition can be: `doctor` names the objects for which nothing that comes changes anything (`markings`), and each has to be deleted over TAXII and brought again once its definitions stand there."
        }
        Rule::CircleUnresolved => {
            "The circle has no members, or this node cannot know them; it is answered like nobody."
        }
        Rule::SecondPerson => {
            "One person alone may not do this: somebody else with the approver or admin role says yes first, and nobody says yes to what they asked for themselves."
        }
        Rule::HandlingAllows => "No rule of the object's handling speaks against it.",
        Rule::TlpRedPersons => {
            "The object is TLP:RED: for the person who put it here and those named with it, for nobody else, whatever the collection's grants."
        }
    }
}

static CODES: &[(&str, &str)] = &[
    (
        "line-form",
        "The line is not a question of this verb of `cresset stix`: one JSON object with the fields that the verb takes.",
    ),
    ("line-length", "The line is longer than the largest document can be."),
    (
        "line-text",
        "The value is not UTF-8 text. It was not asked for; the other values were. Convert the file, or give the value in another form.",
    ),
    (
        "internal",
        "A defect of the program: answering this line failed. The other lines were answered; please report the line.",
    ),
    (
        "file-unreadable",
        "The file cannot be read: it is missing, not yours to read, larger than what is taken, or breaks off. Nothing of it was imported; the other files were.",
    ),
    ("credential-missing", "The request carried no user name and password, token or session."),
    (
        "credential-wrong",
        "User name, password, token or session is wrong, revoked or ended. Which of these is not told, so that guessing learns nothing.",
    ),
    (
        "credential-locked",
        "Too many wrong passwords were given for this name or from this address; each further one doubles the wait, up to 15 minutes. Tokens and running sessions are not affected.",
    ),
    ("account-disabled", "The credential is right, but an administrator has disabled the account."),
    ("token-expired", "The token's end has passed. Make a new one with `cresset token create`."),
    (
        "too-many-requests",
        "More requests came than this user may make, or more sign-ins than the node checks at once. Wait as long as the answer says.",
    ),
    ("user-unknown", "There is no user of this name, or none that you may manage."),
    (
        "addressee-unknown",
        "No member or circle is known by this name. `cresset community show` and `cresset circle list` tell which there are; a circle that is not known here is named by its id (`circle:ID`), and is nobody until it is known.",
    ),
    (
        "addressee-ambiguous",
        "More than one member or circle could be meant by this name, and none is guessed at: say `member:SLUG`, `circle:OWNER/NAME`, or give the id.",
    ),
    (
        "certificate-missing",
        "This node's member has told the others to reach it by `https://`, where both ends show a node certificate, and whoever called showed none: its node is of an earlier version, or something on the way ends TLS. `members_tls = \"offered\"` takes turns without one; `https+proxy://` as this member's endpoint tells others that a proxy ends TLS.",
    ),
    (
        "certificate-unreadable",
        "What was shown in place of a node certificate is none, or more than is looked at.",
    ),
    (
        "certificate-expired",
        "The node certificate is not valid now, by this node's clock. A running node makes a new one every day: one of the two clocks is off by days, or that node has not renewed it.",
    ),
    (
        "certificate-unknown",
        "The certificate is not issued by the key of a member that is known here: somebody else answers or calls, a proxy ends TLS before the node (its member says so by `https+proxy://`), or its member's key has been recovered and the news has not come.",
    ),
    (
        "certificate-revoked",
        "The node certificate is issued by a member that is suspended or has left, or with a key that its member has replaced: then that node may have been restored from a backup of before, and `cresset node recover` there tells what helps.",
    ),
    (
        "key-replaced",
        "The key of this node's member was replaced after the backup that the node was restored from, or by somebody else, and the node does not have the new one: the other members believe nothing that it says. Restore with a key file that was made since (`cresset restore --keys`), or have the key recovered with `cresset community recover`. Where a decision of the community takes every vote, as it does with up to three, the others cannot note a recovery without this member's own vote, which the lost key would give: there only such a key file helps.",
    ),
    (
        "key-recovering",
        "The key of this node's member was replaced, and its recovery has been asked for: the other members take the new key seven days after they have noted that. Until then the node takes nothing back and signs nothing. Where a decision of the community takes every vote, as it does with up to three, they cannot note it without this member's own vote, which the lost key would give, and it stays so for ever: restore with a key file that was made after the key was replaced (`cresset restore --keys`).",
    ),
    (
        "certificate-other",
        "The node certificate is that of another member than the one that was called, or than the one that signed what was said.",
    ),
    ("token-unknown", "There is no token with this id, or none that you may manage."),
    ("name-taken", "Something else has this name already."),
    ("name-unfit", "The name is empty, too long, or has characters that cannot stand in it."),
    ("title-unfit", "A collection has a title of 1 to 250 characters."),
    ("roles-missing", "A user has at least one role: reader, analyst, approver, admin, auditor or contact."),
    ("password-unfit", "A password has at least 10 characters and at most 1024 bytes."),
    ("expires-in-the-past", "The end that was asked for has passed already."),
    (
        "last-admin",
        "The last administrator can neither be disabled nor lose the role: the node could not be managed any more.",
    ),
    (
        "tokens-max",
        "A user has at most 1,000 tokens that are neither revoked nor expired. Revoke some that are not used.",
    ),
    (
        "job-state-too-long",
        "What a pull or push remembers is longer than the node keeps for it; nothing was written down.",
    ),
    (
        "object-unknown",
        "This member holds no such object as exchange knows it: it is not here, not for you, or not this member's to give, recall or erase.",
    ),
    ("grantee-form", "A grant speaks to `user:NAME` or to `role:ROLE`."),
    (
        "initialised-half",
        "An `init` was broken off in this directory after it had made accounts and keys and before their secrets were shown: there is no node yet, and nobody has the secrets. Remove the files \
         that begin with `cresset.` there and run `cresset init` again.",
    ),
    (
        "initialised-already",
        "The directory holds a node already; `init` makes a new one only in an empty directory.",
    ),
    ("not-found", "There is no such thing, or it is not for you to know of: the two answer alike."),
    (
        "bad-cursor",
        "The cursor (`next`) belongs to another question, or was not made by this node. Ask again without it.",
    ),
    (
        "store-read-only",
        "The disk is full or failing, so nothing is written for now; reading goes on. The node takes writes again by itself when there is room or the disk works. Nothing of the request was acknowledged: \
         send it again, and what is there all the same is told as known. Whoever signs in to the pages meanwhile has a session that ends when the node is started anew.",
    ),
    (
        "store-unreadable",
        "The disk did not give what was to be read, or a file of the database does not open (the log says which, and whether there were \
         too many open files). What was asked is unknown, not absent: ask again. See to the disk, then run `cresset doctor --deep`.",
    ),
    ("store-busy", "Another process works on the same directory. Stop it, or use `--url` to ask it."),
    (
        "store-cannot-open",
        "The directory or database cannot be opened: it is missing, not ours, or made by a newer version.",
    ),
    (
        "keys-missing",
        "The backup is sealed object by object and the key file does not open it: none was given, it is another node's, or it was \
         written before the backup and lacks what came in between. Any key file of the node that was written with the backup or \
         later will do. What was erased since stays erased with every one of them.",
    ),
    (
        "store-damaged",
        "Stored data is damaged, or the disk cannot be read there. `cresset doctor --deep` tells what. What derives from stored objects `cresset rebuild` writes again; an object whose \
         bytes are not those that were stored is only in the last backup: restore that.",
    ),
    (
        "store-failed",
        "The store failed in an unforeseen way; nothing of the request was kept. The log tells more under the request's id.",
    ),
    (
        "erased",
        "This member had the object destroyed everywhere with `cresset erase`; it does not come in again under the same id.",
    ),
    (
        "erased-by-originator",
        "This is a copy of what another member gave and had destroyed everywhere with `cresset erase`; it does not come in again as this member's own word. What this member has to say of the object itself is another version of it, and is taken.",
    ),
    (
        "sector-unfit",
        "A sector is a word of up to 100 printable characters, best one of STIX's industry-sector vocabulary: healthcare, energy, financial-services.",
    ),
    (
        "consent-unknown",
        "No consent of this id is known here, or it is about an object that you may not see: `cresset consent list` shows them.",
    ),
    (
        "narrowing-empty",
        "`cresset narrow` was told no rule that could be stricter: name one, --tlp red for example. What is not named stays as it is.",
    ),
    (
        "given-besides",
        "Others were given several things under this id, some of which you do not see where you may write: somebody else here gave them, for \
         whom they are. An erasure or a narrowing reaches all that was given under an id, so it is for whoever sees all of it, or \
         administers this node. Nothing was done. A recall takes back what you know of, and leaves the rest with those who have it.",
    ),
    (
        "given-otherwise",
        "Others were given something else under this id and date, and they know a version by these: this would come in its place at all of them, \
         without a word. It stands here and is not given to anybody. Call back what was given (`cresset recall`) and share this, or bring it with \
         a `modified` of its own. Who gave the other may have it where you do not see it: then nothing can be called back by you.",
    ),
    (
        "never-given",
        "Nobody was ever given the object, or this version of it, by this member's word: there is nothing to call back, and nobody has signed \
         for it. Where it stands here by this member's word, `cresset erase` destroys it here, and in backups that are opened with a key \
         file of after that.",
    ),
    (
        "member-absent",
        "The object is meant for a member that takes no part at present: it is suspended, or has left. It is given it once it takes part again. \
         What is another member's and was passed on to a circle by its consent has to be shared again then.",
    ),
    (
        "clock-behind",
        "The embargo of the object is over here and, by the clock of the member's node, not there: it would refuse it. It is given it when it is over \
         there, and asked about again within the hour, for clocks are put right; a member whose clock nobody knows, since files alone go there, \
         is given it again six hours after it has refused it. `peer list` tells clocks (`skew_seconds`).",
    ),
    (
        "circle-history",
        "A circle that the object is addressed to has taken the member in with everything that was shared before: the object is given to it in a \
         moment, by the serving node; or six hours after the member refused it, since it did not know of that yet.",
    ),
    (
        "circle-left",
        "Circles that the object is addressed to let the member have it, and it is in none of them any more: its node drops it as soon as it \
         learns that, and signs for it. Until it has said so it is told here. What it got otherwise too, by its own name say, it keeps.",
    ),
    (
        "narrowed",
        "Stricter rules than those it was given under (`cresset narrow`) let the member keep nothing of the object: its node destroys it and signs \
         for that. Until it has, `holders` tells its receipt as `pending`, and afterwards as `missing`.",
    ),
    (
        "consent-nobody",
        "No member has the object yet, so there is nobody who could pass it on: share it first, or name with --from who may.",
    ),
    (
        "peer-unknown",
        "No member that something can be given to: name a member by its slug or id, or a circle.",
    ),
    (
        "message-unreadable",
        "What another node said is no message of this protocol, or is not signed by the member it names.",
    ),
    (
        "courier-missing",
        "A courier file of this member that comes before has not been taken yet. Bring that one first; nothing of this one was taken.",
    ),
    (
        "courier-unfit",
        "The file is no courier file for this node: it is sealed to another member, damaged, incomplete, or not signed by a member that takes part, \
         as far as it is known here and by the papers in the file.",
    ),
    (
        "circle-awaited",
        "What waits of the courier file is for a circle whose document has not come. Papers that were not taken say why (`papers`); else let its owner, \
         or another member that is in it, bring a file. Then bring this one again, or the sender's next.",
    ),
    (
        "ledger-goes-on",
        "The sender's ledger is larger than one file: this one brought a part of it, and what waits comes after the last part. Carry what `cresset courier \
         acks` writes to the sender, whose next file goes on.",
    ),
    (
        "courier-none",
        "No courier file has been taken here yet, so there is nothing to acknowledge. `cresset courier export --to MEMBER` writes a file for a member.",
    ),
    (
        "relay-off",
        "The node keeps no parcels for others: its member is no secretariat, or its operator has set `relay` to `never`. Name another relay with `relay_through`, or have its operator set `relay` to `always`.",
    ),
    (
        "relay-full",
        "The relay has no room beyond what each member has there for itself (half of all it keeps, divided among the members), and what waits is larger than that. What waits stays here and is put as soon as there is room; its operator can allow more with `relay_megabytes`.",
    ),
    (
        "relay-share-full",
        "This member's share of the relay is used up: parcels for members that have not fetched them, or one larger than the share. What waits stays here and is put as soon as there is room; the relay's operator can allow more with `relay_member_megabytes`.",
    ),
    (
        "relay-parcel",
        "What was put at the relay is no sealed parcel, or is larger than one may be. Nothing of it was kept.",
    ),
    (
        "relay-question",
        "A question to a relay is whole routes of 16 bytes, or routes with digests of 48, one behind the other, and so many and no more.",
    ),
    ("act-unfit", "The act would be larger or its time later than a reader takes; nothing was done."),
    (
        "revoked-already",
        "The object was revoked in this collection; nothing comes after a revocation (STIX 2.1, section 3.6).",
    ),
    (
        "creator-changed",
        "Only its creator makes new versions of an object, and this one names another creator than what stands longest under its id in this collection (STIX 2.1, section 3.6.2). It is kept beside that all the same, as a lineage of its own: `get` shows what stands longest and counts it among the contradictions, `history` and TAXII's `match[version]=all` show both, look-up and search find both.",
    ),
    (
        "created-changed",
        "All versions of an object have the same `created`, and this one has another than what stands longest under its id in this collection (STIX 2.1, section 3.6). It is kept beside that all the same, as a lineage of its own: `get` shows what stands longest and counts it among the contradictions, `history` and TAXII's `match[version]=all` show both, look-up and search find both.",
    ),
    (
        "known-by-another",
        "What you brought stands in this collection already, by another member's word: it is found and read as before, and nothing was stored of it as your own, since a copy brought in by hand would turn what is another's into yours. So it goes when that member calls it back, has it erased or lets its time \
         run out. What you had of it before, from somewhere else, is in the file that you brought: bring it again then, or to a collection in which it does not stand.",
    ),
    (
        "object-unfit",
        "What an act brings is no object that can be stored: it is not JSON, not an object of STIX, or nested too deep. Nothing of it was kept; its sender's program is to be mended.",
    ),
    (
        "rules-unreadable",
        "The line of handling rules that an act brings cannot be read, so nobody can tell who may have the object: it is for nobody, and nothing of it was kept. Its sender is newer than this node, or its program is to be mended.",
    ),
    (
        "rules-of-another",
        "The line of handling rules that an act brings names somebody else as the originator than the member that signed the act. Nobody speaks in another's name, so the line counts for nothing and the object is for nobody: nothing of it was kept.",
    ),
    (
        "version-not-spoken",
        "The member's node and this one have no version of the protocol in common, by what it greeted with last: one of the two is too old for the other, or speaks wrongly. It is heard and gets nothing, and nothing is taken from it. Bring the older of the two up to date; then what waits goes by itself.",
    ),
    (
        "not-given",
        "You brought something for other members to a collection that you may write to and not read. It stands there by another member's word, so it is not this member's to give, and nobody was given it. Somebody who may read the collection is told more, and can ask that member for its consent.",
    ),
    (
        "level-beside",
        "What is imported with --tlp is under that level here and at members, and keeps its bytes: a TAXII client of another product, or whoever reads an export, sees no marking, or a looser one. Mark such objects in the file, or give those clients a collection in which everything bears its level. Objects that are made of lists and text bear it.",
    ),
    (
        "marking-awaited",
        "The object refers to a marking whose definition does not stand in the collection that it came to (in another one it may). What a marking means decides who may have what it marks, so the object is read and found here, but given to no other member and acted on by no machine until the definition comes to the same collection: import it there.",
    ),
    (
        "lineages-max",
        "Versions of this object with so many different `created` or creators are held in the collection already (64) that one more is not kept. Whoever makes them should give each new object an id of its own; what is not needed can be deleted.",
    ),
    (
        "version-conflict",
        "The same id, `created`, creator and `modified` came with other content: the first stays, the second is refused (STIX 2.1, section 3.6). Of what another member says the id and `modified` are enough.",
    ),
    (
        "not-taken",
        "You may write to this collection but not read it, so no more is told than that the object was not taken: what stands under its id there, or stood, speaks against it. Somebody who may read the collection is told why.",
    ),
    (
        "format-not-supported-yet",
        "The file is in a format this version recognises but does not read yet. Convert it to STIX 2.1, STIX 2.0, CSV or plain text.",
    ),
    (
        "format-unknown",
        "The file is in none of the formats that are read: STIX 2.1 or 2.0, CSV, plain text (UTF-8).",
    ),
    (
        "import-objects-max",
        "One import takes at most 100,000 objects or values, so that it can answer with a receipt for each. Send the file in parts.",
    ),
    (
        "request-too-costly",
        "The objects of one request are examined for ten minutes at most. What takes so long are very many regular expressions (MATCHES) in patterns that are short to write and long to read. Of a TAXII envelope nothing was stored, and of an import what came before: send the rest in smaller parts.",
    ),
    (
        "value-unknown",
        "Nothing you may read is about exactly this value, so there is nothing to sight. A range around an address, or a domain above a host, is sighted by its own value or by the id of its object.",
    ),
    (
        "observable-only",
        "What is held of this value is an observable: it says that the value exists, not that it is bad, and STIX (section 5.2) lets a sighting be of a domain object only. Import the value as an indicator and sight that, or sight the malware, campaign or other object that speaks of the observable by its own id (`cresset edges` tells them).",
    ),
    (
        "value-unfit",
        "The value is not an address, range, domain, URL, hash, e-mail address or other thing that can be looked up as this type.",
    ),
    ("too-many-values", "One request looks up at most 10,000 values. Send the rest in another one."),
    ("query-too-long", "A looked-up value or search text has at most 64 KiB."),
    (
        "query-too-costly",
        "Answering would take more work than one question may cost, for example because very many objects have to be looked at. Ask for fewer values at once, a smaller range, rarer words or one collection.",
    ),
    ("search-empty", "The search text holds no word that could be searched for."),
    (
        "observations-unfit",
        "What was sent is not a STIX bundle with observed-data objects and their observables.",
    ),
    (
        "handling-unstated",
        "A tag of the line says what may be done with it (PAP), which an object that is made of a list cannot carry. Import the line by itself and say so: `--pap red`. Lines without such a tag were imported.",
    ),
    (
        "bytes-altered",
        "The stored bytes of this version are not those that came in, or not those that the ledger's act about it commits to: they were changed, by a failing disk or by somebody who could write the database. Nothing proves them, \
         so they are not given out; other objects are what they were, and recalling or erasing this one goes on working. Restore the last backup; `cresset doctor --deep` tells which others are changed. Pages of whole collections and exports are not held against their digests \
         as they go out: only `doctor --deep` looks at everything.",
    ),
    (
        "not-in-ledger",
        "No leaf of the ledger says how this version came in: it was stored before the ledger was kept, or its salt was erased.",
    ),
    (
        "act-uncovered",
        "The act is known here, and no head of its author's ledger that would prove it: it comes with the next meeting, and then the proof can be had.",
    ),
    (
        "receipt-none",
        "The member has not signed that it did what the act asks: it has not answered yet, or refused, which `cresset holders` and `cresset peer list` tell.",
    ),
    (
        "community-none",
        "This node belongs to no community yet, and this is done towards the members of one. Found one with `cresset community create`, or join one with its anchor file.",
    ),
    ("community-already", "A node belongs to one community, and this one does, or has asked to be let in."),
    (
        "community-pending",
        "This member has asked to be let in; as soon as enough members approve, the node takes part.",
    ),
    (
        "nothing-pending",
        "No request or proposal waits for a decision under this name; `cresset community pending` lists them.",
    ),
    (
        "pending-ambiguous",
        "Several requests or proposals are about this member: name the one that is meant by its subject, as `cresset community pending` shows it.",
    ),
    (
        "pending-crowded",
        "At most 64 requests and proposals wait for a decision at a time; they expire after 30 days.",
    ),
    (
        "member-without-vote",
        "Observers, partners and suspended members have no vote in the community's decisions.",
    ),
    (
        "last-vote",
        "A community whose only member with a vote is suspended decides nothing any more, and cannot take it back either. A member that wants to leave gives notice: `cresset community withdraw`.",
    ),
    ("circle-owner", "Whoever keeps a circle is always in it, and cannot be taken out of it."),
    ("not-in-circle", "The member exists, and is not in this circle: `cresset circle list` shows who is."),
    ("circle-unknown", "This member keeps no circle of this name; others' circles are theirs to change."),
    (
        "circle-exists",
        "This member keeps a circle of this name already; change that one, or choose another name.",
    ),
    (
        "circle-name",
        "Members and circles are addressed by name in one place, so a circle is not called as a member is, nor by a word or an id that means somebody else, nor with a character that does not show or parts names (, / : @). Choose another name; another member's circle that is called so is addressed by its id.",
    ),
    (
        "join-refused",
        "So many members have refused the request to be let into the community that it cannot be approved. They can say otherwise as long as it waits; \
         this node goes on asking. Ask them why, and ask anew with `cresset community join`.",
    ),
    (
        "exchange-stranger",
        "A message about the registry comes from a member that takes part, signed with its key, or brings the sender's own request to join.",
    ),
    (
        "exchange-key-former",
        "The papers in a courier file are signed with a key that its sender has replaced since the file was made: nothing of the registry is taken on the word of a former key. What else is in the file is judged by itself, and the next file of that member brings its papers.",
    ),
    (
        "exchange-misdirected",
        "A message between nodes names the one it is for, and an answer the question it answers.",
    ),
    (
        "exchange-clock-apart",
        "The sender's clock and this node's are more than a day apart; one of them is wrong, and nothing was taken over. `cresset doctor` and \
         `cresset community show` say by how much, as far as it is known. Put the wrong one right: what is to be exchanged goes then, and a request \
         to be let in is made anew by the right clock.",
    ),
    (
        "approval-pending",
        "This takes a second person, who has been asked: somebody else with the approver or admin role says yes with `cresset approval grant ID` or on the page Approvals, within three days; then do the same again. Where it cannot wait, `cresset approval break-glass ID --reason WHY` goes ahead, and every member is told.",
    ),
    (
        "approval-unknown",
        "There is no request of this id, or none that you may know of: `cresset approval list` shows those that you may.",
    ),
    (
        "approval-decided",
        "The request has an answer already, or has been used; doing again what it was for asks anew.",
    ),
    (
        "approval-expired",
        "Nobody answered the request within three days; doing again what it was for asks anew.",
    ),
    (
        "approvals-open-max",
        "One person has at most 100 requests open; have some of them answered, or wait until they run out.",
    ),
    (
        "glass-max",
        "One person goes ahead without a second one at most 3 times in 24 hours, also in the names of others whose tokens they made. Let somebody else answer (`cresset approval grant`), or wait.",
    ),
    ("reason-unfit", "A reason has 1 to 1,000 characters: others read it."),
    (
        "retention-over",
        "This is a copy of what another member gave for a time that is over. It was destroyed here then, and only that member can give it anew.",
    ),
    (
        "minors-data",
        "The object says that it is about a minor (label data-subject:minor, or the extension for data subjects). Such data is not taken in.",
    ),
    ("not-initialised", "The node has no member yet: run `cresset init`."),
    (
        "collection-not-named",
        "The object stands in no collection you may write to, so name one with `--collection`.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_once() {
        for rule in Rule::ALL {
            assert!(explain(rule.code()).is_some());
        }
        let mut own: Vec<_> = CODES.iter().map(|(code, _)| code).collect();
        own.sort_unstable();
        assert!(own.windows(2).all(|pair| pair[0] != pair[1]), "{own:?}");
        assert!(CODES.iter().all(|(_, text)| text.ends_with('.')));
        assert_eq!(explain("no-such-code"), None);
    }
}
