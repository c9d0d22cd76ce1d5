//! Exchange between members: real nodes, each a process of the release binary, all on loopback and on the same cores.
//!
//! What stands in an outbox is measured with the peers away while it fills, so that a backlog is one, and the time of the
//! import is in no figure of the exchange.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::members::{self, Member};
use crate::report::{Figure, Target, number};
use crate::{Plan, load, proofs};

/// What is said of every object here: for the members that are named after it.
const RULES: [&str; 3] = ["--tlp", "amber", "--to"];
/// Alerts at rest; the median counts.
const ALERTS: usize = 9;

/// Every figure of exchange.
pub(crate) fn measure(plan: &Plan) -> Result<Vec<Figure>> {
    eprintln!("measuring exchange with one peer");
    let mut town = members::community(plan, &["cert-a", "cert-b"])?;
    let mut made = Made::default();
    let mut figures = vec![at_rest(&town, &mut made)?];
    figures.extend(behind_a_backlog(plan, &mut town, &mut made)?);
    figures.extend(throughput(plan.exchanged, &mut town, &mut made)?);
    figures.extend(proofs::measure(&town[0], made.ids())?);
    drop(town);
    eprintln!("measuring exchange with three peers");
    let mut town = members::community(plan, &["cert-a", "cert-b", "cert-c", "cert-d"])?;
    let mut made = Made::default();
    figures.push(at_rest(&town, &mut made)?);
    figures.extend(throughput(plan.exchanged, &mut town, &mut made)?);
    Ok(figures)
}

/// Objects made so far: none is imported twice.
#[derive(Default)]
struct Made(usize);

impl Made {
    fn next(&mut self, count: usize) -> Vec<String> {
        let first = self.0;
        self.0 += count;
        (first..self.0).map(load::indicator).collect()
    }

    /// The id of the object made last.
    fn last_id(&self) -> String {
        load::indicator_id(self.0.saturating_sub(1))
    }

    fn ids(&self) -> Vec<String> {
        (0..self.0).map(load::indicator_id).collect()
    }
}

/// `--to` with every member but the first, and what else is said.
fn options<'a>(to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&RULES[..], &[to], more].concat()
}

fn all_others(town: &[Member]) -> String {
    town.iter().skip(1).map(|member| member.slug).collect::<Vec<_>>().join(",")
}

fn peers_words(town: &[Member]) -> &'static str {
    if town.len() == 2 { "one peer" } else { "each of three peers" }
}

/// How long an alert takes to be seen at every peer when nothing else waits, the command that imports it included.
fn at_rest(town: &[Member], made: &mut Made) -> Result<Figure> {
    let to = all_others(town);
    let mut took = Vec::new();
    for _ in 0..ALERTS {
        let alert = made.next(1);
        let start = Instant::now();
        town[0].import(&alert, &options(&to, &[]))?;
        for peer in town.iter().skip(1) {
            peer.door()?.shows(&made.last_id())?;
        }
        took.push(start.elapsed().as_secs_f64());
        town[0].door()?.has_given_everything()?;
    }
    took.sort_by(f64::total_cmp);
    let name = format!("alert visible at {}, at rest", peers_words(town));
    Ok(Figure::new(name, took[ALERTS / 2], "s", Target::AtMost(1.0))
        .detail(format!("the command that imports it included; at most {} s", number(took[ALERTS - 1]))))
}

/// A peer was away while much came in for it: how soon it has what is urgent, what is not, and everything.
fn behind_a_backlog(plan: &Plan, town: &mut [Member], made: &mut Made) -> Result<Vec<Figure>> {
    let queued = plan.backlog;
    let count = number(queued as f64);
    let to = all_others(town);
    town[1].goes_away();
    town[0].import(&made.next(queued), &options(&to, &[]))?;
    town[0].import(&made.next(1), &options(&to, &[]))?;
    let ordinary = made.last_id();
    town[1].comes_back()?;
    let back = Instant::now();
    let mut door = town[1].door()?;
    let urgent = Instant::now();
    town[0].import(&made.next(1), &options(&to, &["--flash"]))?;
    door.shows(&made.last_id())?;
    let flash = urgent.elapsed().as_secs_f64();
    door.shows(&ordinary)?;
    let alert = back.elapsed().as_secs_f64();
    town[0].door()?.has_given_everything()?;
    let all = back.elapsed().as_secs_f64();
    Ok(vec![
        Figure::new(format!("FLASH visible behind {count} queued objects"), flash, "s", Target::AtMost(2.0))
            .detail("the command that imports it included"),
        Figure::new(
            format!("alert visible that was queued behind {count} objects"),
            alert,
            "s",
            Target::AtMost(5.0),
        )
        .detail("from the moment the peer, which was away, answers again"),
        Figure::new(format!("catch-up of {count} objects after a partition"), all, "s", Target::AtMost(60.0))
            .detail("until every receipt is back"),
    ])
}

/// Objects a second to each peer, and what an object costs either side.
fn throughput(count: usize, town: &mut [Member], made: &mut Made) -> Result<Vec<Figure>> {
    let to = all_others(town);
    town.iter_mut().skip(1).for_each(Member::goes_away);
    let before = town[0].processor_seconds()?;
    let start = Instant::now();
    town[0].import(&made.next(count), &options(&to, &[]))?;
    let imported = count as f64 / start.elapsed().as_secs_f64();
    let import_cost = town[0].processor_seconds()? - before;
    // The words of what was imported are written behind it: they are the import's.
    town[0].rests()?;
    for peer in town.iter_mut().skip(1) {
        peer.comes_back()?;
    }
    let (before, start) = (used(town)?, Instant::now());
    let mut door = town[0].door()?;
    door.has_given_everything()?;
    let rate = count as f64 / start.elapsed().as_secs_f64();
    let costs: Vec<f64> = used(town)?.iter().zip(before).map(|(now, then)| now - then).collect();
    let each = |seconds: f64| number(seconds * 1e6 / count as f64);
    let recipients = costs.iter().skip(1).sum::<f64>() / (costs.len() - 1).max(1) as f64;
    let peers = peers_words(town);
    let name = format!("{} objects to {peers}", number(count as f64));
    Ok(vec![
        Figure::new(name, rate, "objects/s a peer", Target::AtLeast(5_000.0)).detail(format!(
            "durable at both ends, receipts included; processor time an object {} us at the sender, {} us at a recipient",
            each(costs.first().copied().context("no members")?),
            each(recipients)
        )),
        Figure::new(format!("import with release to {peers}"), imported, "objects/s", Target::None)
            .detail(format!("the command included; {} us of the node's processor time an object", each(import_cost))),
    ])
}

fn used(town: &[Member]) -> Result<Vec<f64>> {
    town.iter().map(Member::processor_seconds).collect()
}
