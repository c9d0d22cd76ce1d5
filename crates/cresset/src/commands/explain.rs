//! `cresset explain`: what a code means.

use clap::Args;
use serde_json::json;

use crate::exit::{CODES, Exit, Failure};
use crate::out::Out;

/// A code to be explained.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code as it stood in brackets behind a message, e.g. `required-property`. Without it: every code.
    code: Option<String>,
}

/// What a code of the node means, in its first sentence.
pub(crate) fn first_sentence(code: &str) -> Option<&'static str> {
    let text = web::explain(code)?;
    Some(text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.'))
}

/// Runs the command: exits 1 when there is no such code.
pub(crate) fn run(args: &ExplainArgs, out: &mut Out) -> Result<Exit, Failure> {
    let Some(code) = &args.code else {
        let mut all = web::all_codes();
        all.extend(CODES);
        all.sort_unstable();
        all.dedup_by_key(|(code, _)| *code);
        if out.is_json() {
            let all: Vec<_> = all.iter().map(|(code, text)| json!({"code": code, "text": text})).collect();
            out.json(&all)?;
            return Ok(Exit::Done);
        }
        for (code, text) in all {
            out.line(format!("{code}: {text}").as_bytes())?;
        }
        return Ok(Exit::Done);
    };
    let code = code.trim_matches(['[', ']']);
    let own = || CODES.iter().find(|(known, _)| *known == code).map(|(_, text)| *text);
    let Some(text) = web::explain(code).or_else(own) else {
        return Err(Failure::no(format_args!("there is no code {}", ::stix::quote::quoted(code)))
            .hint("`cresset explain` lists every code"));
    };
    if out.is_json() {
        out.json(&json!({"code": code, "text": text}))?;
    } else {
        out.line(text.as_bytes())?;
    }
    Ok(Exit::Done)
}
