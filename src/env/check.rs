//! Tests of the contract of [`Environment`].

mod rule;
mod saved_state;
#[cfg(test)]
mod tests;

use super::{Environment, EnvironmentError, Step};
use crate::rng::{Seed, Stream};
use crate::space::{BoxSpace, abbreviated, first_difference, first_out_of_range, is_in_range, number};
pub use rule::{Moment, Rule};
pub use saved_state::check_saved_state;

/// Seeds of the episodes: the smallest, a usual one, the largest.
const SEEDS: [u64; 3] = [0, 1, u64::MAX];

/// Steps after which an episode is left, so that a task without an end passes.
const MAX_STEPS: usize = 1_000;

/// The first rule of the contract that an environment breaks.
#[derive(Debug, thiserror::Error)]
#[error("{rule}, got {found}, {moment}")]
#[non_exhaustive]
pub struct ContractViolation {
    /// The rule.
    pub rule: Rule,
    /// When it was broken.
    pub moment: Moment,
    /// The values that break it.
    pub found: String,
    /// The environment's own error, if that breaks the rule.
    #[source]
    pub source: Option<EnvironmentError>,
}

/// Tests the contract of [`Environment`], and returns the first rule that is broken.
///
/// Plays some tens of episodes of at most 1,000 steps each, with three seeds, and with actions drawn uniformly, at the
/// bounds, beyond them, and malformed. It cannot test whether `terminated` and `truncated` are set for the right
/// reason. [`Rule`] lists what it tests. The compiler tests that the environment is `Send`.
///
/// Pass a fresh environment: the first test is that a step before the first reset is an error.
///
/// # Errors
///
/// [`ContractViolation`], with the rule, the values and the step.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Pendulum, check_environment};
///
/// check_environment(&mut Pendulum::v1())?;
/// # Ok::<(), actor_critic::env::ContractViolation>(())
/// ```
///
/// An environment that is bound to its thread does not compile:
///
/// ```compile_fail,E0277
/// use actor_critic::env::{Environment, Pendulum, check_environment};
///
/// // `Box<dyn Environment + Send>` would do.
/// let mut env: Box<dyn Environment> = Box::new(Pendulum::v1());
/// check_environment(&mut env)?;
/// # Ok::<(), actor_critic::env::ContractViolation>(())
/// ```
pub fn check_environment<E: Environment + Send + ?Sized>(env: &mut E) -> Result<(), ContractViolation> {
    check_environment_with_seeds(env, SEEDS)
}

/// As [`check_environment`], with the seeds that you give, and some twenty episodes for each.
///
/// # Errors
///
/// As [`check_environment`].
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Pendulum, check_environment_with_seeds};
///
/// check_environment_with_seeds(&mut Pendulum::v1(), 100..110)?;
/// # Ok::<(), actor_critic::env::ContractViolation>(())
/// ```
pub fn check_environment_with_seeds<E: Environment + Send + ?Sized>(
    env: &mut E,
    seeds: impl IntoIterator<Item = u64>,
) -> Result<(), ContractViolation> {
    let mut checker = Checker::new(env)?;
    checker.refuses_a_step_before_reset()?;
    for seed in seeds {
        checker.repeats_an_episode(seed)?;
        checker.refuses_malformed_actions(seed)?;
        checker.survives_actions_outside_the_bounds(seed)?;
    }
    Ok(())
}

/// How the actions of an episode are chosen, inside the bounds.
#[derive(Debug, Clone, Copy)]
enum Play {
    Uniform,
    Lowest,
    Highest,
}

/// All results of one episode.
struct Episode {
    seed: u64,
    first: Vec<f32>,
    steps: Vec<Step>,
}

/// A malformed action, and the rule that it must be refused.
struct Malformed {
    rule: Rule,
    action: Vec<f32>,
}

struct Checker<'a, E: ?Sized> {
    env: &'a mut E,
    observation_space: BoxSpace,
    action_space: BoxSpace,
}

impl<'a, E: Environment + ?Sized> Checker<'a, E> {
    fn new(env: &'a mut E) -> Result<Self, ContractViolation> {
        let (observation_space, action_space) = (env.observation_space().clone(), env.action_space().clone());
        let finite = action_space.require_finite().map_err(|error| (Rule::ActionBoundsFinite, error));
        let usable = || action_space.require_actions().map_err(|error| (Rule::ActionSpaceUsable, error));
        finite.and_then(|()| usable()).map_err(|(rule, error)| {
            let found = format!("the error `{error}`");
            ContractViolation {
                source: Some(EnvironmentError::other(error)),
                ..violation(rule, Moment::BeforeReset, found)
            }
        })?;
        Ok(Self { env, observation_space, action_space })
    }

    fn refuses_a_step_before_reset(&mut self) -> Result<(), ContractViolation> {
        let action = self.action_space.center();
        self.refuses(&action, Rule::StepBeforeReset, Moment::BeforeReset)
    }

