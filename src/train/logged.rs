//! Counts of the records in a log, so that the log of a resumed run is complete.

use super::{EpisodeSummary, EvaluationSummary, RunInfo};

/// Counts of the records in a log.
#[derive(Debug, Default)]
pub(super) struct Logged {
    pub(super) episodes: usize,
    pub(super) evaluations: usize,
}

/// A record of the run before it was interrupted.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Record<'a> {
    Episode(EpisodeSummary),
    Evaluation(&'a EvaluationSummary),
}

impl Logged {
    /// Returns the records that are missing in the log, in the order in which they were made. At the same step, episodes come before
    /// evaluations.
    pub(super) fn missing<'a>(&self, run: &RunInfo<'a>) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let mut episodes = run.history.iter().skip(self.episodes).peekable();
        let mut evaluations = run.evaluations.iter().skip(self.evaluations).peekable();
        // One after the other: a history may be long.
        std::iter::from_fn(move || match (episodes.peek(), evaluations.peek()) {
            (Some(episode), Some(evaluation)) if evaluation.environment_steps < episode.environment_steps => {
                evaluations.next().map(Record::Evaluation)
            }
            (Some(_), _) => episodes.next().map(Record::Episode),
            (None, _) => evaluations.next().map(Record::Evaluation),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{TrainerConfig, episode::summary_for_tests};

    #[test]
    fn records_come_by_step_episodes_first_and_none_twice() {
        let config = TrainerConfig::new(3);
        let episodes = [0, 1, 2].map(|index| summary_for_tests(index, -1.0, -1.0));
        let evaluations = [200, 500].map(|environment_steps| EvaluationSummary {
            environment_steps,
            updates: 0,
            returns: vec![-1.0],
        });
        let run = RunInfo {
            config: &config,
            metric_names: &[],
            history: &episodes.iter().cloned().collect(),
            evaluations: &evaluations,
            agent: crate::train::AgentInfo::for_tests(),
        };
        let [first, second, third] = episodes;
        assert_eq!(
            Logged::default().missing(&run).collect::<Vec<_>>(),
            [
                Record::Episode(first),
                Record::Evaluation(&evaluations[0]),
                Record::Episode(second),
                Record::Evaluation(&evaluations[1]),
                Record::Episode(third.clone()),
            ]
        );
        let logged = Logged { episodes: 2, evaluations: 1 };
        assert_eq!(
            logged.missing(&run).collect::<Vec<_>>(),
            [Record::Evaluation(&evaluations[1]), Record::Episode(third)]
        );
    }
}
