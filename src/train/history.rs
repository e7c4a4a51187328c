//! The history of a run: its finished episodes, compact enough for millions of them.

use std::collections::BTreeMap;
use std::fmt;

use super::EpisodeSummary;
use crate::checkpoint::{EPISODES_IN_PART, HistoryParts};
use crate::digest::Digest;
use crate::state::{FileError, State, StateError};

/// Bits of a number of steps; those above are flags.
const STEPS_BITS: u32 = 29;

/// Marks a number of steps that is too large, and is in a separate list.
const LONG: u32 = (1 << STEPS_BITS) - 1;

const TERMINATED: u32 = 1 << STEPS_BITS;
const TRUNCATED: u32 = TERMINATED << 1;
const HAS_METRICS: u32 = TERMINATED << 2;

/// The finished episodes of a run, the oldest first.
///
/// An episode takes 36 bytes, and 8 for each metric of the agent. A checkpoint writes only new ones.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let env = Pendulum::v1();
/// let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(2), Seed(0))?;
/// trainer.run(&mut [])?;
/// assert_eq!(trainer.history().len(), 2);
/// assert!(trainer.history().iter().all(|episode| episode.steps == 200));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Default)]
pub struct EpisodeHistory {
    metrics: usize,
    /// All but the last have [`EPISODES_IN_PART`] episodes.
    parts: Vec<Part>,
    /// Steps of the few episodes with too many for their field, by index.
    long: BTreeMap<usize, usize>,
}

/// Columns of some episodes.
#[derive(Clone, Default)]
struct Part {
    returns: Vec<f64>,
    average_returns: Vec<f64>,
    environment_steps: Vec<u64>,
    updates: Vec<u64>,
    steps_and_flags: Vec<u32>,
    /// A row for each episode, zeros for one without updates; empty before the first update.
    metrics: Vec<f64>,
    /// Digest of the file that a checkpoint has written, until an episode is added.
    digest: Option<Digest>,
}

impl Part {
    fn len(&self) -> usize {
        self.returns.len()
    }
}

impl EpisodeHistory {
    /// Returns a history without episodes, for an agent with this number of metrics.
    pub(super) fn with_metrics(metrics: usize) -> Self {
        Self { metrics, ..Self::default() }
    }

    /// Returns how many episodes have ended.
    pub fn len(&self) -> usize {
        self.parts.last().map_or(0, |last| (self.parts.len() - 1) * EPISODES_IN_PART + last.len())
    }

    /// Returns whether no episode has ended.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Returns an episode by its index; `None` from [`len`](Self::len) on.
    pub fn get(&self, episode: usize) -> Option<EpisodeSummary> {
        let (part, i) = (self.parts.get(episode / EPISODES_IN_PART)?, episode % EPISODES_IN_PART);
        let &steps_and_flags = part.steps_and_flags.get(i)?;
        let is = |flag: u32| steps_and_flags & flag != 0;
        let steps = match steps_and_flags & LONG {
            LONG => self.long[&episode],
            steps => steps as usize,
        };
        Some(EpisodeSummary {
            episode,
            steps,
            episode_return: part.returns[i],
            average_return: part.average_returns[i],
            terminated: is(TERMINATED),
            truncated: is(TRUNCATED),
            environment_steps: part.environment_steps[i] as usize,
            updates: part.updates[i] as usize,
            metrics: is(HAS_METRICS).then(|| part.metrics[i * self.metrics..][..self.metrics].to_vec()),
        })
    }

    /// Returns the newest episode.
    pub fn last(&self) -> Option<EpisodeSummary> {
        self.len().checked_sub(1).and_then(|last| self.get(last))
    }

