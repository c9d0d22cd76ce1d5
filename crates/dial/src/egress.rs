//! The egress policy: what a connection to somebody else may cost, and where it may go.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use base::Redacted;
use base::limit::BODY_BYTES_MAX;
use url::{Host, Url};

/// Whether credentials may travel unencrypted to another machine. To this machine they always may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only over https.
    #[default]
    ThisMachineOnly,
    /// Wherever the caller asks for http.
    Anywhere,
}

/// Limits of outbound connections.
#[derive(Clone, Debug)]
pub struct Egress {
    /// Longest wait for a connection, TLS included.
    pub connect_timeout_ms: u64,
    /// Longest silence while an answer comes in.
    pub silence_timeout_ms: u64,
    /// Longest time from question to the end of the answer.
    pub answer_timeout_ms: u64,
    /// Largest answer after decoding, in bytes.
    pub answer_bytes_max: usize,
    /// Most redirects followed; only on the same host, never from https to http.
    pub redirects_max: usize,
    /// Most attempts at one question that may be repeated.
    pub attempts_max: u32,
    /// Pause after the first failed attempt; doubles with each.
    pub pause_first_ms: u64,
    /// Longest pause, whatever a server asks for.
    pub pause_ms_max: u64,
    /// Certificate authorities to trust besides the public ones, PEM.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// Whether credentials may travel unencrypted.
    pub plain_http: PlainHttp,
}

impl Default for Egress {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 10_000,
            silence_timeout_ms: 60_000,
            answer_timeout_ms: 600_000,
            answer_bytes_max: 2 * BODY_BYTES_MAX,
            redirects_max: 5,
            attempts_max: 5,
            pause_first_ms: 500,
            pause_ms_max: 60_000,
            extra_roots_pem: None,
            plain_http: PlainHttp::default(),
        }
    }
}

/// How the caller identifies itself to the other side.
#[derive(Clone, Debug, Default)]
pub enum Login {
    /// Not at all.
    #[default]
    None,
    /// User name and password.
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: Redacted<String>,
    },
    /// A token.
    Bearer(Redacted<String>),
}

/// An address this policy does not connect to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// Not an address of the web.
    #[error("{0} is not an http or https address")]
    Scheme(String),
    /// A user name or password stands in the address itself.
    #[error("the address holds a user name or password: give them by option, not in the address")]
    LoginInAddress,
    /// Credentials would be readable on the way.
    #[error(
        "credentials for {0} would travel unencrypted: use https, or --allow-plain-http where nobody can read along"
    )]
    PlainLogin(String),
}

impl Egress {
    /// Whether this policy lets `login` travel to `url`.
    ///
    /// # Errors
    /// Not http or https; a login inside the address; credentials over http to another machine.
    pub fn admit(&self, url: &Url, login: &Login) -> Result<(), Forbidden> {
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(Forbidden::Scheme(stix::quote::quoted(url.as_str()).to_string()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Forbidden::LoginInAddress);
        }
        let bare = matches!(login, Login::None) || url.scheme() == "https";
        if bare || self.plain_http == PlainHttp::Anywhere || is_this_machine(url) {
            return Ok(());
        }
        Err(Forbidden::PlainLogin(url.host_str().unwrap_or_default().to_owned()))
    }
}

/// Whether an address names this machine by a loopback address or `localhost`.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => {
            name == "localhost" || IpAddr::from_str(name).is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

impl fmt::Display for PlainHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ThisMachineOnly => "this machine only",
            Self::Anywhere => "anywhere",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic() -> Login {
        Login::Basic { user: "u".into(), password: Redacted::new("p".into()) }
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn credentials_do_not_leave_the_machine_unencrypted() {
        let policy = Egress::default();
        for fine in ["https://taxii.example/", "http://127.0.0.1:1/", "http://[::1]/", "http://localhost:8/"]
        {
            assert_eq!(policy.admit(&url(fine), &basic()), Ok(()), "{fine}");
        }
        let to_other = url("http://taxii.example/");
        assert!(matches!(policy.admit(&to_other, &basic()), Err(Forbidden::PlainLogin(_))));
        assert_eq!(policy.admit(&to_other, &Login::None), Ok(()));
        let open = Egress { plain_http: PlainHttp::Anywhere, ..Egress::default() };
        assert_eq!(open.admit(&to_other, &basic()), Ok(()));
    }

    #[test]
    fn other_schemes_and_logins_in_addresses_are_refused() {
        let policy = Egress::default();
        assert!(matches!(policy.admit(&url("file:///etc/passwd"), &Login::None), Err(Forbidden::Scheme(_))));
        assert_eq!(
            policy.admit(&url("https://a:b@taxii.example/"), &Login::None),
            Err(Forbidden::LoginInAddress)
        );
    }
}
