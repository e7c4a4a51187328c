//! A deterministic policy with clipped Gaussian noise: the second policy of the lab for SAC.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use rand::rngs::ChaCha8Rng;

use crate::config::{ConfigError, non_negative};
use crate::fused::{Head, PolicyProgram};
use crate::nn::{ActionSample, Actor, StochasticActor};
use crate::objective::smoothed_actions;

/// Settings of [`ClippedNoise`].
#[derive(Config, Debug, PartialEq)]
pub struct ClippedNoiseConfig {
    /// Standard deviation, `[0, ∞)`, in units of half the width of each action axis. Default: the lab's 0.1 of 2.
    #[config(default = 0.05)]
    pub std: f64,
    /// Largest noise, `[0, ∞)`, in the same unit. Default: the lab's 0.25 of 2.
    #[config(default = 0.125)]
    pub clip: f64,
}

impl ClippedNoiseConfig {
    /// Checks every range.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Negative`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        non_negative("std", self.std)?;
        non_negative("clip", self.clip)
    }

    /// Creates a policy that adds noise to the actions of `actor`.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    pub fn init<A: Actor>(&self, actor: A) -> Result<ClippedNoise<A>, ConfigError> {
        self.validate()?;
        Ok(ClippedNoise { actor, std: self.std, clip: self.clip })
    }
}

/// A policy `a = clamp(μ(o) + clamp(std · noise, ±clip), ±1)`, with independent noise for every row.
///
/// It has no density, so no entropy. SAC with it maximises the return alone, and needs a fixed temperature, whose value
/// has no effect.
#[derive(Module, Debug)]
pub struct ClippedNoise<A: Actor> {
    /// The deterministic policy μ.
    pub actor: A,
    std: f64,
    clip: f64,
}

impl<A: Actor> ClippedNoise<A> {
    /// Returns the settings of the noise.
    pub fn config(&self) -> ClippedNoiseConfig {
        ClippedNoiseConfig { std: self.std, clip: self.clip }
    }
}

impl<A: Actor> Actor for ClippedNoise<A> {
    fn act(&self, observations: Tensor<2>) -> Tensor<2> {
        self.actor.act(observations)
    }

    fn reinitialized(&self, rng: &mut ChaCha8Rng) -> Option<Self> {
        Some(Self { actor: self.actor.reinitialized(rng)?, ..self.clone() })
    }

    fn program(&self) -> Option<PolicyProgram> {
        let PolicyProgram { program, head } = self.actor.program()?;
        let noisy = Head::ClippedNoise { std: self.std, clip: self.clip };
        matches!(head, Head::Tanh).then_some(PolicyProgram { program, head: noisy })
    }
}

impl<A: Actor> StochasticActor for ClippedNoise<A> {
    fn sample(&self, observations: Tensor<2>, noise: Tensor<2>) -> ActionSample {
        let actions = smoothed_actions(self.actor.act(observations), noise, self.std, self.clip);
        ActionSample { actions, log_probs: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{TensorData, Tolerance};

    /// Returns every observation as the action.
    #[derive(Module, Debug)]
    struct Echo {
        unused: f32,
    }

    impl Actor for Echo {
        fn act(&self, observations: Tensor<2>) -> Tensor<2> {
            observations
        }
    }

    #[test]
    fn noise_differs_by_row_is_clipped_and_stays_inside_the_bounds() {
        let device = crate::test_device();
        let policy = ClippedNoiseConfig::new().init(Echo { unused: 0.0 }).unwrap();
        let observations = Tensor::<2>::from_data([[0.0], [0.0], [0.95], [0.0]], &device);
        let noise = Tensor::<2>::from_data([[1.0], [-2.0], [2.0], [9.0]], &device);

        let sample = policy.sample(observations, noise);

        // One standard deviation is 0.05; 0.95 + 0.1 is clipped to the bound; noise of 0.45 is clipped to 0.125.
        let expected = TensorData::from([[0.05_f32], [-0.1], [1.0], [0.125]]);
        sample.actions.into_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
        assert!(sample.log_probs.is_none());
    }

    #[test]
    fn negative_noise_is_rejected() {
        let error = ClippedNoiseConfig::new().with_std(-0.1).validate().unwrap_err();
        assert_eq!(error.to_string(), "std must be at least 0 and finite, got -0.1");
        let error = ClippedNoiseConfig::new().with_clip(f64::NAN).validate().unwrap_err();
        assert_eq!(error.to_string(), "clip must be at least 0 and finite, got NaN");
    }
}
