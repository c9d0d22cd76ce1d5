//! The other side of `pull` and `push`: a TAXII 2.1 server, a login, and one of its collections.

use std::path::PathBuf;
use std::sync::Arc;

use base::{Redacted, SystemRng};
use clap::{Args, ValueEnum};
use dial::{DialError, Dialler, Egress, Login, Place, RemoteCollection, TaxiiClient, TaxiiError, Verb};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::user::password_from_stdin;
use crate::args::Common;
use crate::exit::Failure;
use crate::out::{say, shown};
use crate::reach::{Reach, dial_failure, question};

/// A TAXII server and how to identify oneself to it.
#[derive(Debug, Args)]
pub(crate) struct Distant {
    /// The server's discovery address, an API root, or a collection.
    #[arg(value_name = "TAXII-URL")]
    place: Url,
    /// User name at that server.
    #[arg(long, requires = "password_stdin", conflicts_with = "bearer_file")]
    user: Option<String>,
    /// Read that user's password from the first line of standard input.
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// A file with a token for that server.
    #[arg(long, value_name = "FILE")]
    bearer_file: Option<PathBuf>,
    /// How long to wait for that server while it says nothing; it is asked three times.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    timeout: u32,
}

/// How often a server is asked that does not answer.
const ATTEMPTS: u32 = 3;

/// Which versions of each object are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum VersionsArg {
    /// The latest one.
    Last,
    /// All of them, in the order in which they were added where they come from.
    All,
}

/// What must be allowed at the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Reading.
    Read,
    /// Writing.
    Write,
}

/// Who asks a server, without the secret: what one login has seen there says nothing of what another may see.
#[derive(Debug)]
pub(crate) struct Asker(String);

impl Asker {
    /// The name, or for a token its digest: a token may be long, and its text must not be written down.
    fn of(login: &Login) -> Self {
        Self(match login {
            Login::None => "nobody".to_owned(),
            Login::Basic { user, .. } => format!("user {user}"),
            Login::Bearer(token) => format!("token {}", hex::encode(Sha256::digest(token.expose()))),
        })
    }
}

/// The name of the memory of a pull or push: its own for each collection there and here, for latest versions or all, and for
/// each login.
pub(crate) fn job_name(
    deed: &str,
    (distant, collection): (&Url, &str),
    versions: VersionsArg,
    asker: &Asker,
) -> String {
    let versions = match versions {
        VersionsArg::Last => "last",
        VersionsArg::All => "all",
    };
    // The login stands last: its name is the one part that another program chose.
    let digest = Sha256::digest(format!("{distant}\n{collection}\n{versions}\n{}", asker.0));
    format!("{deed}-{}", hex::encode(digest))
}

impl Distant {
    /// A client of that server, and who it asks as.
    pub(crate) fn client(&self, common: &Common) -> Result<(TaxiiClient, Asker), Failure> {
        let login = match (&self.user, &self.bearer_file) {
            (Some(user), _) => {
                Login::Basic { user: user.clone(), password: Redacted::new(password_from_stdin()?) }
            }
            (None, Some(path)) => {
                let token = std::fs::read_to_string(path);
                let token = token.map_err(|error| Failure::file("read", path, &error))?;
                Login::Bearer(Redacted::new(token.trim().to_owned()))
            }
            (None, None) => Login::None,
        };
        let silence_timeout_ms = u64::from(self.timeout) * 1_000;
        let policy = common.egress()?;
        let answer_timeout_ms = policy.answer_timeout_ms.max(2 * silence_timeout_ms);
        let policy = Egress { silence_timeout_ms, answer_timeout_ms, attempts_max: ATTEMPTS, ..policy };
        let dialler = Dialler::new(policy, Arc::new(SystemRng)).map_err(Failure::unreachable)?;
        let asker = Asker::of(&login);
        Ok((TaxiiClient::new(dialler, login), asker))
    }

