//! `cresset serve`: runs the node until it is told to stop.

use std::future::Future;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use base::SystemClock;
use clap::Args;
use node::Settings;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;
use web::{MembersTls, Options, ServeError, Server, TlsFiles};

use crate::args::Common;
use crate::config::{self, Config};
use crate::directory;
use crate::exit::{Exit, Failure};
use crate::log;
use crate::out::{Out, say};
use crate::roads::{self, Roads};
use crate::setting::DOCUMENT;

/// Where the node listens unless told otherwise.
const LISTEN: &str = "127.0.0.1:8400";

/// How the node is run. Options stand before the environment, the environment before the file.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address and port; port 0 takes any free one.  [default: 127.0.0.1:8400]
    #[arg(long, env = "CRESSET_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Where objects are kept: `sqlite`, inside the node's directory.  [default: sqlite]
    #[arg(long, env = "CRESSET_DATABASE", value_name = "URL")]
    database: Option<String>,
    /// Certificate chain (PEM), the node's own first; it takes --tls-key too.
    #[arg(long, env = "CRESSET_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM); it takes --tls-cert too.
    #[arg(long, env = "CRESSET_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Whether other members' nodes must show a node certificate where this member's endpoint is https: `required`, or
    /// `offered` to take turns without one as well.  [default: required]
    #[arg(long, env = "CRESSET_MEMBERS_TLS", value_name = "WHEN")]
    members_tls: Option<String>,
    /// Who reads the head and the tiles of this member's ledger at `/ledger/`: who signs in here and other members' nodes
    /// (`known`), or anybody.  [default: known]
    #[arg(long, env = "CRESSET_LEDGER_READERS", value_name = "WHO")]
    ledger_readers: Option<config::LedgerReaders>,
    /// The address that others reach this node at, when a proxy stands before it.
    #[arg(long, env = "CRESSET_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// The IP address of that proxy, as its connections come from it: who it says a request is from is believed.
    #[arg(long, env = "CRESSET_TRUSTED_PROXY", value_name = "ADDRESS")]
    trusted_proxy: Option<String>,
    /// Name shown by discovery and pages.  [default: the member's name]
    #[arg(long, env = "CRESSET_TITLE")]
    title: Option<String>,
    /// Whom to ask, as discovery tells it.
    #[arg(long, env = "CRESSET_CONTACT")]
    contact: Option<String>,
    /// Requests one user may make each second, averaged; 0 = no limit.
    #[arg(long, env = "CRESSET_RATE_PER_SECOND", value_name = "N")]
    rate_per_second: Option<u32>,
    /// When large exports, opening what is marked for few, new members of circles and dropping an approver take a second person.  [default: when-possible]
    #[arg(long, env = "CRESSET_SECOND_PERSON", value_name = "WHEN")]
    second_person: Option<config::SecondPersons>,
    /// Objects that one person may take out in a day without a second person.  [default: 100000]
    #[arg(long, env = "CRESSET_EXPORT_PER_DAY", value_name = "N")]
    export_per_day: Option<u64>,
    /// How long data about persons is kept, in days, unless whoever brings it says a shorter time.  [default: 365]
    #[arg(long, env = "CRESSET_PERSON_DATA_DAYS", value_name = "DAYS")]
    person_data_days: Option<u32>,
    /// Whether this node keeps sealed parcels for members that do not reach each other.  [default: secretariat]
    #[arg(long, env = "CRESSET_RELAY", value_name = "WHEN")]
    relay: Option<config::Relay>,
    /// Members through whom parcels go for who is not met, by slug, in this order; several separated by commas.  [default: every
    /// secretariat]
    #[arg(long, env = "CRESSET_RELAY_THROUGH", value_delimiter = ',', value_name = "MEMBER,...")]
    relay_through: Option<Vec<String>>,
    /// How long a member must not have been met before parcels for it go to relays.  [default: 60]
    #[arg(long, env = "CRESSET_RELAY_AFTER_SECONDS", value_name = "SECONDS")]
    relay_after_seconds: Option<u32>,
    /// How long a parcel may go unanswered before it is put again.  [default: 3600]
    #[arg(long, env = "CRESSET_RELAY_AGAIN_SECONDS", value_name = "SECONDS")]
    relay_again_seconds: Option<u32>,
    /// Megabytes kept for others.  [default: 1024]
    #[arg(long, env = "CRESSET_RELAY_MEGABYTES", value_name = "N")]
    relay_megabytes: Option<u32>,
    /// Megabytes kept for the parcels of one of them.  [default: 256]
    #[arg(long, env = "CRESSET_RELAY_MEMBER_MEGABYTES", value_name = "N")]
    relay_member_megabytes: Option<u32>,
    /// What is logged to standard error: error, warn, info, debug, or a filter.  [default: info]
    #[arg(long, env = "CRESSET_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// Configuration file (TOML).  [default: cresset.toml in the node's directory, where there is one]
    #[arg(long, env = "CRESSET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Let the environment shift the node's clock (CRESSET_CLOCK_OFFSET=+3d). For tests only.
    #[arg(long)]
    allow_test_controls: bool,
    /// Stop when standard input ends: for a parent process that may die.
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

