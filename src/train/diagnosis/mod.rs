//! Diagnosis of a run that does not learn.

use std::fmt;
use std::ops::ControlFlow;

use super::{EnvironmentStep, EpisodeSummary, EvaluationSummary, Observer, ObserverError, RunInfo, StepReport};
use crate::agent::Normalizes;
use series::{Extent, Series, mean};

mod finding;
mod series;

pub use finding::Finding;

/// Fewest steps for findings about observations, actions and rewards.
const LEAST_STEPS: usize = 500;
/// Fewest updates for findings about metrics.
const LEAST_UPDATES: usize = 500;
/// Fewest episodes for findings about their lengths.
const LEAST_EPISODES: usize = 20;
/// Distance from the centre from which an action counts as near a bound, in half-ranges. Exploration noise of 0.1 moves few actions of a
/// stuck actor below it.
const NEAR_BOUND: f64 = 0.8;
/// Magnitudes that networks with the usual initial weights and learning rates can learn from.
const ORDER_ONE: std::ops::RangeInclusive<f64> = 1e-2..=1e2;
/// How many times the bound of the rewards a value may reach: critics overshoot at first.
const MARGIN: f64 = 2.0;
/// Smallest difference between evaluations and training, as a share of the range of all returns.
const FAR: f64 = 0.75;

/// Looks for common reasons why a run does not learn, and describes each in one sentence with the setting to change.
///
/// It is an observer: it reads what the run reports and changes nothing. It uses the steps of this program. After a
/// resume it also uses earlier episodes and evaluations. It needs at least 500 steps. The guide
/// [When it does not learn](crate::_docs::trouble) lists the findings.
///
/// | Looks for | Uses |
/// |---|---|
/// | actions at the bounds all the time | the second half of the actions that the agent chose |
/// | an entropy target out of reach | the metrics `temperature`, `entropy` and `temperature_loss` |
/// | critics whose values diverge | the metrics `actor_loss` and `critic_loss`, beside \|r\|max / (1 − γ) |
/// | observations or rewards far from order one | their magnitudes, unless the agent [normalises](crate::agent::Agent::normalizes) them |
/// | constant results | rewards or observations that never differ, episodes that end at once |
/// | evaluation far from training | the last two evaluations, and the training episodes before each |
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let env = Pendulum::v1();
/// let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// let mut diagnosis = Diagnosis::new();
/// Trainer::new(env, agent, &TrainerConfig::new(1), Seed(0))?.run(&mut [&mut diagnosis])?;
/// print!("{diagnosis}"); // a line for each finding, nothing for a healthy run
/// assert_eq!(diagnosis.findings(), []);
/// # Ok::<(), actor_critic::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Diagnosis {
    metric_names: &'static [&'static str],
    discount: f64,
    normalizes: Normalizes,
    axes: Vec<Axis>,
    observations: Vec<Extent>,
    rewards: Extent,
    metrics: Vec<Series>,
    /// Entropy minus its target, as the loss of the temperature has it.
    entropy_gap: Series,
    episodes: Vec<Episode>,
    evaluations: Vec<(usize, f64)>,
}

/// An axis of the actions.
#[derive(Debug, Clone)]
struct Axis {
    bounds: [f32; 2],
    center: f32,
    half_range: f32,
    /// 1 for each action near the lower and the upper bound, 0 for others.
    near: [Series; 2],
}

#[derive(Debug, Clone, Copy)]
struct Episode {
    environment_steps: usize,
    steps: usize,
    episode_return: f64,
    terminated: bool,
}

/// A line for each finding; empty for a healthy run.
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings().iter().try_for_each(|finding| writeln!(f, "- {finding}"))
    }
}