    /// The one collection that is meant, and the largest request its API root takes.
    pub(crate) async fn collection(
        &self,
        client: &TaxiiClient,
        name: Option<&str>,
        need: Need,
    ) -> Result<(RemoteCollection, Option<usize>), Failure> {
        let (mut others, mut unwell) = (Vec::new(), None);
        let roots = match client.place(&self.place).await.map_err(|error| failure(&error))? {
            Place::Collection(collection) => {
                // How much it takes at once is for its root to say, which this login may not be shown.
                let root = client.root_of(&collection.url).await.ok();
                return Ok((collection, root.and_then(|root| root.max_content_length)));
            }
            Place::ApiRoot(root) => vec![root],
            Place::Discovery { roots, elsewhere, .. } => {
                others = elsewhere;
                let mut found = Vec::new();
                for url in roots {
                    // A root that this login may not see is no reason to give up on the others, and one that is not well only where
                    // they do not have what is asked for.
                    match client.place(&url).await {
                        Ok(Place::ApiRoot(root)) => found.push(root),
                        Err(error) if !error.is_closed_to_us() => unwell = Some(error),
                        Ok(_) | Err(_) => {}
                    }
                }
                found
            }
        };
        let mut candidates = Vec::new();
        for root in roots {
            let listed = client.collections(&root.url).await.map_err(|error| failure(&error))?;
            candidates.extend(listed.into_iter().map(|one| (one, root.max_content_length)));
        }
        for root in &others {
            say(format_args!(
                "the server names an API root on another one, which is not asked: to ask it, give {} itself",
                shown(root.as_str())
            ));
        }
        let chosen = choose(candidates, name, need);
        match unwell {
            Some(error) if chosen.is_err() => Err(failure(&error)),
            _ => chosen,
        }
    }
}

fn choose(
    candidates: Vec<(RemoteCollection, Option<usize>)>,
    name: Option<&str>,
    need: Need,
) -> Result<(RemoteCollection, Option<usize>), Failure> {
    let allowed = |one: &RemoteCollection| match need {
        Need::Read => one.can_read,
        Need::Write => one.can_write,
    };
    let named = |one: &RemoteCollection| match name {
        None => true,
        Some(name) => one.id == name || one.alias.as_deref() == Some(name) || one.title == name,
    };
    let names: Vec<String> =
        candidates.iter().map(|(one, _)| format!("{} ({})", shown(&one.title), shown(&one.id))).collect();
    let mut fitting: Vec<_> = candidates.into_iter().filter(|(one, _)| allowed(one) && named(one)).collect();
    match (fitting.pop(), fitting.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) if names.is_empty() => Err(Failure::no("the server shows this login no collection")
            .hint("is the login right, and is it the address of a TAXII 2.1 server or API root?")),
        (None, _) => Err(Failure::no("the server has no such collection for this login")
            .hint(format_args!("it has: {}", names.join(", ")))),
        (Some(_), false) => Err(Failure::usage("the server has several collections that could be meant")
            .hint(format_args!("name one: {}", names.join(", ")))),
    }
}

/// What a TAXII server did instead of answering, as a failure of the command.
pub(crate) fn failure(error: &TaxiiError) -> Failure {
    match error {
        TaxiiError::Dial(DialError::Unreachable { reason, .. }) if reason.contains("timed out") => {
            Failure::unreachable(error).hint(format_args!(
                "that server said nothing for as long as --timeout says, {ATTEMPTS} times: give it longer, or ask for less at once with --limit"
            ))
        }
        TaxiiError::Dial(error) => {
            dial_failure(error, "is it the right address, and is that server up? nothing is lost: the next run goes on where this one stopped")
        }
        TaxiiError::NotTaxii { url, .. } => Failure::unreachable(error).hint(where_taxii_is(url)),
        TaxiiError::Refused { status: 429 | 500.., .. } | TaxiiError::Page { .. } => Failure::unreachable(error),
        TaxiiError::Refused { .. } => Failure::no(error),
    }
}

