//! The use cases of one node: one file per deed.
//!
//! Stands between the doors (`web`, the command line) and everything below: a deed takes who is asking, asks `handling`
//! whether they may, and asks the store through its port. What leaves a deed towards a reader is [`handling::Cleared`].
//! Nothing here knows HTTP, TAXII's addresses, SQL or a terminal; statuses and exit codes are derived by the doors from
//! each error's `code()` and `fault()`.
//!
//! Architecture Invariant: a backend is reached through `dyn store::Store` alone; time through [`base::Clock`], randomness
//! through [`base::Rng`]. Of the async runtime only its blocking pool, its semaphore and its notice of a change are used:
//! hashing a password and examining a large envelope must not hold up a thread that serves others.

mod accept;
mod accounts;
mod address;
mod approval;
mod blocking;
mod collections;
mod community;
mod credentials;
mod derive;
mod directory;
mod examining;
mod exchange;
mod explain;
mod explain_exchange;
mod export;
mod glass;
mod handle;
mod import;
mod initialise;
mod jobs;
mod keys;
mod lockout;
mod look_up;
mod mark;
mod markings;
mod narrow;
mod newest;
mod observed;
mod own_ledger;
mod passwords;
mod produce;
mod rate;
mod read;
mod receipts;
mod redact;
mod refused;
mod road;
mod search;
mod short_sessions;
mod sight;
mod strangers;
mod tally;
mod upkeep;
mod verified;
mod why;

use std::sync::{Arc, RwLock};

pub use self::community::{
    CircleView, CommunityError, CommunityView, FoundRequest, Have, JoinAsk, LostKey, MemberView, Members,
    NewCircle, PAPERS_TYPE, Peer, PendingView, RegistryTold, Said, Taken,
};
pub use self::exchange::{
    AwaitedMember, CALLS_AGAIN_MAX, CircleState, ConsentGiven, ConsentPage, ConsentRequest, ConsentView,
    CourierRefusal, CourierReport, CourierWait, ExchangeError, GREETING_BYTES_MAX, Heard, HolderView,
    Meeting, PeerByRelay, PeerFigures, PeerRefusal, PeerView, Provenance, RELAY_MARK_BYTES, Recalled,
    ReceiptView, RecoveryView, RelayErrand, RelayError, RelayFigures, RelayKeeps, RelayOffer, RelayRound,
    RelaySettings, RelayTaken, RelayWithdrawal, ShareRequest, Shared, Spoken, StateView, StoodBy,
    TURN_BYTES_MAX,
};
pub use accept::{AcceptError, AcceptRequest, Accepted, KeepStatus};
pub use accounts::{
    AccountError, Expiry, IssuedToken, Lasting, NewUser, Standing, TokenRequest, TokenView, UserView,
};
pub use address::Community;
pub use approval::{Announced, ApprovalError, ApprovalView, NoticeView};
pub use collections::{CollectionError, CollectionView, GrantView, GranteeName, NewCollection};
pub use credentials::{AuthError, Credential, Session, SessionSecret};
pub use examining::RunOut;
pub use explain::{all_codes, explain};
pub use export::{Export, ExportFormat, ExportRequest, UnknownExportFormat};
pub use federation::{receipt_in, registry_in};
pub use glass::BrokenGlass;
pub use handle::{HandlingView, Options, Urgency};
#[cfg(fuzzing)]
pub use import::fuzzing;
pub use import::{Format, ImportError, ImportRequest, Receipts, UnknownFormat, list_in_parts};
pub use initialise::{AdminSecrets, InitError, InitRequest, Initialised, Member};
pub use jobs::JobError;
pub use look_up::{Detail, How, LookUpAnswer, LookUpError, LookUpMatch, Sightings};
pub use mark::{Brief, Mark, Marked};
pub use narrow::{NarrowError, Narrowed};
pub use observed::{Observed, ObservedError, ObservedMatch};
pub use own_ledger::{ActView, ProveError};
pub use read::ReadError;
pub use receipts::{Handled, Lines, Outcome, Receipt, Summary, Unread};
pub use road::{JudgedBy, NodeIdentity, RoadError};
pub use search::{SearchError, SearchPage, SearchQuery};
pub use sight::{SightError, SightRequest, Sighted};
pub use strangers::{Sender, question_claims, turn_claims};
pub use upkeep::{Depth, Repair, State, Status, UpkeepError};
pub use why::{Judged, SimulateRequest, WhyError};

use directory::Directories;
use handle::{Membership, Passing};
use lockout::Lockout;
use observed::Patterns;
use own_ledger::OwnLedger;
use passwords::Hasher;
use rate::Rates;
use short_sessions::ShortSessions;
use tally::Tally;
use tokio::sync::Semaphore;
use verified::Verified;

