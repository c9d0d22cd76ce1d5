//! What is asked of whoever sits at a terminal: a yes before what has no way back, and a secret that nobody reads over a shoulder.
//!
//! Questions go to standard error, answers come from standard input. Where that is no terminal nothing is asked: scripts have decided
//! before they began.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use crate::exit::Failure;
use crate::out::Out;

/// The option by which a command that asks first is told not to.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Yes {
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

impl Yes {
    /// Asks at a terminal whether to go on, and fails with what was left undone unless the answer is yes. Nothing is asked with `--yes`,
    /// with `--json`, or where standard input is no terminal.
    pub(crate) fn or_leave(self, question: &str, undone: &str, out: &Out) -> Result<(), Failure> {
        if self.yes || out.is_json() || !io::stdin().is_terminal() {
            return Ok(());
        }
        match agreed(question, (&mut io::stderr(), &mut io::stdin().lock()))? {
            true => Ok(()),
            false => Err(Failure::no(undone)),
        }
    }
}

/// Whether whoever sits at a terminal says yes. No answer at all is none.
fn agreed(question: &str, (words, answers): (&mut dyn Write, &mut dyn BufRead)) -> Result<bool, Failure> {
    write!(words, "{question} [y/N] ").and_then(|()| words.flush())?;
    let mut answer = String::new();
    answers
        .read_line(&mut answer)
        .map_err(|error| Failure::unreachable(format_args!("cannot read the answer: {error}")))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Reads a line by `read` while the terminal at standard input shows nothing of what is typed; where there is no terminal it only reads.
pub(crate) fn unseen<T>(prompt: &str, read: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let Some(shade) = Shade::draw() else { return read() };
    let mut words = io::stderr();
    write!(words, "{prompt}").and_then(|()| words.flush())?;
    let line = read();
    drop(shade);
    // The line that was ended unseen.
    writeln!(words)?;
    line
}

/// A terminal that shows nothing of what is typed; it does again when this goes.
#[cfg(unix)]
struct Shade(rustix::termios::Termios);

#[cfg(unix)]
impl Shade {
    fn draw() -> Option<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        use tokio::signal::unix::{SignalKind, signal};

        let before = tcgetattr(io::stdin()).ok()?;
        // Whoever breaks off at the question gets the terminal back as it was. Only within a runtime is there anybody to hear of it, and who
        // hears of it does so from before the terminal goes dark.
        let runtime = tokio::runtime::Handle::try_current().ok();
        let broken_off = runtime.and_then(|runtime| Some((runtime, signal(SignalKind::interrupt()).ok()?)));
        let mut dark = before.clone();
        dark.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &dark).ok()?;
        let shade = Self(before.clone());
        if let Some((runtime, mut broken_off)) = broken_off {
            runtime.spawn(async move {
                if broken_off.recv().await.is_some() {
                    drop(Self(before));
                    std::process::exit(130);
                }
            });
        }
        Some(shade)
    }
}

#[cfg(unix)]
impl Drop for Shade {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing any more.
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &self.0);
    }
}

/// Where nothing is known of terminals, what is typed is shown.
#[cfg(not(unix))]
struct Shade;

#[cfg(not(unix))]
impl Shade {
    fn draw() -> Option<Self> {
        io::stdin().is_terminal().then_some(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_yes_goes_on() {
        let asked = |answer: &str| {
            let mut words = Vec::new();
            let agreed = agreed("remove it?", (&mut words, &mut answer.as_bytes())).unwrap();
            assert_eq!(String::from_utf8(words).unwrap(), "remove it? [y/N] ");
            agreed
        };
        assert!(["y\n", "Yes\r\n", " y "].iter().all(|answer| asked(answer)));
        assert!(!["", "\n", "n\n", "no\n", "wards\n", "yy\n"].iter().any(|answer| asked(answer)));
    }
}
