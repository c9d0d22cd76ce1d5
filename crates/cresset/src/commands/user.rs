//! `cresset user`: people of this node.

use std::io::{BufRead, IsTerminal, Read};

use base::limit::PASSWORD_BYTES_MAX;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Subcommand};
use dial::Verb;
use handling::Role;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::Common;
use crate::ask::unseen;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, say, shown};
use crate::reach::{Reach, question};

/// What to do with people.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add somebody.
    Add(AddArgs),
    /// List everybody.
    List,
    /// Let nobody in under this name any more; what they did stays.
    Disable {
        /// The user's name.
        name: String,
    },
    /// Let a disabled user in again.
    Enable {
        /// The user's name.
        name: String,
    },
    /// Replace a user's roles.
    Roles(RolesArgs),
    /// Replace a user's password and end their sessions.
    Password(PasswordArgs),
}

/// Somebody to be added.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The user's name.
    name: String,
    /// What they are here for; may be given several times.
    #[arg(long = "role", required = true, value_parser = roles(), value_name = "ROLE")]
    roles: Vec<String>,
    /// Read the password from the first line of standard input; at a terminal it is asked for and not shown. Without it the user
    /// signs in by token only.
    #[arg(long)]
    password_stdin: bool,
}

/// New roles.
#[derive(Debug, Args)]
pub(crate) struct RolesArgs {
    /// The user's name.
    name: String,
    /// Every role the user is to have; may be given several times.
    #[arg(long = "role", required = true, value_parser = roles(), value_name = "ROLE")]
    roles: Vec<String>,
}

/// A new password.
#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// The user's name.
    name: String,
    /// Read the password from the first line of standard input; at a terminal it is asked for and not shown.
    #[arg(long, required = true)]
    password_stdin: bool,
}

#[derive(Deserialize)]
struct UserRow {
    name: String,
    roles: Vec<String>,
    disabled: bool,
    created: String,
    made_by: Option<String>,
    password_by: Option<String>,
}

/// The names of roles, each with what it is for.
fn roles() -> PossibleValuesParser {
    PossibleValuesParser::new(Role::ALL.map(|role| PossibleValue::new(role.name()).help(role.duty())))
}

/// Runs the command.
pub(crate) async fn run(common: &Common, command: UserCommand, out: &mut Out) -> Result<Exit, Failure> {
    match command {
        UserCommand::Add(args) => add(common, args, out).await,
        UserCommand::List => list(common, out).await,
        UserCommand::Disable { name } => change(common, &name, &json!({"disabled": true}), out).await,
        UserCommand::Enable { name } => change(common, &name, &json!({"disabled": false}), out).await,
        UserCommand::Roles(args) => change(common, &args.name, &json!({"roles": args.roles}), out).await,
        UserCommand::Password(args) => password(common, &args, out).await,
    }
}

async fn add(common: &Common, args: AddArgs, out: &mut Out) -> Result<Exit, Failure> {
    let mut body = json!({"name": args.name, "roles": args.roles});
    if args.password_stdin {
        body["password"] = Value::from(new_password()?);
    }
    let reach = Reach::open(common, Access::Write).await?;
    let answer = reach.ask(question::send(Verb::Post, ["users"], &body)).await?;
    if out.is_json() {
        out.line(&answer)?;
    }
    let how = if args.password_stdin { "" } else { "; they sign in by token only" };
    say(format_args!("added user {} as {}{how}", shown(&args.name), args.roles.join(", ")));
    Ok(Exit::Done)
}

async fn list(common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Read).await?;
    let users: Vec<Value> = reach.all(question::get(["users"])).await?;
    if out.is_json() {
        out.json(&users)?;
        return Ok(Exit::Done);
    }
    let rows = users.into_iter().filter_map(|user| serde_json::from_value::<UserRow>(user).ok());
    let rows: Vec<[String; 6]> = rows
        .map(|user| {
            let standing = if user.disabled { "disabled" } else { "enabled" };
            let [maker, set] = [user.made_by, user.password_by].map(|name| shown(&name.unwrap_or_default()));
            [shown(&user.name), user.roles.join(", "), standing.to_owned(), user.created, maker, set]
        })
        .collect();
    out.table(["NAME", "ROLES", "STANDING", "CREATED", "MADE BY", "PASSWORD SET BY"], &rows)?;
    Ok(Exit::Done)
}

async fn change(common: &Common, name: &str, body: &Value, out: &mut Out) -> Result<Exit, Failure> {
    let reach = Reach::open(common, Access::Write).await?;
    let answer = reach.ask(question::send(Verb::Patch, ["users", name], body)).await?;
    if out.is_json() {
        out.line(&answer)?;
    }
    say(format_args!("changed user {}", shown(name)));
    Ok(Exit::Done)
}

async fn password(common: &Common, args: &PasswordArgs, out: &mut Out) -> Result<Exit, Failure> {
    debug_assert!(args.password_stdin, "invariant: the option is required");
    let body = json!({"password": new_password()?});
    let reach = Reach::open(common, Access::Write).await?;
    reach.ask(question::send(Verb::Put, ["users", &args.name, "password"], &body)).await?;
    if out.is_json() {
        out.json(&json!({"name": args.name, "password": "changed"}))?;
    }
    say(format_args!("changed the password of user {} and ended their sessions", shown(&args.name)));
    Ok(Exit::Done)
}

/// A password to be set: at a terminal, where nobody sees what is typed, it is asked for twice.
fn new_password() -> Result<String, Failure> {
    let password = password_from_stdin()?;
    if std::io::stdin().is_terminal() && unseen("the same again: ", first_line)? != password {
        return Err(Failure::no("the two passwords differ: nothing was changed"));
    }
    Ok(password)
}

/// The first line of standard input without its end; at a terminal it is asked for, and what is typed is not shown.
pub(crate) fn password_from_stdin() -> Result<String, Failure> {
    unseen("password: ", first_line)
}

fn first_line() -> Result<String, Failure> {
    let limit = u64::try_from(PASSWORD_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(3);
    let mut line = Vec::new();
    let read = std::io::stdin().lock().take(limit).read_until(b'\n', &mut line);
    read.map_err(|error| Failure::unreachable(format_args!("cannot read the password: {error}")))?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8(line.to_vec());
    let text = text.map_err(|_| Failure::usage("the password on standard input is not valid UTF-8"))?;
    if text.is_empty() {
        return Err(Failure::usage("there is no password on standard input"));
    }
    Ok(text)
}
