//! Configuration of a running node: command line before environment before file before defaults.
//!
//! The file is TOML; every key is one of [`Config`]'s fields, and a key that is none of them is an error, not ignored.

use std::path::{Path, PathBuf};

use base::Micros;
use serde::Deserialize;

use crate::exit::Failure;

/// Name of the file that is read from the node's directory when no other is named.
pub(crate) const FILE: &str = "cresset.toml";
/// Shifts the wall clock of a node that was started with test controls.
const CLOCK_OFFSET: &str = "CRESSET_CLOCK_OFFSET";
/// How far a test may shift the clock, in days: what counts nanoseconds ends after some centuries.
const OFFSET_DAYS_MAX: i64 = 36_500;

/// What the configuration file may say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Address and port to listen on.
    pub(crate) listen: Option<String>,
    /// Where objects are kept: `sqlite`, inside the node's directory.
    pub(crate) database: Option<String>,
    /// Certificate chain, PEM, the node's own first.
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key, PEM.
    pub(crate) tls_key: Option<PathBuf>,
    /// Whether other members' nodes must show a node certificate: `required` or `offered`.
    pub(crate) members_tls: Option<String>,
    /// Who reads the head and the tiles of the ledger: who is known here, or everyone.
    pub(crate) ledger_readers: Option<LedgerReaders>,
    /// The address that others reach this node at.
    pub(crate) public_url: Option<String>,
    /// Address of the proxy whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxy: Option<String>,
    /// Name shown by discovery and pages.
    pub(crate) title: Option<String>,
    /// Whom to ask, as discovery tells it.
    pub(crate) contact: Option<String>,
    /// Requests one user may make each second, averaged; 0 = no limit.
    pub(crate) rate_per_second: Option<u32>,
    /// When what takes a second person takes one: as soon as there is one (`when-possible`), or `always`.
    pub(crate) second_person: Option<SecondPersons>,
    /// Objects that one person may take out in a day without a second person.
    pub(crate) export_per_day: Option<u64>,
    /// How long data about persons is kept, in days.
    pub(crate) person_data_days: Option<u32>,
    /// Whether this node keeps sealed parcels for others: where its member is a secretariat, always, or never.
    pub(crate) relay: Option<Relay>,
    /// Members through whom parcels go for who is not met, by slug; without it every secretariat.
    pub(crate) relay_through: Option<Vec<String>>,
    /// How long a member must not have been met before parcels for it go to relays, in seconds.
    pub(crate) relay_after_seconds: Option<u32>,
    /// How long a parcel may go unanswered before it is put again, in seconds.
    pub(crate) relay_again_seconds: Option<u32>,
    /// Megabytes kept for others.
    pub(crate) relay_megabytes: Option<u32>,
    /// Megabytes kept for the parcels of one of them.
    pub(crate) relay_member_megabytes: Option<u32>,
    /// What is logged: error, warn, info, debug, or a filter like `info,web=debug`.
    pub(crate) log: Option<String>,
}

/// When a second person is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SecondPersons {
    /// As soon as somebody else could say yes.
    WhenPossible,
    /// Always.
    Always,
}

impl From<SecondPersons> for node::SecondPerson {
    fn from(said: SecondPersons) -> Self {
        Self::Asked(match said {
            SecondPersons::WhenPossible => handling::Bound::WhenPossible,
            SecondPersons::Always => handling::Bound::Always,
        })
    }
}

/// Who reads the head and the tiles of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LedgerReaders {
    /// Who signs in here, and other members' nodes.
    Known,
    /// Anybody.
    Everyone,
}

impl From<LedgerReaders> for web::LedgerReaders {
    fn from(said: LedgerReaders) -> Self {
        match said {
            LedgerReaders::Known => Self::Known,
            LedgerReaders::Everyone => Self::Everyone,
        }
    }
}

/// Whether a node keeps parcels for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Relay {
    /// Where its member is a secretariat.
    Secretariat,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl From<Relay> for node::RelayKeeps {
    fn from(said: Relay) -> Self {
        match said {
            Relay::Secretariat => Self::Secretariat,
            Relay::Always => Self::Always,
            Relay::Never => Self::Never,
        }
    }
}

impl Config {
    /// What is said of relays.
    pub(crate) fn relay(&self) -> node::RelaySettings {
        let settings = node::RelaySettings::default();
        let bytes = |megabytes: u32| u64::from(megabytes).saturating_mul(1024 * 1024);
        node::RelaySettings {
            keeps: self.relay.map_or(settings.keeps, Into::into),
            through: self.relay_through.clone(),
            after_seconds: self.relay_after_seconds.unwrap_or(settings.after_seconds),
            again_seconds: self.relay_again_seconds.unwrap_or(settings.again_seconds),
            bytes_max: self.relay_megabytes.map_or(settings.bytes_max, bytes),
            member_bytes_max: self.relay_member_megabytes.map_or(settings.member_bytes_max, bytes),
        }
    }