/// What to give in place of an address at which something else than TAXII stands.
fn where_taxii_is(url: &str) -> String {
    let root = Url::parse(url).ok().map(|url| url.origin()).filter(url::Origin::is_tuple);
    let root = root.map_or_else(|| "https://node.example".to_owned(), |root| root.ascii_serialization());
    format!(
        "give the server's discovery address, an API root or a collection; of a node like this one it is {}",
        shown(&format!("{root}/taxii2/"))
    )
}

#[derive(Deserialize)]
struct Job {
    state: Option<Value>,
}

/// Where a job stopped; its beginning when it has never run.
pub(crate) async fn recall<T: DeserializeOwned + Default>(reach: &Reach, job: &str) -> Result<T, Failure> {
    let job: Job = reach.answer(question::get(["jobs", job])).await?;
    Ok(job.state.and_then(|state| serde_json::from_value(state).ok()).unwrap_or_default())
}

/// Writes down where a job stands.
pub(crate) async fn remember(reach: &Reach, job: &str, state: &impl serde::Serialize) -> Result<(), Failure> {
    reach.ask(question::send(Verb::Put, ["jobs", job], &json!({"state": state}))).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(id: &str, title: &str, can_read: bool) -> (RemoteCollection, Option<usize>) {
        let url = Url::parse("https://taxii.example/api1/collections/x/").unwrap();
        let one = RemoteCollection {
            url,
            id: id.into(),
            title: title.into(),
            alias: None,
            can_read,
            can_write: false,
        };
        (one, None)
    }

    #[test]
    fn where_no_taxii_stands_the_address_of_a_node_s_is_told() {
        let failed = |url: &str| {
            let reason = "not JSON".to_owned();
            failure(&TaxiiError::NotTaxii { url: url.to_owned(), reason }).hint.unwrap()
        };
        assert!(
            failed("http://node.example:8400/sign-in?to=%2F").ends_with("http://node.example:8400/taxii2/")
        );
        assert!(failed("nowhere").ends_with("https://node.example/taxii2/"));
    }

    #[test]
    fn the_one_collection_that_is_meant_is_found() {
        let all =
            || vec![collection("1", "A", true), collection("2", "B", true), collection("3", "C", false)];
        assert_eq!(choose(all(), Some("B"), Need::Read).unwrap().0.id, "2");
        assert_eq!(choose(vec![collection("1", "A", true)], None, Need::Read).unwrap().0.id, "1");
        assert!(choose(all(), None, Need::Read).is_err());
        assert!(choose(all(), Some("C"), Need::Read).is_err());
        assert!(choose(all(), Some("A"), Need::Write).is_err());
    }

    #[test]
    fn a_memory_is_of_one_login_and_holds_no_secret() {
        let url = Url::parse("https://taxii.example/api1/collections/x/").unwrap();
        let basic = |user: &str, password: &str| {
            Asker::of(&Login::Basic { user: user.into(), password: Redacted::new(password.into()) })
        };
        let bearer = |token: &str| Asker::of(&Login::Bearer(Redacted::new(token.into())));
        let name = |asker: &Asker| job_name("pull", (&url, "inbox"), VersionsArg::Last, asker);
        let askers =
            [Asker::of(&Login::None), basic("ann", "a"), basic("eve", "a"), bearer("ann"), bearer("b")];
        let names: std::collections::BTreeSet<String> = askers.iter().map(name).collect();
        assert_eq!(names.len(), askers.len());
        // A new password is the same login.
        assert_eq!(name(&basic("ann", "other")), name(&askers[1]));
        assert!(!format!("{:?}", bearer("cresset_secret")).contains("secret"));
        assert_ne!(name(&askers[1]), job_name("push", (&url, "inbox"), VersionsArg::Last, &askers[1]));
        assert_ne!(name(&askers[1]), job_name("pull", (&url, "inbox"), VersionsArg::All, &askers[1]));
    }
}