impl ServeArgs {
    fn config(&self) -> Config {
        Config {
            listen: self.listen.clone(),
            database: self.database.clone(),
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
            members_tls: self.members_tls.clone(),
            ledger_readers: self.ledger_readers,
            public_url: self.public_url.clone(),
            trusted_proxy: self.trusted_proxy.clone(),
            title: self.title.clone(),
            contact: self.contact.clone(),
            rate_per_second: self.rate_per_second,
            second_person: self.second_person,
            export_per_day: self.export_per_day,
            person_data_days: self.person_data_days,
            relay: self.relay,
            relay_through: self.relay_through.clone(),
            relay_after_seconds: self.relay_after_seconds,
            relay_again_seconds: self.relay_again_seconds,
            relay_megabytes: self.relay_megabytes,
            relay_member_megabytes: self.relay_member_megabytes,
            log: self.log.clone(),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(common: &Common, args: ServeArgs, out: &mut Out) -> Result<Exit, Failure> {
    common.only_here("cresset serve")?;
    let config = args.config().over(Config::read(args.config.as_deref(), &common.data)?);
    log::to_stderr(config.log.as_deref().unwrap_or("info"))?;
    if let Some(database) = config.database.as_deref().filter(|name| *name != "sqlite") {
        let shown = stix::quote::quoted(database).to_string();
        return Err(Failure::usage(format_args!("there is no database of the kind {shown}"))
            .hint("this version keeps objects in sqlite, inside the node's directory"));
    }
    let clock = SystemClock::shifted(config::clock_offset(args.allow_test_controls)?);
    let settings = Settings::default();
    let settings = Settings {
        rate_per_second: config.rate_per_second.unwrap_or(settings.rate_per_second),
        second_person: config.second_person.map_or(settings.second_person, Into::into),
        person_data_days: config.person_data_days.unwrap_or(settings.person_data_days),
        export_objects_per_day: config.export_per_day.unwrap_or(settings.export_objects_per_day),
        relay: config.relay(),
        ..settings
    };
    let node = directory::open_to_serve(&common.data, clock, settings)?;
    let member = node.member().await.map_err(|error| directory::failure(&error))?;
    let member = member.ok_or_else(|| directory::not_initialised(&common.data))?;
    node.keep_ledger().await.map_err(|error| directory::failure(&error))?;
    let options = options(&config, member.name, args.allow_test_controls)?;
    // Before the first request can come: a signal from now on is a wish to stop, not a sudden death.
    let stop = told_to_stop(args.until_stdin_ends)?;
    let listen = config.listen.as_deref().unwrap_or(LISTEN);
    let roads = Arc::new(Roads::new(common.egress()?, node.clone()).map_err(Failure::unreachable)?);
    node.hold_certificate().await.map_err(|error| directory::failure(&error))?;
    let server = Server::bind(listen, node.clone(), options).await.map_err(|error| cannot_serve(&error))?;
    let certificate = tokio::spawn(roads::keep_certificate(node.clone()));
    let gossip = tokio::spawn(crate::gossip::run(node.clone(), Arc::clone(&roads)));
    let retention = tokio::spawn(crate::retention::run(node.clone()));
    let later = tokio::spawn(crate::later::run(node.clone()));
    let relaying = tokio::spawn(crate::relaying::run(node.clone(), Arc::clone(&roads)));
    let standing_by = tokio::spawn(crate::standing_by::run(node.clone(), Arc::clone(&roads)));
    let meetings = tokio::spawn(crate::meetings::run(node.clone(), roads));
    announce(&server, out)?;
    let stop = async move {
        stop.await;
        node.stop_standing_by();
    };
    server.run(stop).await;
    for task in [certificate, gossip, retention, later, relaying, standing_by, meetings] {
        task.abort();
    }
    tracing::info!("stopped");
    Ok(Exit::Done)
}

fn cannot_serve(error: &ServeError) -> Failure {
    let failure = Failure::unreachable(error);
    let ServeError::Listen { source, .. } = error else { return failure };
    if source.kind() == ErrorKind::InvalidInput {
        return Failure::usage(error).hint("--listen takes ADDRESS:PORT, like 127.0.0.1:8400");
    }
    match source.kind() {
        ErrorKind::AddrInUse => {
            failure.hint("another program listens there: stop it, or choose another port with --listen")
        }
        ErrorKind::PermissionDenied => failure.hint("ports below 1024 take a privilege: choose a higher one"),
        _ => failure,
    }
}

fn options(config: &Config, member: String, allow_test_controls: bool) -> Result<Options, Failure> {
    let tls = match (&config.tls_cert, &config.tls_key) {
        (Some(certificates), Some(key)) => {
            Some(TlsFiles { certificates: certificates.clone(), key: key.clone() })
        }
        (None, None) => None,
        (Some(_), None) => return Err(half_of_tls("tls_cert", "tls_key")),
        (None, Some(_)) => return Err(half_of_tls("tls_key", "tls_cert")),
    };
    let members_tls = match config.members_tls.as_deref() {
        None | Some("required") => MembersTls::Required,
        Some("offered") => MembersTls::Offered,
        Some(other) => {
            let shown = stix::quote::quoted(other).to_string();
            return Err(Failure::usage(format_args!("members_tls is {shown}: it is required or offered"))
                .hint(DOCUMENT));
        }
    };
    let trusted_proxy = config.trusted_proxy.as_deref().map(proxy).transpose()?;
    Ok(Options {
        tls,
        members_tls,
        ledger_readers: config.ledger_readers.map_or_else(Default::default, Into::into),
        trusted_proxy,
        public_url: config.public_url.as_deref().map(public_url).transpose()?,
        title: config.title.clone().unwrap_or(member),
        contact: config.contact.clone(),
        allow_test_controls,
        ..Options::default()
    })
}

/// One of the two files of TLS is named, and the other is not.
fn half_of_tls(given: &str, missing: &str) -> Failure {
    Failure::usage(format_args!("{given} is given and {missing} is not: TLS takes both")).hint(format_args!(
        "name the certificate chain and its private key (PEM) with --tls-cert FILE --tls-key FILE, or as tls_cert and tls_key in the \
         configuration file; {DOCUMENT}"
    ))
}

/// The address of the proxy that is believed.
fn proxy(text: &str) -> Result<IpAddr, Failure> {
    text.parse().map_err(|_| {
        let shown = stix::quote::quoted(text).to_string();
        Failure::usage(format_args!("trusted_proxy is {shown}, which is no IP address")).hint(format_args!(
            "write the one address that the proxy's connections come from, without port and network, like 192.0.2.1; {DOCUMENT}"
        ))
    })
}

/// The address that others reach the node at, without a slash at its end.
fn public_url(text: &str) -> Result<String, Failure> {
    let read = Url::parse(text).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && plain && url.query().is_none() && url.fragment().is_none()
    });
    let shown = stix::quote::quoted(text).to_string();
    match read.as_ref().map(Url::path) {
        Some("/") => return Ok(text.trim_end_matches('/').to_owned()),
        // Pages, the API and members' nodes go by paths from the root of a host: below a path they would lead to whatever else
        // answers there, the form with the password too.
        Some(path) => {
            let path = stix::quote::quoted(path).to_string();
            return Err(Failure::usage(format_args!(
                "public_url is {shown}, which has the path {path}: a node answers at the root of a host"
            ))
            .hint("give it a host name or a port of its own at the proxy, like https://node.example"));
        }
        None => {}
    }
    Err(Failure::usage(format_args!(
        "public_url is {shown}, which is no address that others could reach a node at"
    ))
    .hint("it begins with https:// or http://, like https://node.example"))
}

/// Tells where the node is, once it answers: the one line that scripts wait for.
fn announce(server: &Server, out: &mut Out) -> Result<(), Failure> {
    let url = server.url();
    let taxii = format!("{url}/taxii2/");
    if out.is_json() {
        let listening = server.listening();
        out.json(&json!({"listening": listening, "url": url, "taxii": taxii, "pid": std::process::id()}))?;
    } else {
        say(format_args!("the node answers at {url} (pages and API) and {taxii} (TAXII); Ctrl-C stops it"));
    }
    out.flush()
}

/// What the system says of a file that would grow beyond the limit of a process (Linux).
const SIGXFSZ: i32 = 25;

/// Ends with SIGTERM or SIGINT, or with standard input where a parent watches over this process that way.
fn told_to_stop(until_stdin_ends: bool) -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::unreachable)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::unreachable)?;
    // A file that may not grow any further is a write that fails, and not the end of this process: the signal is taken for good.
    let _ = signal(SignalKind::from_raw(SIGXFSZ)).map_err(Failure::unreachable)?;
    let (ended, stdin_ends) = tokio::sync::oneshot::channel::<()>();
    let watch = move || {
        // Whatever comes in is of no interest; that nothing more can come is.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    };
    let keep = if until_stdin_ends {
        std::thread::spawn(watch);
        None
    } else {
        Some(watch)
    };
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = stdin_ends => {}
        }
        drop(keep);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_and_tls_are_refused_with_what_was_given_and_what_to_write() {
        assert_eq!(proxy("2001:db8::7").unwrap().to_string(), "2001:db8::7");
        for said in ["proxy.example", "192.0.2.1:80", "192.0.2.0/24", ""] {
            let refused = proxy(said).unwrap_err();
            assert!(refused.message.contains(&format!("trusted_proxy is \"{said}\"")), "{}", refused.message);
            assert!(refused.hint.unwrap().contains("like 192.0.2.1"), "{said}");
        }
        let file = Some(PathBuf::from("x.pem"));
        for (config, missing) in [
            (Config { tls_key: file.clone(), ..Config::default() }, "tls_cert is not"),
            (Config { tls_cert: file, ..Config::default() }, "tls_key is not"),
        ] {
            let refused = options(&config, "CERT A".into(), false).err().unwrap();
            assert!(refused.exit == Exit::Usage && refused.message.contains(missing), "{}", refused.message);
            assert!(refused.hint.unwrap().contains("--tls-cert FILE --tls-key FILE"));
        }
    }

    #[test]
    fn the_public_address_is_the_root_of_a_host() {
        for (said, taken) in [
            ("https://node.example", "https://node.example"),
            ("https://node.example/", "https://node.example"),
            ("http://[2001:db8::7]:8400/", "http://[2001:db8::7]:8400"),
        ] {
            assert_eq!(public_url(said).unwrap(), taken);
        }
        for said in [
            "node.example",
            "ftp://node.example",
            "https://ann:secret@node.example",
            "https://node.example/?a=b",
            "https://node.example/#here",
            "https://node.example/cresset",
            "https://node.example/cresset/",
            "https://node.example//",
        ] {
            let refused = public_url(said).unwrap_err();
            assert!(refused.exit == Exit::Usage && refused.hint.is_some(), "{said}");
        }
        assert!(public_url("https://node.example/cresset/").unwrap_err().message.contains("\"/cresset/\""));
    }
}
