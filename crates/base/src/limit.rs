//! Every limit of the node by name. Each has a test at the limit and at limit + 1 where it is enforced.

/// Largest request body after decoding, in bytes; also TAXII's `max_content_length` (100 MiB).
pub const BODY_BYTES_MAX: usize = 100 * 1024 * 1024;
/// Deepest nesting of a JSON document.
pub const JSON_DEPTH_MAX: usize = 100;
/// Largest single STIX object, in bytes (8 MiB).
pub const OBJECT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest STIX pattern, in bytes (1 MiB).
pub const PATTERN_BYTES_MAX: usize = 1024 * 1024;
/// Longest regular expressions of one STIX pattern, in bytes, all together (256 KiB).
pub const REGEX_BYTES_MAX: usize = 256 * 1024;
/// Deepest nesting of parentheses and observation expressions in a pattern.
pub const PATTERN_DEPTH_MAX: usize = 200;
/// PCRE steps one MATCHES may take before the comparison counts as not true.
pub const REGEX_STEPS_MAX: u32 = 100_000;
/// Memory that one MATCHES may take for backtracking, in KiB (4 MiB).
pub const REGEX_HEAP_KIB_MAX: u32 = 4 * 1024;
/// Longest text that MATCHES searches, in bytes (8 MiB); a longer one counts as not matched.
pub const REGEX_SUBJECT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Characters one LIKE with `_` may compare before the comparison counts as not true.
pub const LIKE_STEPS_MAX: usize = 50_000_000;
/// Values one comparison may look at on a path with `[*]` before it counts as not true.
pub const PATH_VALUES_MAX: usize = 1_000_000;
/// Steps that the search for a binding of a pattern may take before it is given up as undecided.
pub const MATCH_STEPS_MAX: usize = 20_000_000;
/// Observations that may meet the conditions of one pattern, each counted for every condition that it meets.
pub const MATCH_CANDIDATES_MAX: usize = 1_000_000;
/// Single demands that one binding may have, repetitions not counted.
pub const MATCH_SLOTS_MAX: usize = 4_096;
/// FOLLOWEDBY and WITHIN that one binding may have, counting each repetition.
pub const MATCH_VARIABLES_MAX: usize = 64;
/// Objects in one page unless the client asks for fewer.
pub const PAGE_DEFAULT: usize = 1_000;
/// Objects in one page at most, whatever the client asks for.
pub const PAGE_MAX: usize = 5_000;
/// Bytes of objects in one page at most; a larger single object still fills a page of its own (16 MiB).
pub const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a status resource is kept, in seconds (30 days).
pub const STATUS_KEPT_SECONDS: i64 = 30 * 86_400;
/// Values in one look-up request.
pub const LOOKUP_VALUES_MAX: usize = 10_000;
/// Longest look-up value or search text, in bytes.
pub const QUERY_BYTES_MAX: usize = 64 * 1024;
/// Rows a look-up may find for all its values together; one answer holds no more.
pub const LOOKUP_ROWS_MAX: usize = 100_000;
/// Addresses of the ranges of a look-up that are ranked for all its ranges together: of the lowest so many the first by worth and date are listed.
pub const IN_RANGES_RANKED_MAX: usize = 10_000;
/// Steps of the store's own machine that one read may take before it is given up as too costly: some seconds.
pub const READ_STEPS_MAX: u64 = 200_000_000;
/// Versions of observables, and observables, that one question keeps in mind while it walks; of further ones it asks again where it must.
pub const UNDATED_REMEMBERED_MAX: usize = 10_000;
/// Bytes of what earlier tellings of an observable are found by that are held against the one that is told (16 MiB); how many tellings
/// lie beyond is told with it.
pub const TELLINGS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// References to one object that are passed over for the reports which list it before the reports that its reader sees are looked through
/// instead: which of the two is done changes no answer.
pub const LISTED_PASSED_MAX: usize = 200;
/// Matches listed for one looked-up value.
pub const LOOKUP_MATCHES_MAX: usize = 100;
/// Of these, URLs on the host asked for where other values are asked for with it: a host may have any number.
pub const LOOKUP_ON_HOST_MAX: usize = 5;
const _: () =
    assert!((LOOKUP_ON_HOST_MAX + 1) * LOOKUP_VALUES_MAX <= LOOKUP_ROWS_MAX, "hosts refuse no look-up");