    /// Reads the file that was named, or the one in the node's directory when there is one.
    pub(crate) fn read(named: Option<&Path>, data: &Path) -> Result<Self, Failure> {
        let path = named.map_or_else(|| data.join(FILE), Path::to_owned);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(Failure::file("read", &path, &error)),
        };
        toml::from_str(&text).map_err(|error| crate::setting::refused(&path, &text, &error))
    }

    /// The same with what the command line and the environment say in place of what the file says.
    pub(crate) fn over(self, file: Self) -> Self {
        Self {
            listen: self.listen.or(file.listen),
            database: self.database.or(file.database),
            tls_cert: self.tls_cert.or(file.tls_cert),
            tls_key: self.tls_key.or(file.tls_key),
            members_tls: self.members_tls.or(file.members_tls),
            ledger_readers: self.ledger_readers.or(file.ledger_readers),
            public_url: self.public_url.or(file.public_url),
            trusted_proxy: self.trusted_proxy.or(file.trusted_proxy),
            title: self.title.or(file.title),
            contact: self.contact.or(file.contact),
            rate_per_second: self.rate_per_second.or(file.rate_per_second),
            second_person: self.second_person.or(file.second_person),
            export_per_day: self.export_per_day.or(file.export_per_day),
            person_data_days: self.person_data_days.or(file.person_data_days),
            relay: self.relay.or(file.relay),
            relay_through: self.relay_through.or(file.relay_through),
            relay_after_seconds: self.relay_after_seconds.or(file.relay_after_seconds),
            relay_again_seconds: self.relay_again_seconds.or(file.relay_again_seconds),
            relay_megabytes: self.relay_megabytes.or(file.relay_megabytes),
            relay_member_megabytes: self.relay_member_megabytes.or(file.relay_member_megabytes),
            log: self.log.or(file.log),
        }
    }
}

/// By how much the environment shifts the wall clock, in microseconds; by nothing, and with a warning, without test controls.
pub(crate) fn clock_offset(test_controls: bool) -> Result<i64, Failure> {
    let Ok(text) = std::env::var(CLOCK_OFFSET) else { return Ok(0) };
    if !test_controls {
        tracing::warn!(
            "{CLOCK_OFFSET} is set and not obeyed: only a node started with --allow-test-controls does"
        );
        return Ok(0);
    }
    offset(&text).ok_or_else(|| {
        let shown = stix::quote::quoted(&text).to_string();
        Failure::usage(format_args!(
            "{CLOCK_OFFSET} is {shown}, which is not of the form +3d, -2h, +15m or +90s, of {OFFSET_DAYS_MAX} days at most"
        ))
    })
}

fn offset(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let unit = rest.chars().last()?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = rest.strip_suffix(unit)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: i64 = digits.parse().ok()?;
    let seconds = count.checked_mul(seconds).filter(|seconds| *seconds <= OFFSET_DAYS_MAX * 86_400)?;
    Some(seconds * Micros::SECOND * sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read() {
        assert_eq!(offset("+3d"), Some(259_200_000_000));
        assert_eq!(offset("-2h"), Some(-7_200_000_000));
        assert_eq!(offset("90s"), Some(90_000_000));
        assert_eq!(offset("-36500d"), Some(-3_153_600_000_000_000));
        for bad in ["", "+", "d", "+d", "3", "+3w", "+-3d", "+99999999999999999d", "+36501d", "1é"] {
            assert_eq!(offset(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_command_line_goes_before_the_file_and_unknown_keys_are_errors() {
        let file: Config = toml::from_str("listen = '0.0.0.0:1'\ntitle = 'File'").unwrap();
        let line = Config { listen: Some("127.0.0.1:2".into()), ..Config::default() };
        let both = line.over(file);
        assert_eq!((both.listen.as_deref(), both.title.as_deref()), (Some("127.0.0.1:2"), Some("File")));
        assert!(toml::from_str::<Config>("lissten = 'x'").is_err());
    }

    #[test]
    fn every_key_is_documented_and_every_documented_key_is_one() {
        let document = include_str!("../../../docs/CONFIGURATION.md");
        let table = document.split("## Every command").next().unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
        let documented: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
        for key in &documented {
            let value = match *key {
                "rate_per_second"
                | "export_per_day"
                | "person_data_days"
                | "relay_after_seconds"
                | "relay_again_seconds"
                | "relay_megabytes"
                | "relay_member_megabytes" => "1".to_owned(),
                "second_person" | "relay" => "'always'".to_owned(),
                "relay_through" => "['cert-a']".to_owned(),
                "ledger_readers" => "'everyone'".to_owned(),
                key => format!("{key:?}"),
            };
            assert!(toml::from_str::<Config>(&format!("{key} = {value}")).is_ok(), "{key}");
        }
        let unknown = toml::from_str::<Config>("x = 1").unwrap_err().to_string();
        let known = unknown.split("expected one of").nth(1).unwrap();
        assert_eq!(known.matches('`').count() / 2, documented.len());
        assert!(documented.iter().all(|key| known.contains(&format!("`{key}`"))));
        let explained: Vec<&str> = crate::setting::SETTINGS.iter().map(|(key, _)| *key).collect();
        assert_eq!(explained, documented, "what to write is told for every key");
    }
}
