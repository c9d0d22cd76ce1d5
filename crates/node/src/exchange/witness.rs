//! Cosigning the heads of other members' ledgers for whoever asks (C2SP tlog-witness).

use ledger::witness::Verdict;
use store::StoreError;

use super::ExchangeError;
use crate::Node;

impl Node {
    /// Answers a request to cosign; `None` while this node takes back what a restore has lost. What the answer commits this
    /// member to is durable when it is given: looking at what was cosigned last and writing down the next is one transaction.
    ///
    /// # Errors
    /// The store failed: nothing was cosigned.
    pub async fn witness(&self, body: &[u8]) -> Result<Option<Verdict>, ExchangeError> {
        let Some(_) = self.members().await? else { return Ok(Some(Verdict::UnknownLedger)) };
        let court = self.sitting().await?;
        let failed = |failed: federation::StoreFailed| StoreError::Backend(failed.0);
        // Most requests change nothing, whoever sends them: those keep nobody waiting who writes.
        let (looks, asked) = (std::sync::Arc::clone(&court), body.to_vec());
        let seen = store::looked(self.store(), court.member(), move |rows| {
            if rows.own().map_err(failed)?.recovery.is_some() {
                return Ok(None);
            }
            looks.exchange().witness(rows, &asked).map(Some).map_err(failed)
        });
        match seen.await? {
            None => Ok(None),
            Some((verdict, effects)) if effects.is_empty() => Ok(Some(verdict)),
            Some(_) => {
                let asked = body.to_vec();
                let step = self.step(&court, 1, move |exchange, desk| {
                    let (verdict, effects) = exchange.witness(desk.rows(), &asked)?;
                    desk.apply(effects)?;
                    Ok(verdict)
                });
                step.await.map(Some)
            }
        }
    }
}