/// Lineages that one object may have in one collection by one member's word: what contradicts them all is not kept any more.
pub const LINEAGES_MAX: u64 = 64;
/// Longest name of a user, a collection or a token, in characters.
pub const NAME_CHARS_MAX: usize = 250;
/// Shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 10;
/// Most seconds that a token may be asked to last: 100 years.
pub const TOKEN_SECONDS_MAX: i64 = 3_153_600_000;
/// Longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Objects in one TAXII envelope that is posted.
pub const ENVELOPE_OBJECTS_MAX: usize = 100_000;
/// Seconds that the objects of one request are examined; a request that takes longer is not taken, whatever is in it.
pub const EXAMINE_SECONDS_MAX: u64 = 600;
/// Objects in one page that another TAXII server gives: more than it was asked for, where it has no pages.
pub const PAGE_OBJECTS_MAX: usize = 1_000_000;
/// Values a file of text or CSV may hold, and objects one of any other kind: an import answers with a receipt for each.
pub const IMPORT_OBJECTS_MAX: usize = ENVELOPE_OBJECTS_MAX;
/// Memory that the findings of one object may take besides as many bytes as the object has; later ones are only counted in.
pub const FINDINGS_BYTES_MIN: usize = 2 * 1024;
/// Seconds that one request may spend on matching patterns.
pub const OBSERVED_SECONDS_MAX: u64 = 20;
/// Patterns named in one answer that ran into a limit; all of them are counted.
pub const UNDECIDED_NAMED_MAX: usize = 100;
/// Longest timestamp, in bytes. The text sets no end to sub-second digits; what names a version is written into ledgers and indexes,
/// and no clock tells these.
pub const TIMESTAMP_BYTES_MAX: usize = 256;
/// Findings listed for one object or bundle, the heaviest; one more says that there are others.
pub const FINDINGS_MAX: usize = 200;
/// Request body read without waiting for a place, in bytes (256 KiB).
pub const BODY_SMALL_MAX: usize = 256 * 1024;
/// Request body that takes one of the medium places, in bytes (8 MiB).
pub const BODY_MEDIUM_MAX: usize = 8 * 1024 * 1024;
/// Request body that takes one of the large places, in bytes: the limit itself.
pub const BODY_LARGE_MAX: usize = BODY_BYTES_MAX;
/// Longest time a request body may take to arrive, in seconds.
pub const BODY_SECONDS_MAX: u64 = 300;
/// Connections served at the same time.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Longest target of a request (path and query), in bytes.
pub const TARGET_BYTES_MAX: usize = 32 * 1024;
/// Pages of objects being answered to one user at the same time; further ones wait.
pub const PAGES_PER_USER_MAX: usize = 8;
/// Sessions of one user; a further one ends the oldest.
pub const SESSIONS_PER_USER_MAX: usize = 100;
/// Tokens of one user that are neither revoked nor expired.
pub const TOKENS_PER_USER_MAX: usize = 1_000;
/// Long jobs whose memory is kept for one user.
pub const JOBS_PER_USER_MAX: u64 = 1_000;
/// Longest memory of a long job, in bytes.
pub const JOB_STATE_BYTES_MAX: usize = 16 * 1024;
/// Terms one object is found by; further ones are not indexed.
pub const TERMS_PER_OBJECT_MAX: usize = 100_000;
/// Full text kept of one object, in bytes of cut words (256 KiB), besides the marks of its names; the rest is not searched.
pub const OBJECT_WORDS_BYTES_MAX: usize = 256 * 1024;
/// Names and aliases of one object that a search goes by before everything else.
pub const NAMES_PER_OBJECT_MAX: usize = 32;
/// How much of a name a search goes by, in bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// Longest word of full text, in bytes; longer ones are found by their beginning.
pub const WORD_BYTES_MAX: usize = 128;
/// Words of one full-text question; further ones are left out.
pub const QUERY_WORDS_MAX: usize = 64;
/// Longest label of an object, in characters.
pub const LABEL_CHARS_MAX: usize = 200;
/// Largest payload of one signed statement, in bytes (1 MiB).
pub const SIGNED_PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// Largest signed statement as text, in bytes (2 MiB).
pub const SIGNED_TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Longest payload type of a signed statement, in bytes.
pub const PAYLOAD_TYPE_BYTES_MAX: usize = 255;
/// Signatures on one statement.
pub const SIGNATURES_MAX: usize = 256;
/// Largest signed note, in bytes (256 KiB).
pub const NOTE_BYTES_MAX: usize = 256 * 1024;
/// Signatures on one note.
pub const NOTE_SIGNATURES_MAX: usize = 128;
/// Largest header of an act, in bytes (8 KiB).
pub const ACT_BYTES_MAX: usize = 8 * 1024;
/// Largest payload that a proof file carries, in bytes: the largest object.
pub const PROOF_PAYLOAD_BYTES_MAX: usize = OBJECT_BYTES_MAX;
/// Largest proof file, in bytes (16 MiB): a payload twice in base64, and everything else.
pub const PROOF_FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Largest file of evidence, in bytes (1 MiB).
pub const EVIDENCE_BYTES_MAX: usize = 1024 * 1024;
/// Pieces of evidence kept against one ledger: one proves that it has two heads, and further ones would take the place of evidence
/// against others.
pub const EVIDENCE_OF_ONE_MAX: u64 = 8;
/// Sets of members that are tried as the addressees of one own act that a restore has lost.
pub const ADDRESSEES_TRIED_OF_ONE_MAX: usize = 4_096;
/// The same for all acts of one recovery.
pub const ADDRESSEES_TRIED_MAX: usize = 65_536;
/// Members of one community, former ones included.
pub const COMMUNITY_MEMBERS_MAX: usize = 128;
/// Largest entry of a community's registry as text, in bytes (256 KiB).
pub const REGISTRY_ENTRY_BYTES_MAX: usize = 256 * 1024;
/// Entries of one registry.
pub const REGISTRY_ENTRIES_MAX: usize = 10_000;
/// Largest registry snapshot, in bytes (64 MiB).
pub const SNAPSHOT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest anchor file, in bytes (512 KiB).
pub const ANCHOR_BYTES_MAX: usize = 512 * 1024;
/// Largest evidence of a fork in the registry, in bytes (512 KiB and its frame).
pub const FORK_BYTES_MAX: usize = 2 * REGISTRY_ENTRY_BYTES_MAX + 1_024;
/// Largest signed circle as text, in bytes (64 KiB).
pub const CIRCLE_BYTES_MAX: usize = 64 * 1024;
/// Requests and proposals that wait for a decision at one node.
pub const PENDING_SUBJECTS_MAX: usize = 64;
/// Circles that one member keeps, and that others take of it.
pub const CIRCLES_MAX: usize = 1_000;
/// Entries in one message of registry papers between nodes, in bytes (600 KiB).
pub const PAPERS_ENTRIES_BYTES_MAX: usize = 600 * 1024;
/// What waits for a decision, and after it circles, in one message of registry papers, in bytes (300 KiB).
pub const PAPERS_PENDING_BYTES_MAX: usize = 300 * 1024;
/// Versions of circles told in one message of registry papers, in bytes (96 KiB): those of as many as one member may keep.
pub const PAPERS_VERSIONS_BYTES_MAX: usize = 96 * 1024;
/// Attempts at one place of a registry.
pub const ROUNDS_MAX: u64 = 16;
/// Votes of earlier rounds that one entry carries along.
pub const STALLED_VOTES_MAX: usize = 64;
/// Longest kind of a registry entry, in characters.
pub const ENTRY_KIND_CHARS_MAX: usize = 64;
/// Longest reason of a proposal, in characters.
pub const REASON_CHARS_MAX: usize = 1_000;
/// Longest slug of a member, in characters.
pub const SLUG_CHARS_MAX: usize = 40;
/// Longest language tag, in bytes.
pub const LANGUAGE_TAG_BYTES_MAX: usize = 35;
/// Languages one name is given in.
pub const NAME_LANGUAGES_MAX: usize = 32;
/// Longest endpoint, in bytes.
pub const ENDPOINT_BYTES_MAX: usize = 2_048;
/// Endpoints of one member, and members named in an anchor.
pub const ENDPOINTS_MAX: usize = 16;
/// Node certificates of one member.
pub const NODES_MAX: usize = 16;
/// Roles, and suites, of one member.
pub const ROLES_MAX: usize = 16;
/// Recovery keys of one member.
pub const RECOVERY_KEYS_MAX: usize = 8;
/// How long after the quorum has noted it a recovery of a key takes effect, in seconds (7 days).
pub const RECOVERY_DELAY_SECONDS: i64 = 7 * 86_400;
/// How long a notice of withdrawal runs, in seconds (90 days).
pub const WITHDRAWAL_NOTICE_SECONDS: i64 = 90 * 86_400;
/// How long a join request or proposal can be decided, in seconds (30 days).
pub const REQUEST_SECONDS_MAX: i64 = 30 * 86_400;
/// How far ahead of this node's clock another's word may be dated, in seconds (25 hours).
pub const APPROVAL_AHEAD_SECONDS_MAX: i64 = 25 * 3_600;
/// How long the certificate lasts with which a node shows whose it is, in seconds (a week).
pub const ROAD_CERTIFICATE_SECONDS: i64 = 7 * 86_400;
/// How long before it was made it holds already, in seconds (two days): clocks differ.
pub const ROAD_CERTIFICATE_BEFORE_SECONDS: i64 = 2 * 86_400;
/// Age at which it is replaced by a new one, in seconds (a day).
pub const ROAD_CERTIFICATE_AGE_SECONDS: i64 = 86_400;
/// Certificates that a node shows or looks at: its own, and how its member's key follows from earlier ones.
pub const ROAD_CHAIN_MAX: usize = 8;
/// Longest validity of a node certificate, in seconds (400 days).
pub const CERTIFICATE_SECONDS_MAX: i64 = 400 * 86_400;
/// Largest sealed envelope, in bytes (9 MiB): the largest object with its act, its proof and what permits it.
pub const ENVELOPE_BYTES_MAX: usize = 9 * 1024 * 1024;
/// Fields of one envelope, unknown ones too.
pub const ENVELOPE_FIELDS_MAX: usize = 64;
/// Tokens of consent in one envelope.
pub const ENVELOPE_CONSENTS_MAX: usize = 16;
/// Longest line of handling rules that travels with an object, in bytes.
pub const RULES_BYTES_MAX: usize = 16 * 1024;
/// Largest document of an act (reason, receipt, token), in bytes (512 KiB).
pub const DOCUMENT_BYTES_MAX: usize = 512 * 1024;
/// Envelopes in one batch between peers, which is one transaction at who takes it: fewer would write the same pages again and
/// again, more would let what is urgent wait.
pub const BATCH_ENVELOPES_MAX: usize = 1_024;
/// Envelopes of one turn that are each signed and sealed alone, half a millisecond for each.
pub const ALONE_ENVELOPES_MAX: usize = 512;
/// Bytes of one batch between peers (20 MiB): more than two of the largest envelopes.
pub const BATCH_BYTES_MAX: usize = 20 * 1024 * 1024;
/// Envelopes of one lane that may be on their way to a peer without having been acknowledged.
pub const WINDOW_ENVELOPES_MAX: u64 = 4_096;
/// Refusals told in one acknowledgement.
pub const ACK_REFUSALS_MAX: usize = BATCH_ENVELOPES_MAX;
/// Largest greeting between peers, in bytes (256 KiB).
pub const HELLO_BYTES_MAX: usize = 256 * 1024;
/// Ledgers whose heads are told in one exchange.
pub const HEADS_MAX: usize = 1_024;
/// Leaves that travel with the heads of one exchange (12 MiB of hashes): what comes in while a peer is away for long.
pub const HEAD_LEAVES_MAX: usize = 400_000;
/// Entries of the registry in one page.
pub const REGISTRY_PAGE_MAX: usize = 1_000;
/// Largest parcel that a relay keeps, in bytes (24 MiB): more than the largest envelope, with heads.
pub const RELAY_PARCEL_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Bytes that the smallest parcel at a relay counts for (32 KiB): so its bound in bytes is one in parcels as well.
pub const RELAY_PARCEL_BYTES_LEAST: u64 = 32 * 1024;
/// Routes in one question to a relay.
pub const RELAY_ROUTES_MAX: usize = 8 * HEADS_MAX;
/// How long a relay keeps a parcel, in seconds (14 days).
pub const RELAY_SECONDS: i64 = 14 * 86_400;
/// Bytes a relay keeps for everybody, unless told otherwise (1 GiB).
pub const RELAY_BYTES: u64 = 1024 * 1024 * 1024;
/// Bytes a relay keeps for one member's parcels, unless told otherwise (256 MiB).
pub const RELAY_MEMBER_BYTES: u64 = 256 * 1024 * 1024;
/// How long a member must not have been met before parcels go to relays, in seconds, unless told otherwise.
pub const RELAY_AFTER_SECONDS: u32 = 60;
/// How long a parcel may go unanswered before it is put again, in seconds, unless told otherwise (an hour).
pub const RELAY_AGAIN_SECONDS: u32 = 3_600;
/// How long an act may wait for the head that covers it before it is told as overdue, in seconds (a day).
pub const PROOF_GRACE_SECONDS: i64 = 86_400;
/// Difference of clocks that is told to the operator, in seconds (an hour).
pub const CLOCK_SKEW_SECONDS: i64 = 3_600;
/// Versions that wait for members and are looked at in one step.
pub const LATER_VERSIONS_MAX: usize = 64;
/// Rows of what waits that one look reads: a version may wait for many members.
pub const LATER_ROWS_MAX: usize = 1_024;
/// Acts by which one member is given one version in one go, where several givings of it say something to that member: each says something once
/// (`what_several_desks_give_comes_to_rest`), so that more would be a fault of ours that gives without end.
pub const GIVINGS_AT_ONCE_MAX: u32 = 64;
/// Own versions that one look for newcomers of circles reads.
pub const OWN_VERSIONS_PAGE: usize = 512;
/// How long something waits at most for a clock that is behind, in seconds, before that clock is looked at again (an hour).
pub const CLOCK_AGAIN_SECONDS: i64 = 3_600;
/// By how much a clock that was behind has to come nearer before what waits for it is looked at at once, in seconds (a minute): a greeting
/// that was some seconds on its way makes a clock look slow.
pub const CLOCK_PUT_RIGHT_SECONDS: i64 = 60;
/// How long after a member has refused something as too early it is given again, in seconds (six hours).
pub const EARLY_AGAIN_SECONDS: i64 = 6 * 3_600;
/// How far behind a clock is believed to be that refuses as too early, in seconds (a week).
pub const CLOCK_BEHIND_SECONDS: i64 = 7 * 86_400;
/// Largest courier file, in bytes (100 MiB).
pub const COURIER_BYTES_MAX: usize = BODY_BYTES_MAX;
/// Envelopes in one courier file.
pub const COURIER_ENVELOPES_MAX: usize = 100_000;

