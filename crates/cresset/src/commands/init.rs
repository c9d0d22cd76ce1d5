//! `cresset init`: a new node, and the secrets that are shown this once.

use std::path::Path;

use clap::Args;
use node::{InitError, InitRequest, Initialised};
use serde_json::json;

use crate::args::Common;
use crate::directory;
use crate::exit::{Exit, Failure};
use crate::out::{Out, say, shown};
use crate::sealed;

/// A node to be made.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Name of the member (an organisation) that runs the node.
    #[arg(long)]
    pub(crate) name: String,
    /// User name of the first administrator.
    #[arg(long, default_value = "admin")]
    pub(crate) admin: String,
}

/// Runs the command.
pub(crate) async fn run(common: &Common, args: InitArgs, out: &mut Out) -> Result<Exit, Failure> {
    common.only_here("cresset init")?;
    directory::must_be_free(&common.data)?;
    let (recovery_key, recovery_recipient) = sealed::new_key();
    let node = directory::create(&common.data, base::SystemClock::default())?;
    let sealed_for = node.seal_backups_for(&recovery_recipient).await;
    sealed_for.map_err(|error| failure(&error, &common.data))?;
    let recovers = sealed::member_recovery(&recovery_key);
    node.recover_with(&base::signing::Signer::public_key(&recovers))
        .await
        .map_err(|error| directory::failure(&error))?;
    let request = InitRequest { member_name: args.name, admin_name: args.admin };
    let made = node.prepare(request).await.map_err(|error| failure(&error, &common.data))?;
    // Only once they are out of our hands: what is written to a full disk, or to nobody, is shown to nobody.
    show(&made, recovery_key.expose(), out).map_err(|failure| unshown(failure, &common.data))?;
    node.begin(&made).await.map_err(|error| directory::failure(&error).hint(again(&common.data)))?;
    say(
        "these secrets are shown this once: keep the recovery key away from this machine, it opens the backups",
    );
    say(format_args!("run the node with: cresset serve --data {}", common.data.display()));
    Ok(Exit::Done)
}

/// Shows the secrets, as far as the operating system has taken them.
fn show(made: &Initialised, key: &str, out: &mut Out) -> Result<(), Failure> {
    let admin = &made.admin;
    if out.is_json() {
        out.json(&json!({
            "member": {"id": made.member.id, "name": made.member.name},
            "admin": {"user": admin.user, "password": admin.password.expose(), "token": admin.token.expose()},
            "recovery_key": key,
        }))?;
    } else {
        let (password, token) = (admin.password.expose(), admin.token.expose());
        out.line(format!("member        {} ({})", shown(&made.member.name), made.member.id).as_bytes())?;
        out.line(format!("administrator {}", shown(&admin.user)).as_bytes())?;
        out.line(format!("password      {password}").as_bytes())?;
        out.line(format!("token         {token}").as_bytes())?;
        out.line(format!("recovery key  {key}").as_bytes())?;
    }
    out.flush()
}

/// The secrets could not be shown. Also where nobody reads on: that is no failure elsewhere.
fn unshown(failure: Failure, data: &Path) -> Failure {
    let why = if failure.message.is_empty() { "nobody reads the answer" } else { &failure.message };
    Failure::unreachable(format_args!("the node was not made, because its secrets could not be shown: {why}"))
        .hint(again(data))
}

/// What to do about a node that was begun. Its directory may hold more than it.
fn again(data: &Path) -> String {
    format!("remove {} and run `cresset init` again", data.join("cresset.*").display())
}

fn failure(error: &InitError, data: &Path) -> Failure {
    let failure = match error.fault() {
        store::Fault::Caller => Failure::no(error),
        store::Fault::Operator | store::Fault::Ours => Failure::unreachable(error),
    };
    let failure = failure.code(error.code());
    match error {
        InitError::Already(_) => {
            failure.hint("start it with `cresset serve`, or name another directory with --data")
        }
        InitError::BrokenOff => failure.hint(again(data)),
        _ => failure,
    }
}
