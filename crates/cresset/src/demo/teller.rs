//! How the story is told: what was asked, what happened, and the evidence, in lines for people or as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{Stage, program};
use super::story::seconds;
use crate::exit::Failure;
use crate::out::{Out, say};

/// One step of the story after it has been played.
#[derive(Debug)]
pub(crate) struct Step {
    /// What was typed, by whom at which node; lines of a shell wherever there is a command for it.
    pub(crate) asked: Vec<String>,
    /// What happened, in plain words.
    pub(crate) happened: String,
    /// What proves it.
    pub(crate) evidence: Vec<String>,
}

/// What comes after the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The nodes go on running.
    Stay,
    /// The nodes end with the story.
    Leave,
}

/// Tells steps as they are played.
pub(crate) struct Teller<'o> {
    out: &'o mut Out,
    part: &'static str,
    count: usize,
}

impl<'o> Teller<'o> {
    /// Tells on standard output.
    pub(crate) fn new(out: &'o mut Out) -> Self {
        Self { out, part: "", count: 0 }
    }

    /// Sets the scene.
    pub(crate) fn begin(&mut self) -> Result<(), Failure> {
        if self.out.is_json() {
            return Ok(());
        }
        self.lines(&[
            "",
            "FRIDAY NIGHT WARDS: ransomware against hospitals, and four organisations that warn each other without a centre",
            "Country, people, malware and addresses are invented. The nodes are real: four processes, each with its own keys and data,",
            "that speak to each other over HTTP. What stands after a $ was run just so; the evidence is what came back.",
            "",
        ])
    }

    /// Begins a part of the story.
    pub(crate) fn part(&mut self, title: &'static str) -> Result<(), Failure> {
        self.part = title;
        if self.out.is_json() {
            return Ok(());
        }
        self.lines(&[title, ""])
    }

    /// Tells one step.
    pub(crate) fn tell(
        &mut self,
        title: &str,
        (outcome, took): (Result<Step, Failure>, Duration),
    ) -> Result<bool, Failure> {
        self.count += 1;
        let ok = outcome.is_ok();
        if let Err(failure) = &outcome {
            say(format_args!("error: step {} ({title}) did not go as told: {failure}", self.count));
        }
        if self.out.is_json() {
            let mut line = self.as_json(title, outcome);
            line["seconds"] = Value::from(took.as_secs_f64());
            self.out.json(&line)?;
        } else {
            self.as_words(&format!("{title} ({})", seconds(took)), outcome)?;
        }
        self.out.flush()?;
        Ok(ok)
    }

    fn as_json(&self, title: &str, outcome: Result<Step, Failure>) -> Value {
        let (step, part) = (self.count, self.part);
        match outcome {
            Ok(Step { asked, happened, evidence }) => {
                json!({"step": step, "part": part, "title": title, "ok": true, "asked": asked, "happened": happened, "evidence": evidence})
            }
            Err(failure) => {
                json!({"step": step, "part": part, "title": title, "ok": false, "reason": failure.to_string()})
            }
        }
    }

    fn as_words(&mut self, title: &str, outcome: Result<Step, Failure>) -> Result<(), Failure> {
        self.line(&format!("{:>2}. {title}", self.count))?;
        match outcome {
            Ok(Step { asked, happened, evidence }) => {
                self.block("asked", &asked)?;
                self.block("happened", &[happened])?;
                self.block("evidence", &evidence)?;
            }
            Err(failure) => self.block("FAILED", &[failure.to_string()])?,
        }
        self.line("")
    }

    fn block(&mut self, name: &str, lines: &[String]) -> Result<(), Failure> {
        for (at, line) in lines.iter().enumerate() {
            let head = if at == 0 { name } else { "" };
            self.line(&format!("    {head:<8}  {line}"))?;
        }
        Ok(())
    }

    /// Says where to go on.
    pub(crate) fn end(&mut self, stage: &Stage, told: bool, after: After) -> Result<(), Failure> {
        if self.out.is_json() {
            let mut record = stage.record();
            record["told"] = Value::from(told);
            self.out.json(&record)?;
            return self.out.flush();
        }
        if !told {
            self.line("The story broke off: the step above did not go as told. What the nodes logged:")?;
            for house in stage.houses() {
                self.line(&format!(
                    "    {}",
                    stage.room.join(format!("{}.log", house.member.slug)).display()
                ))?;
            }
            return self.out.flush();
        }
        if after == After::Leave {
            self.line("Everything went as told. The nodes have been stopped; these start them again, each where the others look for it:")?;
            for house in stage.houses() {
                let data = stage.room.join(house.member.slug);
                self.line(&format!(
                    "    {} serve --data {} --listen {}",
                    program(),
                    data.display(),
                    house.listens_at()
                ))?;
            }
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