    /// Plays the episode of `seed` several times, after different earlier episodes.
    fn repeats_an_episode(&mut self, seed: u64) -> Result<(), ContractViolation> {
        let (second, third) = (seed.wrapping_add(1), seed.wrapping_add(2));
        // The same past twice, so that a difference is a matter of chance and not of the past.
        self.play(second, Play::Uniform)?;
        let reference = self.play(seed, Play::Uniform)?;
        self.play(second, Play::Uniform)?;
        self.play(seed, Play::Uniform)?.require_same(&reference, None)?;

        for corner in [Play::Lowest, Play::Highest] {
            self.play(third, corner)?;
            self.play(seed, Play::Uniform)?.require_same(&reference, Some(Rule::EpisodesIndependent))?;
        }

        self.play_for(reference.steps.len() / 2, seed, Play::Highest, None)?;
        self.play(seed, Play::Uniform)?.require_same(&reference, Some(Rule::ResetMidEpisode))
    }

    /// Offers each malformed action before every step of an episode, whose results must not change.
    fn refuses_malformed_actions(&mut self, seed: u64) -> Result<(), ContractViolation> {
        let reference = self.play(seed, Play::Uniform)?;
        for malformed in malformed_actions(&self.action_space) {
            let disturbed = self.play_for(MAX_STEPS, seed, Play::Uniform, Some(&malformed))?;
            let same = disturbed.require_same(&reference, Some(Rule::RefusedActionHasNoEffect));
            same.map_err(|violation| ContractViolation {
                found: format!("{} without the action {}", violation.found, abbreviated(&malformed.action)),
                ..violation
            })?;
        }
        Ok(())
    }