    /// Returns the episodes, the oldest first.
    pub fn iter(&self) -> Episodes<'_> {
        Episodes { history: self, left: 0..self.len() }
    }

    /// Returns the returns of the newest episodes, up to this number, the oldest first.
    pub(super) fn newest_returns(&self, count: usize) -> impl Iterator<Item = f64> {
        let len = self.len();
        let episode_return = |i: usize| self.parts[i / EPISODES_IN_PART].returns[i % EPISODES_IN_PART];
        (len.saturating_sub(count)..len).map(episode_return)
    }

    /// Adds an episode; its index is the number of those before it.
    ///
    /// # Panics
    ///
    /// Panics if it has another number of metrics than the agent has names.
    pub(super) fn push(&mut self, summary: &EpisodeSummary) {
        let episode = self.len();
        if self.parts.last().is_none_or(|last| last.len() == EPISODES_IN_PART) {
            self.parts.push(Part::default());
        }
        let steps = u32::try_from(summary.steps).ok().filter(|&steps| steps < LONG).unwrap_or(LONG);
        if steps == LONG {
            self.long.insert(episode, summary.steps);
        }
        let flags = [
            (summary.terminated, TERMINATED),
            (summary.truncated, TRUNCATED),
            (summary.metrics.is_some(), HAS_METRICS),
        ];
        let part = self.parts.last_mut().expect("one was added if there was none");
        part.digest = None;
        part.returns.push(summary.episode_return);
        part.average_returns.push(summary.average_return);
        part.environment_steps.push(summary.environment_steps as u64);
        part.updates.push(summary.updates as u64);
        part.steps_and_flags.push(flags.into_iter().filter(|(is, _)| *is).fold(steps, |steps, (_, flag)| steps | flag));
        let metrics = summary.metrics.as_deref();
        assert_eq!(
            metrics.map_or(self.metrics, <[f64]>::len),
            self.metrics,
            "`Metrics::values` must return one value for each of `Metrics::NAMES`"
        );
        if let Some(metrics) = metrics {
            part.metrics.resize((part.len() - 1) * self.metrics, 0.0);
            part.metrics.extend(metrics);
        } else if !part.metrics.is_empty() {
            part.metrics.resize(part.len() * self.metrics, 0.0);
        }
        if part.len() == EPISODES_IN_PART {
            part.metrics.shrink_to_fit();
        }
    }

    /// Requires every count to fit a run of that many steps and updates.
    pub(super) fn check_counts(&self, environment_steps: usize, updates: usize) -> Result<(), StateError> {
        let check = |name: &str, found: usize, largest: usize| {
            let invalid = || StateError::invalid(name, format!("at most {largest}"), found);
            (found <= largest).then_some(()).ok_or_else(invalid)
        };
        self.iter().try_for_each(|episode| {
            check("steps", episode.steps, environment_steps)?;
            check("environment_steps", episode.environment_steps, environment_steps)?;
            check("updates", episode.updates, updates)
        })
    }

    fn part_state(&self, part: usize) -> State {
        let first = part * EPISODES_IN_PART;
        let Part { returns, average_returns, environment_steps, updates, steps_and_flags, metrics, .. } =
            &self.parts[part];
        let (n, mut state) = (returns.len(), State::new());
        let steps = steps_and_flags.iter().zip(first..).map(|(steps, episode)| match steps & LONG {
            LONG => self.long[&episode] as u64,
            steps => steps.into(),
        });
        state.put_array("steps", &[n], steps.collect());
        state.put_array("flags", &[n], steps_and_flags.iter().map(|flags| u64::from(flags >> STEPS_BITS)).collect());
        state.put_array("environment_steps", &[n], environment_steps.clone());
        state.put_array("updates", &[n], updates.clone());
        state.put_array("return", &[n], returns.clone());
        state.put_array("average_return", &[n], average_returns.clone());
        let rows = if steps_and_flags.iter().any(|flags| flags & HAS_METRICS != 0) { n } else { 0 };
        state.put_array("metrics", &[rows, self.metrics], metrics.clone());
        state
    }

    fn append_state(&mut self, mut state: State, episodes: usize) -> Result<(), StateError> {
        let mut counts = |name, largest: u64| {
            let counts: Vec<u64> = state.take_array(name, &[episodes])?;
            match counts.iter().find(|&&count| count > largest) {
                Some(count) => Err(StateError::invalid(name, format!("at most {largest}"), count)),
                None => Ok(counts),
            }
        };
        let (steps, flags) = (counts("steps", usize::MAX as u64)?, counts("flags", 7)?);
        let environment_steps = counts("environment_steps", usize::MAX as u64)?;
        let updates = counts("updates", usize::MAX as u64)?;
        let returns = state.take_array("return", &[episodes])?;
        let average_returns = state.take_array("average_return", &[episodes])?;
        // No row at all before the first update.
        let has_metrics = flags.iter().any(|flags| (*flags as u32) << STEPS_BITS & HAS_METRICS != 0);
        let metrics = state.take_array("metrics", &[if has_metrics { episodes } else { 0 }, self.metrics])?;
        state.finish()?;
        let first = self.len();
        let mut steps_and_flags = Vec::with_capacity(episodes);
        for (episode, (steps, flags)) in (first..).zip(steps.into_iter().zip(flags)) {
            let short = u32::try_from(steps).ok().filter(|&steps| steps < LONG);
            if short.is_none() {
                self.long.insert(episode, steps as usize);
            }
            steps_and_flags.push(short.unwrap_or(LONG) | (flags as u32) << STEPS_BITS);
        }
        let digest = None;
        self.parts.push(Part {
            returns,
            average_returns,
            environment_steps,
            updates,
            steps_and_flags,
            metrics,
            digest,
        });
        Ok(())
    }
}

