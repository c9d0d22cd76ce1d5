//! `cresset token`: credentials for programs, shown once.

use base::limit::TOKEN_SECONDS_MAX;
use clap::{Args, Subcommand};
use dial::Verb;
use handling::Scope;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::{Common, names};
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, say, shown};
use crate::reach::{Reach, question};

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make one. It is printed once and stored nowhere.
    Create(CreateArgs),
    /// List them; what they are is not shown.
    List {
        /// Only this user's.
        #[arg(long)]
        user: Option<String>,
    },
    /// End one.
    Revoke {
        /// The token's id, as `token list` shows it.
        id: String,
    },
}

/// A token to be made.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Whose it is.
    #[arg(long)]
    user: String,
    /// What it may be used for; may be given several times. Without it: read.
    #[arg(long = "scope", value_parser = names(Scope::ALL.map(Scope::name)), value_name = "SCOPE")]
    scopes: Vec<String>,
    /// When it ends: days, hours or minutes from now, by the node's clock (30d, 12h, 15m), or a moment (2027-01-01T00:00:00Z).
    #[arg(long, value_parser = Expiry::read, value_name = "WHEN")]
    expires: Option<Expiry>,
}

/// When a token ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expiry {
    /// Seconds.
    After(i64),
    At(Timestamp),
}

impl Expiry {
    fn read(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        let wrong = || {
            "this is neither a time from now (30d, 12h, 15m) nor a moment (2027-01-01T00:00:00Z)".to_owned()
        };
        let unit = text.chars().last().ok_or_else(wrong)?;
        let count: i64 = text.strip_suffix(unit).and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
        let seconds = match unit {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            _ => return Err(wrong()),
        };
        let seconds = count.checked_mul(seconds).filter(|seconds| (1..=TOKEN_SECONDS_MAX).contains(seconds));
        seconds.map(Self::After).ok_or_else(wrong)
    }

    /// The member of the request. A time from now is for the node to count: its clock is the one by which the token will end.
    fn asked(self) -> (&'static str, Value) {
        match self {
            Self::At(at) => ("expires", at.to_string().into()),
            Self::After(seconds) => ("expires_in", seconds.into()),
        }
    }
}

#[derive(Deserialize)]
struct TokenRow {
    id: String,
    user: String,
    scopes: Vec<String>,
    created: String,
    expires: Option<String>,
    revoked: Option<String>,
    made_by: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, command: TokenCommand, out: &mut Out) -> Result<Exit, Failure> {
    match command {
        TokenCommand::Create(args) => create(common, args, out).await,
        TokenCommand::List { user } => list(common, user, out).await,
        TokenCommand::Revoke { id } => revoke(common, &id, out).await,
    }
}

async fn create(common: &Common, args: CreateArgs, out: &mut Out) -> Result<Exit, Failure> {
    let mut body = json!({"user": args.user, "scopes": args.scopes});
    if let Some(expires) = args.expires {
        let (name, value) = expires.asked();
        body[name] = value;
    }
    let reach = Reach::open(common, Access::Write).await?;
    let answer = reach.ask(question::send(Verb::Post, ["tokens"], &body)).await?;
    if out.is_json() {
        out.line(&answer)?;
    } else {
        let answer: Value = reach.read(&answer)?;
        out.line(answer["token"].as_str().unwrap_or_default().as_bytes())?;
    }
    say(format_args!("made a token for user {}: it is shown this once", shown(&args.user)));
    Ok(Exit::Done)
}

async fn list(common: &Common, user: Option<String>, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let mut request = question::get(["tokens"]);
    request.query.extend(user.map(|user| ("user", user)));
    let tokens: Vec<Value> = reach.all(request).await?;
    if out.is_json() {
        out.json(&tokens)?;
        return Ok(Exit::Done);
    }
    let rows = tokens.into_iter().filter_map(|token| serde_json::from_value::<TokenRow>(token).ok());
    let rows: Vec<[String; 7]> = rows
        .map(|token| {
            let expires = token.expires.unwrap_or_else(|| "never".to_owned());
            let revoked = token.revoked.unwrap_or_default();
            let maker = shown(token.made_by.as_deref().unwrap_or_default());
            [token.id, shown(&token.user), token.scopes.join(", "), token.created, maker, expires, revoked]
        })
        .collect();
    out.table(["ID", "USER", "SCOPES", "CREATED", "MADE BY", "EXPIRES", "REVOKED"], &rows)?;
    Ok(Exit::Done)
}

async fn revoke(common: &Common, id: &str, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Write).await?;
    reach.ask(question::delete(["tokens", id])).await?;
    if out.is_json() {
        out.json(&json!({"id": id, "revoked": true}))?;
    }
    say(format_args!("revoked token {}", shown(id)));
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_a_time_from_now_or_a_moment() {
        let asked = |text: &str| Expiry::read(text).unwrap().asked();
        assert_eq!(asked("30d"), ("expires_in", json!(30 * 86_400)));
        assert_eq!(asked("90m"), ("expires_in", json!(90 * 60)));
        assert_eq!(asked("2027-01-01T00:00:00+01:00"), ("expires", json!("2026-12-31T23:00:00Z")));
        for bad in ["", "d", "0d", "-1d", "30", "30w", "1é", "99999999999999999999d", "tomorrow"] {
            assert!(Expiry::read(bad).is_err(), "{bad}");
        }
    }
}