/// Refusals shown of one peer.
pub const PEER_REFUSALS_SHOWN: usize = 20;

/// How often one person may go ahead without a second one in 24 hours: an emergency takes a deed or two, and what takes more
/// is a day's work, for which somebody can be found.
pub const GLASS_PER_DAY: usize = 3;

/// Objects that one person takes out of the node in a day without a second person, unless the operator sets another number.
pub const EXPORT_OBJECTS_PER_DAY: u64 = 100_000;
/// How long data about persons is kept, in days, unless the operator or whoever brings it says another time.
pub const PERSON_DATA_DAYS: u32 = 365;
/// How long a request for a second person can be answered and used, in seconds (3 days: over a weekend).
pub const APPROVAL_SECONDS: i64 = 3 * 86_400;
/// Requests for a second person that one person may have open.
pub const APPROVALS_OPEN_MAX: usize = 100;
/// Requests for a second person that are listed, newest first.
pub const APPROVALS_SHOWN: usize = 10_000;
/// Notices of other members that are listed, newest first.
pub const NOTICES_SHOWN: usize = 1_000;

/// How long what another member sends waits for the documents of the circles that it names, in seconds (an hour).
pub const CIRCLE_WAIT_SECONDS: i64 = 3_600;
/// How long a sender's papers say that what it sends is not for this member, in seconds: what was on its way comes together.
pub const CIRCLE_READ_SECONDS: i64 = 15;
/// A wait for circles that `doctor` does not call a fault, in seconds: papers travel within seconds where members reach each other.
pub const CIRCLE_USUAL_WAIT_SECONDS: i64 = 300;
/// Awaited marking definitions that one look asks about.
pub const AWAITED_PAGE: usize = 1_000;
/// Objects with the name that is searched for that are told before all others; where more are called alike, the name says nothing.
pub const NAMED_FIRST_MAX: usize = 20;
