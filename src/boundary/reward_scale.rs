//! Scaling of rewards by the standard deviation of the discounted return.

use crate::state::{State, StateError};

/// Most environments whose returns a state can hold.
const MAX_ENVIRONMENTS: usize = 1 << 20;

/// The standard deviation of the scaled return. Of 1, 10 and 100, TD3 learns the pendulum best with 10, and the default initial temperature of SAC, 1, suits it.
const SPREAD: f64 = 10.0;

/// The largest scaled return: a rare return may be that much larger than the standard deviation.
const LARGEST_RETURN: f64 = 100.0;

/// The factor of the rewards. It gives the discounted return of the run a standard deviation of 10[^1], or less, so that its largest
/// magnitude is at most 100[^2].
///
/// The return of an environment is `G ← r + γ G`, from 0 at each start of an episode. No constant is added to the standard deviation, so rewards in other units
/// are scaled to the same numbers.
///
/// [^1]: A. Raffin et al. (2021). *Stable-Baselines3*, `VecNormalize`.
/// [^2]: H. Lee et al. (2025). *Hyperspherical Normalization for Scalable Deep Reinforcement Learning*. arXiv:2502.15280, section 4.4.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RewardScale {
    discount: f64,
    /// The return so far of each environment.
    returns: Vec<f64>,
    count: f64,
    mean: f64,
    variance: f64,
    largest: f64,
}

impl RewardScale {
    pub(super) fn new(discount: f64) -> Self {
        Self { discount, returns: Vec::new(), count: 0.0, mean: 0.0, variance: 0.0, largest: 0.0 }
    }

    /// Counts a reward of one of the environments.
    pub(super) fn observe(&mut self, environment: usize, reward: f32) {
        if self.returns.len() <= environment {
            self.returns.resize(environment + 1, 0.0);
        }
        let value = f64::from(reward) + self.discount * self.returns[environment];
        self.returns[environment] = value;
        self.largest = self.largest.max(value.abs());
        self.count += 1.0;
        let deviation = value - self.mean;
        let step = deviation / self.count;
        self.mean += step;
        self.variance += (deviation * (deviation - step) - self.variance) / self.count;
    }

    pub(super) fn end_episode(&mut self, environment: usize) {
        if let Some(value) = self.returns.get_mut(environment) {
            *value = 0.0;
        }
    }

    /// Returns the factor; 1 until there is a reward other than 0.
    pub(super) fn factor(&self) -> f64 {
        let scale = (self.variance.sqrt() / SPREAD).max(self.largest / LARGEST_RETURN);
        if scale > 0.0 { 1.0 / scale } else { 1.0 }
    }

    pub(super) fn save_state(&self) -> State {
        let mut state = State::new();
        state.put_array("returns", &[self.returns.len()], self.returns.clone());
        for (name, value) in
            [("count", self.count), ("mean", self.mean), ("variance", self.variance), ("largest", self.largest)]
        {
            state.put(name, value);
        }
        state
    }

    pub(super) fn restored(&self, mut state: State) -> Result<Self, StateError> {
        let returns: Vec<f64> = state.take_row("returns")?;
        if returns.len() > MAX_ENVIRONMENTS {
            return Err(StateError::invalid("returns", format!("at most {MAX_ENVIRONMENTS} long"), returns.len()));
        }
        let mean = state.take("mean")?;
        let mut positive = |name| match state.take::<f64>(name)? {
            value if value >= 0.0 => Ok(value),
            value => Err(StateError::invalid(name, "at least 0", value)),
        };
        let (count, variance, largest) = (positive("count")?, positive("variance")?, positive("largest")?);
        state.finish()?;
        Ok(Self { discount: self.discount, returns, count, mean, variance, largest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(factor: f32) -> RewardScale {
        let mut scale = RewardScale::new(0.5);
        for (environment, reward) in [(0, 1.0), (1, -2.0), (0, 3.0), (1, 0.5)] {
            scale.observe(environment, reward * factor);
        }
        scale.end_episode(1);
        scale.observe(1, 4.0 * factor);
        scale
    }

    #[test]
    fn the_discounted_returns_get_a_spread_of_ten() {
        // Returns 1, -2, 3.5, -0.5 and, after the end of an episode, 4: mean 1.2, squares 1 + 4 + 12.25 + 0.25 + 16.
        let variance: f64 = 33.5 / 5.0 - 1.2 * 1.2;
        assert!((scale(1.0).factor() - 10.0 / variance.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn rewards_times_a_power_of_two_give_the_same_bits_and_no_reward_gives_one() {
        for factor in [0.25, 1024.0] {
            assert_eq!(scale(factor).factor() * f64::from(factor), scale(1.0).factor());
        }
        let mut silent = RewardScale::new(0.9);
        assert_eq!(silent.factor(), 1.0);
        silent.observe(0, 0.0);
        assert_eq!(silent.factor(), 1.0);
    }

    #[test]
    fn a_rare_return_is_at_most_a_hundred() {
        let mut scale = RewardScale::new(0.9);
        (0..100_000).for_each(|_| scale.observe(0, 0.0));
        scale.observe(0, 1.0);
        assert_eq!(scale.factor(), 100.0);
    }

    #[test]
    fn a_state_gives_the_same_scale() {
        let saved = scale(1.0);
        assert_eq!(RewardScale::new(0.5).restored(saved.save_state()).unwrap(), saved);
    }
}
