//! How the story is told: what was asked, what happened, and the evidence, in lines for people or as JSON.

use serde_json::json;

use super::stage::Stage;
use crate::exit::Failure;
use crate::out::Out;

/// One step of the story after it has been played.
#[derive(Debug)]
pub(crate) struct Step {
    /// What the step is about, in plain words.
    pub(crate) title: &'static str,
    /// The question, as anybody could put it.
    pub(crate) asked: String,
    /// What happened, in plain words.
    pub(crate) happened: String,
    /// What proves it.
    pub(crate) evidence: Vec<String>,
}

/// What comes after the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The node goes on running.
    Stay,
    /// The node ends with the story.
    Leave,
}

/// Tells steps as they are played.
pub(crate) struct Teller<'o> {
    out: &'o mut Out,
    count: usize,
}

impl<'o> Teller<'o> {
    /// Tells on standard output.
    pub(crate) fn new(out: &'o mut Out) -> Self {
        Self { out, count: 0 }
    }

    /// Sets the scene.
    pub(crate) fn begin(&mut self) -> Result<(), Failure> {
        if self.out.is_json() {
            return Ok(());
        }
        self.lines(&[
            "",
            "FRIDAY NIGHT WARDS: a ransomware campaign against hospitals, and the node of a national CERT",
            "Country, people, malware and addresses are invented. The node is real: every step goes over HTTP.",
            "",
        ])
    }

    /// Tells one step.
    pub(crate) fn tell(&mut self, outcome: Result<Step, (&'static str, Failure)>) -> Result<bool, Failure> {
        self.count += 1;
        let count = self.count;
        let (title, ok) = match &outcome {
            Ok(step) => (step.title, true),
            Err((title, _)) => (*title, false),
        };
        if self.out.is_json() {
            let line = match outcome {
                Ok(Step { asked, happened, evidence, .. }) => {
                    json!({"step": count, "title": title, "ok": ok, "asked": asked, "happened": happened, "evidence": evidence})
                }
                Err((_, failure)) => {
                    json!({"step": count, "title": title, "ok": ok, "reason": failure.to_string()})
                }
            };
            self.out.json(&line)?;
        } else {
            self.line(&format!("{count:>2}. {title}"))?;
            match outcome {
                Ok(step) => {
                    self.line(&format!("    asked     {}", step.asked))?;
                    self.line(&format!("    happened  {}", step.happened))?;
                    for (at, piece) in step.evidence.iter().enumerate() {
                        let head = if at == 0 { "evidence" } else { "" };
                        self.line(&format!("    {head:<8}  {piece}"))?;
                    }
                }
                Err((_, failure)) => self.line(&format!("    FAILED    {failure}"))?,
            }
            self.line("")?;
        }
        self.out.flush()?;
        Ok(ok)
    }

    /// Says where to go on.
    pub(crate) fn end(&mut self, stage: &Stage, told: bool, after: After) -> Result<(), Failure> {
        if self.out.is_json() {
            self.out.json(&json!({"told": told, "nodes": [stage.record()]}))?;
            return self.out.flush();
        }
        if !told {
            self.line("The story broke off: the step above did not go as told.")?;
            return self.out.flush();
        }
        if after == After::Leave {
            self.line("Everything went as told; the node has been stopped and can be started again with `cresset serve`.")?;
            return self.out.flush();
        }
        for line in stage.farewell() {
            self.line(&line)?;
        }
        self.out.flush()
    }

    fn lines(&mut self, lines: &[&str]) -> Result<(), Failure> {
        lines.iter().try_for_each(|line| self.line(line))?;
        self.out.flush()
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.out.line(line.as_bytes())
    }
}
