//! The story: its parts and steps in their order. A step asks nodes something and fails when the answer is not the one told.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::stage::Stage;
use super::teller::{Step, Teller};
use super::{between, home};
use crate::exit::Failure;

/// The report on the sample campaign, written for this demonstration.
pub(crate) const CAMPAIGN: &[u8] = include_bytes!("../../demo/pale-lantern.json");

/// A step as it went, or why it did not go as told.
pub(crate) type Told = Result<Step, Failure>;

/// Plays every step until one fails; says whether all went as told.
pub(crate) async fn tell(stage: &mut Stage, teller: &mut Teller<'_>) -> Result<bool, Failure> {
    macro_rules! play {
        ($($part:literal: { $($title:literal => $step:path;)* })*) => {
            $(
                teller.part($part)?;
                $(
                    let begin = Instant::now();
                    let outcome = $step(stage).await;
                    if !teller.tell($title, (outcome, begin.elapsed()))? {
                        return Ok(false);
                    }
                )*
            )*
        };
    }
    play! {
        "FOUR EQUALS": {
            "Four organisations, each with a node of its own" => between::settle_in;
            "They found a community, and decide together who is in it" => between::found;
        }
        "A WARNING, AND WHO MAY HAVE IT": {
            "Aldermoor warns Brackwater, and nobody else" => between::warn;
            "Brackwater has exactly that, and knows whose word it is" => between::arrive;
            "For the others it does not exist: no object, no hit, no count" => between::withhold;
            "Brackwater has seen it too, and Aldermoor hears of it" => between::sight;
            "Aldermoor lets Cinderholm in" => between::share;
            "One hash was false: it is called back, and is gone everywhere" => between::recall;
        }
        "NOBODY IN THE MIDDLE": {
            "The secretariat's node is switched off, and the others go on" => between::go_on;
            "The secretariat comes back, and still knows nothing of it" => between::come_back;
            "Anybody can check what happened, offline, without trusting anybody" => between::prove;
        }
        "AT HOME: WHAT ALDERMOOR'S NODE DOES FOR ITS OWN PEOPLE": {
            "Aldermoor gives its people what they need, and no more" => home::give_rights;
            "An analyst brings in a report on the campaign, twice" => home::bring_in;
            "A hospital's machine fetches everything through TAXII" => home::poll;
            "A suspicious link from an e-mail is looked up, written as people write it" => home::look_up_link;
            "An address and a host that nobody has reported, but whose neighbourhood is known" => home::look_up_nearby;
            "Colleagues search in their own languages" => home::search;
            "What hangs together with the ransomware" => home::follow_relations;
            "What is out of date or was withdrawn is said to be so" => home::tell_standing;
            "An object that is none is refused, with the reason" => home::refuse;
            "What is not granted does not exist" => home::withhold;
        }
    }
    Ok(true)
}

/// A step that went as told.
pub(crate) fn told(asked: Vec<String>, happened: impl Into<String>, evidence: Vec<String>) -> Told {
    Ok(Step { asked, happened: happened.into(), evidence })
}

/// Goes on when something holds.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::no(otherwise())) }
}

/// Seconds as they are told.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// A text in an answer; empty where there is none.
pub(crate) fn words(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A list in an answer; empty where there is none.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The first signs of a digest, key or signature.
pub(crate) fn short(text: &str) -> String {
    let begin: String = text.chars().take(16).collect();
    if begin.len() < text.len() { format!("{begin}...") } else { begin }
}