impl HistoryParts for EpisodeHistory {
    fn episodes(&self) -> usize {
        self.len()
    }

    fn metrics(&self) -> usize {
        self.metrics
    }

    fn part_digest(&mut self, part: usize) -> Result<(Digest, Option<Vec<u8>>), FileError> {
        if let Some(digest) = self.parts[part].digest {
            return Ok((digest, None));
        }
        let file = self.part_file(part)?;
        let digest = Digest::of(&file);
        self.parts[part].digest = Some(digest);
        Ok((digest, Some(file)))
    }

    fn part_file(&self, part: usize) -> Result<Vec<u8>, FileError> {
        self.part_state(part).to_bytes()
    }

    fn append_part(&mut self, file: &[u8], digest: Digest, episodes: usize) -> Result<(), FileError> {
        self.append_state(State::from_bytes(file)?, episodes)?;
        self.parts.last_mut().expect("a part was appended").digest = Some(digest);
        Ok(())
    }
}

impl fmt::Debug for EpisodeHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl PartialEq for EpisodeHistory {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other)
    }
}

impl PartialEq<[EpisodeSummary]> for EpisodeHistory {
    fn eq(&self, other: &[EpisodeSummary]) -> bool {
        self.len() == other.len() && self.iter().zip(other).all(|(here, there)| here == *there)
    }
}

/// Numbers the episodes again, from 0; those with metrics must have the same number of them.
impl FromIterator<EpisodeSummary> for EpisodeHistory {
    fn from_iter<I: IntoIterator<Item = EpisodeSummary>>(episodes: I) -> Self {
        let episodes: Vec<_> = episodes.into_iter().collect();
        let metrics = episodes.iter().find_map(|episode| episode.metrics.as_ref()).map_or(0, Vec::len);
        let mut history = Self::with_metrics(metrics);
        episodes.iter().for_each(|episode| history.push(episode));
        history
    }
}

impl<'a> IntoIterator for &'a EpisodeHistory {
    type Item = EpisodeSummary;
    type IntoIter = Episodes<'a>;

    fn into_iter(self) -> Episodes<'a> {
        self.iter()
    }
}

/// The episodes of a history, the oldest first.
#[derive(Debug, Clone)]
pub struct Episodes<'a> {
    history: &'a EpisodeHistory,
    left: std::ops::Range<usize>,
}

impl Iterator for Episodes<'_> {
    type Item = EpisodeSummary;

    fn next(&mut self) -> Option<EpisodeSummary> {
        self.left.next().and_then(|episode| self.history.get(episode))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }

    fn nth(&mut self, n: usize) -> Option<EpisodeSummary> {
        self.left.nth(n).and_then(|episode| self.history.get(episode))
    }
}

impl DoubleEndedIterator for Episodes<'_> {
    fn next_back(&mut self) -> Option<EpisodeSummary> {
        self.left.next_back().and_then(|episode| self.history.get(episode))
    }
}

impl ExactSizeIterator for Episodes<'_> {}

#[cfg(test)]
mod tests;