/// What an operator may set. The defaults are those of a running node.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Requests one user may make each second, averaged; the burst allowed is ten times that. 0 = no limit.
    pub rate_per_second: u32,
    /// Cost of a password hash.
    pub password_cost: PasswordCost,
    /// How long a browser session lasts, in hours.
    pub session_hours: u32,
    /// When a second person is needed for what takes one.
    pub second_person: SecondPerson,
    /// How long data about persons is kept, in days, unless whoever brings it says a shorter time.
    pub person_data_days: u32,
    /// Objects that one person may take out in a day without a second person.
    pub export_objects_per_day: u64,
    /// What goes over relays, and whether this node is one.
    pub relay: RelaySettings,
    /// Leaves of ledgers that are told at once. For tests: what is longer comes in parts.
    pub head_leaves_max: usize,
    /// How long the objects of one request are examined at most. For tests: what takes longer is not taken.
    pub examine_max: std::time::Duration,
}

/// When a second person is needed for what takes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondPerson {
    /// By the rule of `handling`.
    Asked(handling::Bound),
    /// Never: whoever acts holds the node's directory. Only for wiring that has opened it for one command.
    Holder,
}

/// Cost of a password hash (argon2id).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCost {
    /// 19 MiB of memory, two passes, one lane: OWASP's recommendation for argon2id.
    Standard,
    /// As little as argon2 allows. For tests and the simulator only.
    Least,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate_per_second: 50_000,
            password_cost: PasswordCost::Standard,
            session_hours: 12,
            second_person: SecondPerson::Asked(handling::Bound::WhenPossible),
            person_data_days: base::limit::PERSON_DATA_DAYS,
            export_objects_per_day: base::limit::EXPORT_OBJECTS_PER_DAY,
            relay: RelaySettings::default(),
            head_leaves_max: base::limit::HEAD_LEAVES_MAX,
            examine_max: std::time::Duration::from_secs(base::limit::EXAMINE_SECONDS_MAX),
        }
    }
}

/// A handle on one node's use cases; cloning it is cheap.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    store: Arc<dyn store::Store>,
    clock: Arc<dyn base::Clock>,
    rng: Arc<dyn base::Rng>,
    settings: Settings,
    directories: Directories,
    hasher: Hasher,
    verified: Verified,
    lockout: Lockout,
    refused: refused::Refused,
    short_sessions: ShortSessions,
    rates: Rates,
    tally: Tally,
    strangers: strangers::Strangers,
    /// Held while the glass is broken: two at once are counted one after the other.
    glass: tokio::sync::Mutex<()>,
    patterns: Arc<Patterns>,
    community: RwLock<Option<Membership>>,
    own_ledger: OwnLedger,
    examining: Semaphore,
    chamber: community::Chamber,
    exchange: exchange::Desk,
    roads: road::Roads,
}

impl Node {
    /// A node over a store that the wiring has opened. Reads nothing yet.
    #[must_use]
    pub fn open(
        store: Arc<dyn store::Store>,
        clock: Arc<dyn base::Clock>,
        rng: Arc<dyn base::Rng>,
        settings: Settings,
    ) -> Self {
        let hasher = Hasher::new(settings.password_cost, Arc::clone(&rng));
        let verified = Verified::new(rng.as_ref());
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let rates = Rates::new(settings.rate_per_second, Arc::clone(&clock));
        let strangers = strangers::Strangers::new(Arc::clone(&clock));
        Self(Arc::new(Inner {
            store,
            clock,
            rng,
            settings,
            directories: Directories::default(),
            hasher,
            verified,
            lockout: Lockout::default(),
            refused: refused::Refused::default(),
            short_sessions: ShortSessions::default(),
            rates,
            tally: Tally::default(),
            strangers,
            glass: tokio::sync::Mutex::default(),
            patterns: Arc::default(),
            community: RwLock::default(),
            own_ledger: OwnLedger::default(),
            examining: Semaphore::new(processors),
            chamber: community::Chamber::default(),
            exchange: exchange::Desk::default(),
            roads: road::Roads::default(),
        }))
    }

    /// The clock everything here goes by.
    #[must_use]
    pub fn clock(&self) -> &dyn base::Clock {
        self.0.clock.as_ref()
    }

    /// The store, for the deeds: no door reaches it.
    pub(crate) fn store(&self) -> &dyn store::Store {
        self.0.store.as_ref()
    }

    /// A random identifier (UUID, version 4).
    #[must_use]
    pub fn new_uuid(&self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        self.0.rng.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    pub(crate) fn now(&self) -> base::Micros {
        self.0.clock.now()
    }

    pub(crate) fn chamber(&self) -> &community::Chamber {
        &self.0.chamber
    }

    pub(crate) fn rng(&self) -> &dyn base::Rng {
        self.0.rng.as_ref()
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
