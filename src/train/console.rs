//! The console: a line of progress every few episodes.

use std::io::{Stdout, Write, stdout};
use std::ops::ControlFlow;

use super::{EpisodeSummary, Observer, ObserverError, RunInfo};

/// Prints the settings of the trainer, then one line every few episodes: episode, its return, and the running average. Numbers have two
/// decimals, or four significant digits below 0.1.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// # let env = Pendulum::v1();
/// # let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// # let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(1), Seed(0))?;
/// trainer.run(&mut [&mut Console::every(10)])?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Console<W = Stdout> {
    every: usize,
    out: W,
    started: bool,
}

impl Console {
    /// Prints to standard output the episodes whose index is a multiple of `every`; 0 counts as 1.
    pub fn every(every: usize) -> Self {
        Self::to(stdout(), every)
    }
}

impl<W: Write> Console<W> {
    /// Prints to `out` the episodes whose index is a multiple of `every`; 0 counts as 1.
    pub fn to(out: W, every: usize) -> Self {
        Self { every: every.max(1), out, started: false }
    }
}

impl<W: Write> Observer for Console<W> {
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        // A run that was ended and continues has printed its settings already.
        if !std::mem::replace(&mut self.started, true) {
            writeln!(self.out, "{}", run.config)?;
        }
        Ok(())
    }

    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        let EpisodeSummary { episode, episode_return, average_return, .. } = episode;
        if episode.is_multiple_of(self.every) {
            let (total, average) = (number(*episode_return), number(*average_return));
            writeln!(self.out, "Episode {episode:<5} Total reward: {total:>9}  Average score: {average:>9}")?;
            self.out.flush()?;
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Two decimals, or four significant digits of a number that they would hide.
fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.1 { format!("{value:.3e}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{EpisodeHistory, TrainerConfig, episode};

    #[test]
    fn small_returns_keep_their_digits() {
        let numbers = [-0.008_549_6, 0.0, -0.1, 1e-300, -1_071.468, f64::NAN].map(number);
        assert_eq!(numbers, ["-8.550e-3", "0.00", "-0.10", "1.000e-300", "-1071.47", "NaN"]);
    }

    #[test]
    fn it_prints_the_config_once_and_then_every_fifth_episode() {
        let mut out = Vec::new();
        let mut console = Console::to(&mut out, 5);
        let config = TrainerConfig::new(7);
        for _ in 0..2 {
            console
                .on_start(&RunInfo {
                    config: &config,
                    metric_names: &[],
                    history: &EpisodeHistory::default(),
                    evaluations: &[],
                    agent: crate::train::AgentInfo::for_tests(),
                })
                .unwrap();
        }
        for i in 0..7 {
            let summary = episode::summary_for_tests(i, -100.0 - i as f64, -150.126);
            assert!(console.on_episode(&summary).unwrap().is_continue());
        }
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.matches("\"batch_size\": 256").count(), 1);
        let lines: Vec<&str> = out.lines().filter(|line| line.starts_with("Episode")).collect();
        assert_eq!(
            lines,
            [
                "Episode 0     Total reward:   -100.00  Average score:   -150.13",
                "Episode 5     Total reward:   -105.00  Average score:   -150.13",
            ]
        );
    }
}
