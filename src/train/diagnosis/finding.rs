//! Findings of a diagnosis: likely reasons why a run does not learn.

use std::fmt;

/// A likely reason why a run does not learn, with the setting to change.
///
/// Its text is one sentence without a full stop.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// One action axis stays near one of its bounds.
    ActionsStuck {
        /// The axis.
        axis: usize,
        /// The bound, in environment units.
        bound: f32,
        /// Share of the agent's actions within a tenth of the range from the bound, `[0, 1]`.
        share: f64,
    },
    /// Every action axis is near one bound or the other, and the return does not rise.
    ActionsSaturated {
        /// Least share of an axis, `[0, 1]`.
        share: f64,
    },
    /// The temperature grows, and the entropy stays below its target.
    EntropyOutOfReach {
        /// Mean temperature of the last quarter, in reward per nat.
        temperature: f64,
        /// Mean entropy of the last quarter, in nats.
        entropy: f64,
        /// The target that follows from the loss of the temperature, in nats, if the agent reports that.
        target: Option<f64>,
    },
    /// The critics' values are larger than any return can be.
    ValuesRunAway {
        /// Mean magnitude of the values, or of the error of the critics, over the last quarter.
        value: f64,
        /// Largest discounted return that the rewards allow, |r|max / (1 − γ), with the entropy's part if there is one.
        bound: f64,
    },
    /// An axis of the observations has a magnitude far from one, and the agent does not normalise it.
    ObservationsOffScale {
        /// The axis that is furthest off.
        axis: usize,
        /// Its root mean square, or its greatest magnitude if it is small.
        magnitude: f64,
    },
    /// Rewards have a magnitude far from one, and the agent does not normalise them.
    RewardsOffScale {
        /// Their root mean square, or the greatest magnitude if they are small.
        magnitude: f64,
    },
    /// All rewards are the same, and no episode that ends earlier or later makes a difference.
    RewardsEqual {
        /// The reward.
        reward: f64,
        /// How many there were.
        steps: usize,
    },
    /// All observations are the same.
    ObservationsEqual {
        /// How many there were.
        steps: usize,
    },
    /// Every episode is terminated in its first or second step.
    EpisodesEndAtOnce {
        /// How many there were.
        episodes: usize,
        /// Steps of the longest.
        steps: usize,
    },
    /// Evaluations give much less than training.
    EvaluationBelowTraining {
        /// Mean return of the last evaluation.
        evaluation: f64,
        /// Mean return of the training episodes before it.
        training: f64,
    },
    /// Evaluations give much more than training.
    EvaluationAboveTraining {
        /// Mean return of the last evaluation.
        evaluation: f64,
        /// Mean return of the training episodes before it.
        training: f64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ActionsStuck { axis, bound, share } => write!(
                f,
                "action axis {axis} is near its bound {bound} in {:.0} % of the steps, whatever is observed: \
                 set `normalize_observations`, or lower `actor_learning_rate`",
                100.0 * share
            ),
            Self::ActionsSaturated { share } => write!(
                f,
                "actions are near a bound on every axis in {:.0} % of the steps, and the return does not rise: \
                 set `normalize_observations`, or lower `actor_learning_rate`",
                100.0 * share
            ),
            Self::EntropyOutOfReach { temperature, entropy, target } => {
                let target = target.map_or_else(String::new, |target| format!(" of {} nats", number(target)));
                write!(
                    f,
                    "the temperature grows to {} and the entropy stays at {} nats, below its target{target}: \
                     lower `target_entropy`, or use `TemperatureConfig::Fixed`",
                    number(temperature),
                    number(entropy)
                )
            }
            Self::ValuesRunAway { value, bound } => write!(
                f,
                "the critics' values are about {}, and the rewards allow at most {} (|r|max / (1 - discount)): \
                 lower `critic_learning_rate` or `tau`, or set `max_gradient_norm`",
                number(value),
                number(bound)
            ),
            Self::ObservationsOffScale { axis, magnitude } => write!(
                f,
                "observation axis {axis} has a magnitude of {}, far from 1: \
                 set `normalize_observations`, or give it in other units",
                number(magnitude)
            ),
            Self::RewardsOffScale { magnitude } => write!(
                f,
                "rewards have a magnitude of {}, far from 1: set `scale_rewards`, or wrap the environment in `ScaleReward`",
                number(magnitude)
            ),
            Self::RewardsEqual { reward, steps } => write!(
                f,
                "all {steps} rewards are {}, so no action is better than another: \
                 check the reward of the environment, or raise `warmup_steps` to explore longer",
                number(reward)
            ),
            Self::ObservationsEqual { steps } => write!(
                f,
                "all {steps} observations are the same, so they carry no information: \
                 check what `step` of the environment returns as `observation`"
            ),
            Self::EpisodesEndAtOnce { episodes, steps } => write!(
                f,
                "all {episodes} episodes are terminated after at most {steps} steps: \
                 check `terminated` of the environment's `Step`, or the start state of `reset`"
            ),
            Self::EvaluationBelowTraining { evaluation, training } => write!(
                f,
                "evaluations return {}, far below the {} of training: \
                 check that `EvaluateEvery` uses the environment of the training, with the same wrappers",
                number(evaluation),
                number(training)
            ),
            Self::EvaluationAboveTraining { evaluation, training } => write!(
                f,
                "evaluations return {}, far above the {} of training: lower the exploration `noise`, \
                 or check that `EvaluateEvery` uses the environment of the training",
                number(evaluation),
                number(training)
            ),
        }
    }
}

/// Writes about three digits, whatever the magnitude.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e6).contains(&magnitude) {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.*}", if magnitude < 10.0 { 3 } else { 1 });
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_about_three_digits() {
        let numbers = [0.0, 0.25, -137.54, 1_000.0, 3e-7, -2.5e9];
        assert_eq!(numbers.map(number), ["0", "0.25", "-137.5", "1000", "3.00e-7", "-2.50e9"]);
    }

    #[test]
    fn a_sentence_has_what_was_found_and_the_setting_to_change() {
        let text = Finding::EntropyOutOfReach { temperature: 312.04, entropy: -2.5, target: Some(-1.0) }.to_string();
        assert_eq!(
            text,
            "the temperature grows to 312 and the entropy stays at -2.5 nats, below its target of -1 nats: \
             lower `target_entropy`, or use `TemperatureConfig::Fixed`"
        );
    }
}