impl Diagnosis {
    /// Makes a diagnosis without data.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the findings so far; empty for a healthy run.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.one_outcome());
        findings.extend(self.observations_off_scale());
        findings.extend(self.rewards_off_scale());
        findings.extend(self.actions_stuck());
        findings.extend(self.entropy_out_of_reach());
        findings.extend(self.values_run_away());
        findings.extend(self.evaluation_apart());
        findings
    }

    fn one_outcome(&self) -> Option<Finding> {
        let longest = self.episodes.iter().map(|episode| episode.steps).max().unwrap_or(0);
        let episodes = self.episodes.len();
        if episodes >= LEAST_EPISODES && longest <= 2 && self.episodes.iter().all(|episode| episode.terminated) {
            return Some(Finding::EpisodesEndAtOnce { episodes, steps: longest });
        }
        let steps = self.rewards.count;
        if steps < LEAST_STEPS {
            return None;
        }
        // With the same reward in every step, an episode that ends earlier still returns less, unless the reward is nothing.
        let ends_tell = self.episodes.iter().any(|episode| episode.terminated) && self.rewards.max != 0.0;
        if self.rewards.is_constant() && !ends_tell {
            return Some(Finding::RewardsEqual { reward: self.rewards.max, steps });
        }
        self.observations.iter().all(Extent::is_constant).then_some(Finding::ObservationsEqual { steps })
    }

    fn observations_off_scale(&self) -> Option<Finding> {
        if self.normalizes.observations || self.rewards.count < LEAST_STEPS {
            return None;
        }
        // An axis that never moves says nothing, and a constant of any size is taken up by the biases. 0 does nothing at all.
        let axes = self.observations.iter().enumerate().filter(|(_, axis)| !axis.is_constant());
        let off = axes.filter_map(|(axis, extent)| Some((axis, off_scale(extent)?)));
        let distance = |magnitude: f64| magnitude.ln().abs();
        let furthest = off.max_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))?;
        Some(Finding::ObservationsOffScale { axis: furthest.0, magnitude: furthest.1 })
    }

    fn rewards_off_scale(&self) -> Option<Finding> {
        if self.normalizes.rewards || self.rewards.count < LEAST_STEPS {
            return None;
        }
        Some(Finding::RewardsOffScale { magnitude: off_scale(&self.rewards)? })
    }

    fn actions_stuck(&self) -> Option<Finding> {
        let seen = self.axes.iter().filter(|axis| axis.near[0].len() >= LEAST_STEPS);
        let shares: Vec<_> = seen.map(|axis| axis.near.each_ref().map(|near| near.mean_between(0.5, 1.0))).collect();
        for (axis, shares) in shares.iter().enumerate() {
            for (bound, share) in self.axes[axis].bounds.into_iter().zip(*shares) {
                if share >= 0.95 {
                    return Some(Finding::ActionsStuck { axis, bound, share });
                }
            }
        }
        let least = shares.iter().map(|[low, high]| low + high).reduce(f64::min)?;
        // A policy that switches between the bounds may be the best there is.
        (least >= 0.99 && !self.return_rises()).then_some(Finding::ActionsSaturated { share: least })
    }

    /// Returns whether the last quarter of the episodes returns more than the first, by a tenth of the range of all.
    fn return_rises(&self) -> bool {
        let returns: Vec<f64> = self.episodes.iter().map(|episode| episode.episode_return).collect();
        if returns.len() < 4 {
            return true; // Too early to tell.
        }
        let quarter = returns.len().div_ceil(4);
        let range = range(returns.iter().copied());
        mean(&returns[returns.len() - quarter..]) - mean(&returns[..quarter]) > 0.1 * range
    }

    fn entropy_out_of_reach(&self) -> Option<Finding> {
        let (temperatures, entropies) = (self.metric("temperature")?, self.metric("entropy")?);
        let eighths = [0.5, 0.625, 0.75, 0.875].map(|from| temperatures.mean_between(from, from + 0.125));
        let first = *temperatures.between(0.0, 1.0).first()?;
        let temperature = temperatures.mean_between(0.75, 1.0);
        let grows = eighths.is_sorted_by(|a, b| a < b)
            && temperature >= 2.0 * first
            && temperature >= 2.0 * temperatures.mean_between(0.25, 0.5);
        let gap = (self.entropy_gap.len() >= LEAST_UPDATES / 2).then(|| self.entropy_gap.between(0.5, 1.0));
        let below = gap.is_none_or(|gap| gap.iter().filter(|gap| **gap < 0.0).count() * 20 >= gap.len() * 19);
        let entropy = entropies.mean_between(0.75, 1.0);
        let target = gap.map(|_| entropy - self.entropy_gap.mean_between(0.75, 1.0));
        (grows && below).then_some(Finding::EntropyOutOfReach { temperature, entropy, target })
    }

    fn values_run_away(&self) -> Option<Finding> {
        let last = |name| self.metric(name).map(|series| series.mean_between(0.75, 1.0));
        let entropy = last("temperature").zip(last("entropy")).map_or(0.0, |(alpha, entropy)| (alpha * entropy).abs());
        let bound = (self.rewards.greatest_magnitude() + entropy) / (1.0 - self.discount);
        let values = last("actor_loss").map(f64::abs);
        let errors = last("critic_loss").map(f64::sqrt);
        let value = [values, errors].into_iter().flatten().reduce(f64::max)?;
        let is_beyond = self.rewards.count >= LEAST_STEPS && bound.is_finite() && bound > 0.0 && value > MARGIN * bound;
        is_beyond.then_some(Finding::ValuesRunAway { value, bound })
    }

    /// Returns a metric by name, once there are enough updates.
    fn metric(&self, name: &str) -> Option<&Series> {
        let index = self.metric_names.iter().position(|found| *found == name)?;
        self.metrics.get(index).filter(|series| series.len() >= LEAST_UPDATES)
    }

    fn evaluation_apart(&self) -> Option<Finding> {
        let [.., _, _] = self.evaluations[..] else { return None };
        let last = self.evaluations.len() - 1;
        let all = self.episodes.iter().map(|episode| episode.episode_return);
        let range = range(all.chain(self.evaluations[last - 1..].iter().map(|evaluation| evaluation.1)));
        let mut found = None;
        for index in [last - 1, last] {
            let (training, least, greatest) = self.training_before(index)?;
            let evaluation = self.evaluations[index].1;
            let is_below = evaluation < least && training - evaluation > FAR * range;
            let is_above = evaluation > greatest && evaluation - training > FAR * range;
            let finding = match (is_below, is_above) {
                (true, _) => Finding::EvaluationBelowTraining { evaluation, training },
                (_, true) => Finding::EvaluationAboveTraining { evaluation, training },
                _ => return None,
            };
            // Both have to say the same: one may have come while the policy was learning fast.
            let is_same = |before: &Finding| std::mem::discriminant(before) == std::mem::discriminant(&finding);
            if found.as_ref().is_some_and(|before| !is_same(before)) {
                return None;
            }
            found = Some(finding);
        }
        found
    }

    /// Returns mean, least and greatest return of the training episodes since the previous evaluation, or of the last five.
    fn training_before(&self, index: usize) -> Option<(f64, f64, f64)> {
        let until = self.evaluations[index].0;
        let from = index.checked_sub(1).map_or(0, |before| self.evaluations[before].0);
        let before = self.episodes.partition_point(|episode| episode.environment_steps <= until);
        let since = self.episodes.partition_point(|episode| episode.environment_steps <= from);
        let episodes = &self.episodes[since.min(before.saturating_sub(5))..before];
        let returns: Vec<f64> = episodes.iter().map(|episode| episode.episode_return).collect();
        let ends = |of: fn(f64, f64) -> f64| returns.iter().copied().reduce(of);
        (returns.len() >= 3).then_some((mean(&returns), ends(f64::min)?, ends(f64::max)?))
    }

    fn add_step(&mut self, step: &EnvironmentStep, is_warmup: bool) {
        self.rewards.push(step.reward);
        self.observations.iter_mut().zip(&step.observation).for_each(|(extent, &x)| extent.push(x));
        if is_warmup {
            return;
        }
        for (axis, &action) in self.axes.iter_mut().zip(&step.action) {
            let position = f64::from(action - axis.center) / f64::from(axis.half_range);
            let [low, high] = &mut axis.near;
            low.push(f64::from(u8::from(position <= -NEAR_BOUND)));
            high.push(f64::from(u8::from(position >= NEAR_BOUND)));
        }
    }

    fn add_metrics(&mut self, metrics: &[f64]) {
        self.metrics.resize_with(metrics.len(), Series::default);
        self.metrics.iter_mut().zip(metrics).for_each(|(series, &value)| series.push(value));
        let named = |name| self.metric_names.iter().position(|found| *found == name).and_then(|i| metrics.get(i));
        if let (Some(loss), Some(temperature)) = (named("temperature_loss"), named("temperature")) {
            // The loss is log α (H − H̄): `objective::temperature_loss`. Near α = 1 it says nothing of H.
            let log_temperature = temperature.ln();
            if log_temperature.abs() > 0.05 {
                self.entropy_gap.push(loss / log_temperature);
            }
        }
    }

    fn add_episode(&mut self, episode: &EpisodeSummary) {
        let &EpisodeSummary { environment_steps, steps, episode_return, terminated, .. } = episode;
        self.episodes.push(Episode { environment_steps, steps, episode_return, terminated });
    }
}

