//! Ending a run when it is good enough.

use std::ops::ControlFlow;

use super::{EpisodeSummary, Observer, ObserverError};

/// Stops training once the running average of the return reaches `threshold`.
///
/// Waits until `min_episodes` have been run, since the average of a lucky few says little.
#[derive(Debug, Clone, PartialEq)]
pub struct StopAt {
    /// Average return to reach.
    pub threshold: f64,
    /// Episodes to run at the least.
    pub min_episodes: usize,
}

impl Observer for StopAt {
    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        let enough = episode.episode + 1 >= self.min_episodes && episode.average_return >= self.threshold;
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::episode::summary_for_tests;

    #[test]
    fn it_stops_at_the_threshold_but_not_before_enough_episodes() {
        let mut stop = StopAt { threshold: -150.0, min_episodes: 3 };
        assert!(stop.on_episode(&summary_for_tests(1, 0.0, -100.0)).unwrap().is_continue());
        assert!(stop.on_episode(&summary_for_tests(2, 0.0, -150.1)).unwrap().is_continue());
        assert!(stop.on_episode(&summary_for_tests(2, 0.0, -150.0)).unwrap().is_break());
    }
}
