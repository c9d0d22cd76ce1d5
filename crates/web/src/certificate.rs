//! From when to when the operator's certificate holds: told before it ends and after, for the node serves with it all the same, and whoever
//! comes is refused by their own program, which tells the operator nothing.
//!
//! Invariant: nothing here decides whom the node speaks with.

use std::time::Duration;

use base::Micros;
use rustls::pki_types::{CertificateDer, UnixTime};
use stix::Timestamp;
use webpki::{EndEntityCert, Error, KeyUsage};

/// How long before its end a certificate is told of, unless it holds for a short time altogether.
const SOON: i64 = 14 * 86_400 * Micros::SECOND;
/// The part of its time in which one that holds for a short time is told of.
const SOON_PART: i64 = 4;
/// Seconds until the last moment that a certificate can name (the end of the year 9999), and more.
const NEVER_SECONDS: u64 = 400_000_000_000;

/// The time in which a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    from: Micros,
    until: Micros,
}

/// How a certificate stands at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It holds, and will for a while.
    Holds(String),
    /// The operator has to do something; what, and why.
    Amiss(String),
}

impl Validity {
    /// The time in which a certificate holds; `None` for one whose time cannot be read.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        // The library tells either end only by refusing a moment beyond it; of trust, which comes after that, nothing is asked.
        let refused = |seconds: u64| {
            let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            let read = EndEntityCert::try_from(certificate).ok()?;
            read.verify_for_usage(&[], &[], &[], at, KeyUsage::server_auth(), None, None).err()
        };
        let micros = |at: UnixTime| {
            i64::try_from(at.as_secs()).ok().map(|seconds| Micros(seconds.saturating_mul(Micros::SECOND)))
        };
        let from = match refused(0)? {
            Error::CertNotValidYet { not_before, .. } => micros(not_before)?,
            // It held at the beginning of time already.
            _ => Micros(0),
        };
        let Error::CertExpired { not_after, .. } = refused(NEVER_SECONDS)? else { return None };
        Some(Self { from, until: micros(not_after)? })
    }

    /// The last moment, in seconds of POSIX.
    pub(crate) const fn until_seconds(&self) -> i64 {
        self.until.0 / Micros::SECOND
    }

    /// How it stands.
    pub(crate) fn at(&self, now: Micros) -> Standing {
        let (from, until) = (Timestamp::text_of(self.from), Timestamp::text_of(self.until));
        let soon = SOON.min(self.until.0.saturating_sub(self.from.0) / SOON_PART);
        let renew = "put another in its place and start the node again";
        if now > self.until {
            Standing::Amiss(format!(
                "the certificate of --tls-cert ended at {until}, and clients refuse it: {renew}"
            ))
        } else if now < self.from {
            Standing::Amiss(format!(
                "the certificate of --tls-cert begins at {from}, and clients refuse it until then: see this machine's clock, or {renew}"
            ))
        } else if self.until.0.saturating_sub(now.0) < soon {
            Standing::Amiss(format!("the certificate of --tls-cert ends at {until}: {renew} before that"))
        } else {
            Standing::Holds(format!("the certificate of --tls-cert holds until {until}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400 * Micros::SECOND;

    #[test]
    fn its_time_is_read_and_told() {
        let at = |text: &str| Timestamp::parse(text).unwrap().micros();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 3, 1);
        params.not_after = rcgen::date_time_ymd(2026, 5, 30);
        let key = rcgen::KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let validity = Validity::of(made.der()).unwrap();
        assert_eq!(
            validity,
            Validity { from: at("2026-03-01T00:00:00Z"), until: at("2026-05-30T00:00:00Z") }
        );
        let told = |moment: Micros| validity.at(moment);
        let amiss =
            |moment, words: &str| matches!(told(moment), Standing::Amiss(said) if said.contains(words));
        assert!(amiss(validity.from.plus(-1), "begins at 2026-03-01"));
        assert!(matches!(told(validity.from), Standing::Holds(_)));
        assert!(matches!(told(validity.until.plus(-14 * DAY)), Standing::Holds(_)));
        assert!(amiss(validity.until.plus(-14 * DAY + 1), "ends at 2026-05-30"));
        assert!(amiss(validity.until, "ends at"));
        assert!(amiss(validity.until.plus(1), "ended at 2026-05-30"));
    }

    #[test]
    fn one_for_a_few_days_is_not_told_of_from_its_first() {
        let week = Validity { from: Micros(0), until: Micros(8 * DAY) };
        assert!(matches!(week.at(Micros(DAY)), Standing::Holds(_)));
        assert!(matches!(week.at(Micros(7 * DAY)), Standing::Amiss(_)));
    }

    #[test]
    fn what_is_no_certificate_has_no_time() {
        assert_eq!(Validity::of(&CertificateDer::from(&b"nothing"[..])), None);
    }
}