/// Returns a magnitude that is far from one: the root mean square if it is large, the greatest magnitude if even that is small; else `None`.
fn off_scale(extent: &Extent) -> Option<f64> {
    let (typical, greatest) = (extent.root_mean_square(), extent.greatest_magnitude());
    if typical > *ORDER_ONE.end() {
        return Some(typical);
    }
    (greatest > 0.0 && greatest < *ORDER_ONE.start()).then_some(greatest)
}

fn range(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().fold(f64::NEG_INFINITY, f64::max) - values.fold(f64::INFINITY, f64::min)
}

impl Observer for Diagnosis {
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        let (spaces, action) = (run.agent.spaces, run.agent.spaces.action());
        self.metric_names = run.metric_names;
        (self.discount, self.normalizes) = (run.agent.discount, run.agent.normalizes);
        self.observations.resize(spaces.observation().dim(), Extent::default());
        if self.axes.len() != action.dim() {
            let ends = action.low().iter().zip(action.high());
            let middles = action.center().into_iter().zip(action.half_range());
            let axis = |((&low, &high), (center, half_range))| Axis {
                bounds: [low, high],
                center,
                half_range,
                near: [(); 2].map(|()| Series::default()),
            };
            self.axes = ends.zip(middles).map(axis).collect();
        }
        self.episodes.clear();
        run.history.iter().for_each(|episode| self.add_episode(&episode));
        let point = |evaluation: &EvaluationSummary| (evaluation.environment_steps, evaluation.mean_return());
        self.evaluations = run.evaluations.iter().map(point).collect();
        Ok(())
    }

    fn on_step(&mut self, step: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        step.environments.iter().for_each(|taken| self.add_step(taken, step.is_warmup));
        if let Some(metrics) = &step.metrics {
            self.add_metrics(metrics);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.add_episode(episode);
        Ok(ControlFlow::Continue(()))
    }

    fn on_evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.evaluations.push((evaluation.environment_steps, evaluation.mean_return()));
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests;
