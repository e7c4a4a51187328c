//! The running episode.

use super::{EpisodeHistory, EpisodeSummary, EvaluationSummary};
use crate::env::Step;

/// Sums over one episode.
#[derive(Debug, Default)]
pub(super) struct Episode {
    pub(super) steps: usize,
    /// In f64: 200 rewards of order 10 would lose a digit in f32.
    pub(super) episode_return: f64,
    pub(super) metric_sums: Vec<f64>,
    pub(super) updates: usize,
}

impl Episode {
    /// Starts again.
    pub(super) fn clear(&mut self) {
        (self.steps, self.episode_return, self.updates) = (0, 0.0, 0);
        self.metric_sums.clear();
    }

    pub(super) fn add_step(&mut self, reward: f32) {
        self.steps += 1;
        self.episode_return += f64::from(reward);
    }

    pub(super) fn add_update(&mut self, metrics: &[f64]) {
        self.metric_sums.resize(metrics.len(), 0.0);
        self.metric_sums.iter_mut().zip(metrics).for_each(|(sum, metric)| *sum += metric);
        self.updates += 1;
    }
}

/// The finished episodes, and the window of their running average.
#[derive(Debug)]
pub(super) struct History {
    pub(super) episodes: EpisodeHistory,
    pub(super) evaluations: Vec<EvaluationSummary>,
    window: usize,
}

impl History {
    /// Makes the empty history of a run whose updates have `metrics` metrics.
    pub(super) fn new(window: usize, metrics: usize) -> Self {
        Self { episodes: EpisodeHistory::with_metrics(metrics), evaluations: Vec::new(), window }
    }

    /// Adds the episode that `last_step` has ended.
    pub(super) fn finish(
        &mut self,
        episode: &Episode,
        last_step: &Step,
        environment_steps: usize,
        updates: usize,
    ) -> EpisodeSummary {
        let averaged = (self.window - 1).min(self.episodes.len()) + 1;
        let returns = self.episodes.newest_returns(averaged - 1).chain([episode.episode_return]);
        let summary = EpisodeSummary {
            episode: self.episodes.len(),
            steps: episode.steps,
            episode_return: episode.episode_return,
            average_return: returns.sum::<f64>() / averaged as f64,
            terminated: last_step.terminated,
            truncated: last_step.truncated,
            environment_steps,
            updates,
            metrics: (episode.updates > 0)
                .then(|| episode.metric_sums.iter().map(|sum| sum / episode.updates as f64).collect()),
        };
        self.episodes.push(&summary);
        summary
    }
}

/// A summary with the two numbers that most tests need.
#[cfg(test)]
pub(super) fn summary_for_tests(episode: usize, episode_return: f64, average_return: f64) -> EpisodeSummary {
    EpisodeSummary {
        episode,
        steps: 200,
        episode_return,
        average_return,
        terminated: false,
        truncated: true,
        environment_steps: 200 * (episode + 1),
        updates: 0,
        metrics: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_is_over_the_last_episodes_and_metrics_over_the_updates() {
        let step = Step { observation: vec![], reward: 0.0, terminated: false, truncated: true };
        let mut history = History::new(2, 2);
        let averages: Vec<f64> = [-3.0, -1.0, -2.0]
            .iter()
            .map(|&reward| {
                let mut episode = Episode::default();
                episode.add_step(reward);
                history.finish(&episode, &step, 1, 0).average_return
            })
            .collect();
        assert_eq!(averages, [-3.0, -2.0, -1.5]);

        let mut episode = Episode::default();
        episode.add_update(&[1.0, 4.0]);
        episode.add_update(&[3.0, 0.0]);
        let summary = history.finish(&episode, &step, 2, 2);
        assert_eq!(summary.metrics, Some(vec![2.0, 2.0]));
        assert_eq!((summary.episode, summary.terminated, summary.truncated), (3, false, true));
    }
}