    /// Plays with actions outside the bounds; the environment may refuse them.
    fn survives_actions_outside_the_bounds(&mut self, seed: u64) -> Result<(), ContractViolation> {
        for (share, side) in [(1.0, 1.0), (1.0, -1.0), (1e3, 1.0), (1e3, -1.0)] {
            let center = self.action_space.center();
            let beyond = self.action_space.half_range().into_iter().zip(center);
            let action: Vec<f32> = beyond
                .map(|(half, center)| (center + side * half * (1.0 + 2.0 * share)).clamp(f32::MIN, f32::MAX))
                .collect();
            self.reset(seed)?;
            for step in 1..=MAX_STEPS {
                let moment = Moment::Step { seed, step };
                let Ok(result) = self.env.step(&action) else { break };
                self.check_spaces(moment)?;
                self.check_observation(&result.observation, [Rule::OutsideActionObservation; 3], moment)?;
                require(result.reward.is_finite(), Rule::OutsideActionReward, moment, || {
                    format!("{} for the action {}", number(result.reward), abbreviated(&action))
                })?;
                if result.is_last() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn play(&mut self, seed: u64, play: Play) -> Result<Episode, ContractViolation> {
        self.play_for(MAX_STEPS, seed, play, None)
    }

    /// Plays `max_steps` of an episode, offering `malformed` before each; at its end, attempts another step.
    fn play_for(
        &mut self,
        max_steps: usize,
        seed: u64,
        play: Play,
        malformed: Option<&Malformed>,
    ) -> Result<Episode, ContractViolation> {
        let mut rng = Seed(seed).stream(Stream::WarmUp);
        let mut episode = Episode { seed, first: self.reset(seed)?, steps: Vec::new() };
        for step in 1..=max_steps {
            let moment = Moment::Step { seed, step };
            if let Some(Malformed { rule, action }) = malformed {
                self.refuses(action, *rule, moment)?;
            }
            let (action, rule) = match play {
                Play::Uniform => (self.action_space.sample(&mut rng), Rule::StepSucceeds),
                Play::Lowest => (self.action_space.low().to_vec(), Rule::LowestActionSucceeds),
                Play::Highest => (self.action_space.high().to_vec(), Rule::HighestActionSucceeds),
            };
            let result = self.step(&action, rule, moment)?;
            let is_last = result.is_last();
            episode.steps.push(result);
            if is_last {
                let action = self.action_space.center();
                self.refuses(&action, Rule::StepAfterEnd, Moment::Step { seed, step: step + 1 })?;
                break;
            }
        }
        Ok(episode)
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, ContractViolation> {
        let moment = Moment::Reset { seed };
        let observation = self.env.reset(seed).map_err(|error| failed(Rule::ResetSucceeds, moment, error))?;
        self.check_spaces(moment)?;
        let rules = [Rule::FirstObservationLength, Rule::FirstObservationFinite, Rule::FirstObservationInSpace];
        self.check_observation(&observation, rules, moment)?;
        Ok(observation)
    }

    fn step(&mut self, action: &[f32], rule: Rule, moment: Moment) -> Result<Step, ContractViolation> {
        let step = self.env.step(action).map_err(|error| failed(rule, moment, error))?;
        self.check_spaces(moment)?;
        let rules = [Rule::ObservationLength, Rule::ObservationFinite, Rule::ObservationInSpace];
        self.check_observation(&step.observation, rules, moment)?;
        require(is_in_range(step.reward), Rule::RewardFinite, moment, || number(step.reward).to_string())?;
        Ok(step)
    }

    fn refuses(&mut self, action: &[f32], rule: Rule, moment: Moment) -> Result<(), ContractViolation> {
        let refused = self.env.step(action).is_err();
        require(refused, rule, moment, || format!("no error for the action {}", abbreviated(action)))?;
        self.check_spaces(moment)
    }

    fn check_spaces(&self, moment: Moment) -> Result<(), ContractViolation> {
        let pairs = [
            (Rule::ObservationSpaceFixed, self.env.observation_space(), &self.observation_space),
            (Rule::ActionSpaceFixed, self.env.action_space(), &self.action_space),
        ];
        let changed = |(rule, now, before): (_, &BoxSpace, _)| Some((rule, now.difference(before)?));
        match pairs.into_iter().find_map(changed) {
            Some((rule, difference)) => Err(violation(rule, moment, difference.to_string())),
            None => Ok(()),
        }
    }

    fn check_observation(
        &self,
        observation: &[f32],
        [length, finite, inside]: [Rule; 3],
        moment: Moment,
    ) -> Result<(), ContractViolation> {
        let (expected, found) = (self.observation_space.dim(), observation.len());
        require(found == expected, length, moment, || format!("{found} instead of {expected}"))?;
        if let Some((axis, value)) = first_out_of_range(observation) {
            return Err(violation(finite, moment, format!("{} on axis {axis}", number(value))));
        }
        match self.observation_space.first_outside(observation) {
            Some(axis) => {
                let (value, bounds) = (number(observation[axis]), self.observation_space.interval(axis));
                Err(violation(inside, moment, format!("{value} on axis {axis}, which has {bounds}")))
            }
            None => Ok(()),
        }
    }
}

impl Episode {
    /// Compares bit for bit with an earlier episode of the same seed and actions.
    ///
    /// A difference breaks `rule`, or without one, the rule about what differs.
    fn require_same(&self, earlier: &Self, rule: Option<Rule>) -> Result<(), ContractViolation> {
        if let Some(difference) = first_difference(&self.first, &earlier.first) {
            let found = format!("observation {difference}");
            let moment = Moment::Reset { seed: self.seed };
            return Err(violation(rule.unwrap_or(Rule::FirstObservationRepeats), moment, found));
        }
        for (i, (before, now)) in earlier.steps.iter().zip(&self.steps).enumerate() {
            if let Some((quantity, found)) = difference(before, now) {
                let moment = Moment::Step { seed: self.seed, step: i + 1 };
                return Err(violation(rule.unwrap_or(quantity), moment, found));
            }
        }
        Ok(())
    }
}

/// Finds the first difference between two steps, and the rule that it breaks.
fn difference(before: &Step, now: &Step) -> Option<(Rule, String)> {
    if let Some(difference) = first_difference(&now.observation, &before.observation) {
        return Some((Rule::ObservationRepeats, format!("observation {difference}")));
    }
    if now.reward.to_bits() != before.reward.to_bits() {
        let found = format!("reward {} instead of {}", number(now.reward), number(before.reward));
        return Some((Rule::RewardRepeats, found));
    }
    if before.terminated != now.terminated {
        let found = format!("terminated {} instead of {}", now.terminated, before.terminated);
        return Some((Rule::TerminatedRepeats, found));
    }
    (before.truncated != now.truncated)
        .then(|| (Rule::TruncatedRepeats, format!("truncated {} instead of {}", now.truncated, before.truncated)))
}

/// Lists actions of wrong lengths, then each unusable value on each axis.
fn malformed_actions(space: &BoxSpace) -> Vec<Malformed> {
    let center = space.center();
    let mut actions = vec![
        Malformed { rule: Rule::EmptyActionRefused, action: Vec::new() },
        Malformed { rule: Rule::LongActionRefused, action: [center.as_slice(), &[0.0]].concat() },
    ];
    if let [short @ .., _] = center.as_slice()
        && !short.is_empty()
    {
        actions.push(Malformed { rule: Rule::ShortActionRefused, action: short.to_vec() });
    }
    let values = [
        (Rule::NanActionRefused, f32::NAN),
        (Rule::InfiniteActionRefused, f32::INFINITY),
        (Rule::NegativeInfiniteActionRefused, f32::NEG_INFINITY),
    ];
    for (rule, value) in values {
        for axis in 0..space.dim() {
            let mut action = center.clone();
            action[axis] = value;
            actions.push(Malformed { rule, action });
        }
    }
    actions
}

fn require(holds: bool, rule: Rule, moment: Moment, found: impl FnOnce() -> String) -> Result<(), ContractViolation> {
    if holds { Ok(()) } else { Err(violation(rule, moment, found())) }
}

fn violation(rule: Rule, moment: Moment, found: String) -> ContractViolation {
    ContractViolation { rule, moment, found, source: None }
}

fn failed(rule: Rule, moment: Moment, error: EnvironmentError) -> ContractViolation {
    ContractViolation { rule, moment, found: format!("the error `{error}`"), source: Some(error) }
}
