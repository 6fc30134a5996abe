//! Clients take turns (A B C A B C …), so that what disturbs one disturbs all.

use std::collections::BTreeMap;
use std::io;

use crate::child::Sample;
use crate::stats::Spread;

/// What each client took, round by round.
#[derive(Debug, Default)]
pub struct Turns {
    samples: BTreeMap<&'static str, Vec<Sample>>,
    order: Vec<&'static str>,
}

impl Turns {
    /// Runs every client once per round. One more round comes first and does not count.
    ///
    /// # Errors
    /// The first failure.
    pub fn take(
        rounds: usize,
        clients: &[&'static str],
        mut run: impl FnMut(&'static str) -> io::Result<Sample>,
    ) -> io::Result<Self> {
        let mut this = Self { samples: BTreeMap::new(), order: clients.to_vec() };
        for round in 0..=rounds {
            for client in clients {
                let sample = run(client)?;
                if round > 0 {
                    this.samples.entry(client).or_default().push(sample);
                }
            }
        }
        Ok(this)
    }

    /// The clients, in the order of their turns.
    #[must_use]
    pub fn clients(&self) -> &[&'static str] {
        &self.order
    }

    /// One measure of one client, round by round.
    #[must_use]
    pub fn values(&self, client: &str, measure: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.get(client).map(|all| all.iter().map(measure).collect()).unwrap_or_default()
    }

    /// How many times as fast `client` is as `other`.
    #[must_use]
    pub fn speed(&self, client: &str, other: &str) -> Option<Spread> {
        let wall = |name| self.values(name, |sample| sample.wall.as_secs_f64());
        Spread::of_ratios(&wall(other), &wall(client))
    }

    /// The share of the processor time of `other` that `client` takes.
    #[must_use]
    pub fn cpu(&self, client: &str, other: &str) -> Option<Spread> {
        let cpu = |name| self.values(name, |sample| sample.cpu.as_secs_f64());
        Spread::of_ratios(&cpu(client), &cpu(other))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn clients_take_turns_and_the_first_round_does_not_count() {
        let mut order = Vec::new();
        let turns = Turns::take(2, &["a", "b"], |client| {
            order.push(client);
            let wall = Duration::from_secs(order.len() as u64);
            Ok(Sample { wall, ..Sample::default() })
        });
        let turns = turns.unwrap();
        assert_eq!(order, ["a", "b", "a", "b", "a", "b"]);
        assert_eq!(turns.values("a", |sample| sample.wall.as_secs_f64()), [3.0, 5.0]);
        let speed = turns.speed("a", "b").unwrap();
        assert_eq!((speed.least, speed.most), (6.0 / 5.0, 4.0 / 3.0));
        assert_eq!(turns.speed("a", "absent"), None);
    }
}
