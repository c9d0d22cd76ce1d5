//! What `cresset --help` shows: the commands under headings, and examples of those that are used most.
//!
//! The parser knows each command and its line; only the order and the headings are made here, since it has none for commands.

use std::fmt::Write;

use clap::{Command, CommandFactory};

use crate::args::Arguments;

/// Every command once, in the order in which somebody meets them.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Begin", &["demo", "init", "serve"]),
    ("Objects in and out", &["import", "export", "pull", "push", "delete"]),
    ("Find and look at", &["search", "lookup", "observed", "get", "history", "edges", "sight"]),
    (
        "Give to others and take back",
        &["share", "narrow", "recall", "erase", "consent", "holders", "why", "simulate"],
    ),
    ("Other members", &["community", "circle", "peer", "courier"]),
    ("People, rights and proofs", &["user", "token", "collection", "approval", "ledger", "verify"]),
    (
        "Keep the node well",
        &["backup", "restore", "doctor", "rebuild", "node", "explain", "validate", "stix"],
    ),
];

/// How the commands that are used most are typed.
const EXAMPLES: [(&str, &[&str]); 12] = [
    ("demo", &["cresset demo --dir ./try-it --port-base 8400"]),
    ("init", &["cresset init --name 'CERT Aldermoor' --data ./node"]),
    ("serve", &["cresset serve --data ./node --listen 127.0.0.1:8400"]),
    ("user", &["cresset user add mira --role analyst --password-stdin"]),
    ("collection", &["cresset collection add wards --title 'For hospitals' --grant role:reader=r"]),
    (
        "import",
        &[
            "cresset import report.json --collection wards --tlp amber",
            "cresset import warning.json --tlp green --to cert-brackwater",
        ],
    ),
    ("export", &["cresset export --collection wards --type indicator --format csv"]),
    ("search", &["cresset search 'pale lantern'"]),
    (
        "lookup",
        &[
            "cresset lookup 'hxxps://ward-invoices[.]example/' 198.51.100.7",
            "cresset lookup --file hosts.txt",
        ],
    ),
    ("get", &["cresset get indicator--0f3a8c6d-7e52-4d0a-a1c7-2d9b5e8f1605 --json"]),
    ("share", &["cresset share indicator--0f3a8c6d-7e52-4d0a-a1c7-2d9b5e8f1605 --to cert-brackwater"]),
    ("backup", &["cresset backup node.backup --data ./node"]),
];

/// The command line with its help.
pub(crate) fn command() -> Command {
    let mut command = Arguments::command();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Options of every command:\n{{options}}\n\n\
         `cresset COMMAND --help` tells what a command takes. `cresset demo` shows most of them at work.\n",
        groups(&command)
    );
    command = command.help_template(template);
    for (name, lines) in EXAMPLES {
        let heading = if lines.len() == 1 { "Example:" } else { "Examples:" };
        let text = format!("{heading}\n  {}", lines.join("\n  "));
        command = command.mut_subcommand(name, |one| one.after_help(text));
    }
    command
}

/// The same without what the environment says: for telling what is wrong with what was typed.
pub(crate) fn typed() -> Command {
    command().mut_args(|arg| arg.env(None::<&'static str>))
}

fn groups(command: &Command) -> String {
    let line = |name: &str| {
        let known = command.find_subcommand(name).and_then(Command::get_about);
        known.map(ToString::to_string).unwrap_or_default()
    };
    let mut text = String::new();
    for (heading, names) in GROUPS {
        // A text in memory takes everything.
        let _ = writeln!(text, "{heading}:");
        for name in names {
            let _ = writeln!(text, "  {name:<11} {}", line(name));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_stands_under_one_heading() {
        let command = Arguments::command();
        let mut known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        let mut listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        known.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, known);
        let help = super::command().render_help().to_string();
        for (heading, names) in GROUPS {
            assert!(help.contains(&format!("\n{heading}:\n  {} ", names[0])), "{help}");
        }
        assert!(help.contains("--json") && help.contains("CRESSET_DATA"), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
    }

    #[test]
    fn examples_are_taken_as_they_stand() {
        for (name, lines) in EXAMPLES {
            for line in lines {
                // As a shell would take them apart: quotes hold words together.
                let words = line.split('\'').enumerate().flat_map(|(at, part)| match at % 2 {
                    0 => part.split_whitespace().collect(),
                    _ => vec![part],
                });
                let parsed = super::command().try_get_matches_from(words);
                let parsed = parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
                assert_eq!(parsed.subcommand_name(), Some(name), "{line}");
            }
            let mut command = super::command();
            let help = command.find_subcommand_mut(name).unwrap().render_help().to_string();
            assert!(lines.iter().all(|line| help.contains(line)), "{help}");
        }
    }

    #[test]
    fn what_the_environment_says_is_no_part_of_what_was_typed() {
        let typed = typed();
        assert!(typed.get_arguments().all(|arg| arg.get_env().is_none()));
    }
}
