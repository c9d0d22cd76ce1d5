//! What a node that serves says of itself on standard error, and how much of it.
//!
//! The filter is `tracing`'s, in which a word that is no level is a part of the program: alone it would have everything else silent.
//! So a word alone is a level or a part that is ours, and a misspelt level is told.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::exit::Failure;

/// The parts of the program that log, as the filter names them.
const PARTS: [&str; 14] = [
    "base",
    "community",
    "cresset",
    "dial",
    "federation",
    "handling",
    "index",
    "ledger",
    "node",
    "stix",
    "store",
    "store_sqlite",
    "taxii",
    "web",
];

/// What helps whoever wrote a filter that cannot be used.
const HINT: &str =
    "it is one of error, warn, info, debug, trace and off, or a filter like info,web=debug,store_sqlite=warn";

/// Lines for people on a terminal, JSON for machines elsewhere.
///
/// # Errors
/// The filter cannot be used.
pub(crate) fn to_stderr(filter: &str) -> Result<(), Failure> {
    let builder = tracing_subscriber::fmt().with_env_filter(read(filter)?).with_writer(std::io::stderr);
    let set = if std::io::stderr().is_terminal() {
        builder.with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).try_init()
    };
    set.map_err(|error| Failure::unreachable(format_args!("cannot start logging: {error}")))
}

fn read(filter: &str) -> Result<EnvFilter, Failure> {
    for word in filter.split(',').filter(|word| is_word(word)) {
        let part = word.split("::").next().unwrap_or(word);
        if word.parse::<LevelFilter>().is_err() && !PARTS.contains(&part) {
            let shown = stix::quote::quoted(word).to_string();
            let said = format_args!("log says {shown}, which is neither a level nor a part of this program");
            return Err(Failure::usage(said).hint(HINT));
        }
    }
    EnvFilter::try_new(filter)
        .map_err(|error| Failure::usage(format_args!("the log filter cannot be used: {error}")).hint(HINT))
}

/// Whether a piece of a filter is one word, and says of no part how much of it is meant.
fn is_word(piece: &str) -> bool {
    !piece.is_empty() && !piece.contains(['=', '[', ']', '{', '}'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_word_alone_is_a_level_or_a_part_of_ours() {
        for filter in [
            "info",
            "WARN",
            "off",
            "web",
            "store_sqlite::writer",
            "info,web=debug",
            "warn,hyper=off",
            "info,web[request]=debug",
        ] {
            assert!(read(filter).is_ok(), "{filter}");
        }
        for filter in
            ["warning", "verbose", "info,webb", "warn,err", "information,web=debug", "hyper", "info,web=loud"]
        {
            let refused = read(filter).unwrap_err();
            assert!(
                refused.exit == Exit::Usage && refused.hint.unwrap().contains("error, warn, info"),
                "{filter}"
            );
        }
    }
}
