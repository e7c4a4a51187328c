//! The episode under way.

use std::collections::VecDeque;

use super::EpisodeSummary;
use crate::env::Step;

/// Sums over one episode.
#[derive(Debug, Default)]
pub(super) struct Episode {
    steps: usize,
    /// In f64: 200 rewards of order 10 would lose a digit in f32.
    episode_return: f64,
    metric_sums: Vec<f64>,
    updates: usize,
}

impl Episode {
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

/// The returns of the last episodes, and how many there were.
#[derive(Debug)]
pub(super) struct Returns {
    episodes: usize,
    last: VecDeque<f64>,
    window: usize,
}

impl Returns {
    pub(super) fn new(window: usize) -> Self {
        Self { episodes: 0, last: VecDeque::new(), window }
    }

    pub(super) fn episodes(&self) -> usize {
        self.episodes
    }

    pub(super) fn finish(
        &mut self,
        episode: Episode,
        last_step: &Step,
        environment_steps: usize,
        updates: usize,
    ) -> EpisodeSummary {
        if self.last.len() == self.window {
            self.last.pop_front();
        }
        self.last.push_back(episode.episode_return);
        self.episodes += 1;
        EpisodeSummary {
            episode: self.episodes - 1,
            steps: episode.steps,
            episode_return: episode.episode_return,
            average_return: self.last.iter().sum::<f64>() / self.last.len() as f64,
            terminated: last_step.terminated,
            truncated: last_step.truncated,
            environment_steps,
            updates,
            metrics: (episode.updates > 0)
                .then(|| episode.metric_sums.iter().map(|sum| sum / episode.updates as f64).collect()),
        }
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
        let mut returns = Returns::new(2);
        let averages: Vec<f64> = [-3.0, -1.0, -2.0]
            .iter()
            .map(|&reward| {
                let mut episode = Episode::default();
                episode.add_step(reward);
                returns.finish(episode, &step, 1, 0).average_return
            })
            .collect();
        assert_eq!(averages, [-3.0, -2.0, -1.5]);

        let mut episode = Episode::default();
        episode.add_update(&[1.0, 4.0]);
        episode.add_update(&[3.0, 0.0]);
        let summary = returns.finish(episode, &step, 2, 2);
        assert_eq!(summary.metrics, Some(vec![2.0, 2.0]));
        assert_eq!((summary.episode, summary.terminated, summary.truncated), (3, false, true));
    }
}
