//! What the cases are drawn from.

use actor_critic::agent::{ExplorationNoise, LearnedTemperatureConfig};
use actor_critic::nn::lab::{ClippedNoiseConfig, TwoStreamCriticConfig};
use actor_critic::nn::{QNetworkConfig, QuantilesConfig, Reduction, ValueHead};
use actor_critic::noise::{GaussianNoiseConfig, OrnsteinUhlenbeckConfig, PinkNoiseConfig};
use actor_critic::prelude::*;
use actor_critic::rand::{RngExt, rngs::ChaCha8Rng};

/// Where the numbers of a case come from.
pub(super) struct Draw {
    pub(super) rng: ChaCha8Rng,
    /// Share of wild numbers.
    pub(super) wild: f64,
}

const WILD: [f64; 16] = [
    -1.0,
    -1e-3,
    0.0,
    -0.0,
    1.5,
    1e3,
    1e-8,
    1e-38,
    1e38,
    -1e38,
    f64::MAX,
    f64::MIN_POSITIVE,
    5e-324,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

const WILD_BOUNDS: [f32; 14] = [
    0.0,
    -0.0,
    1.0,
    1.000_000_1,
    -1e-3,
    1e-45,
    f32::MIN_POSITIVE,
    1e38,
    -1e38,
    f32::MAX,
    f32::MIN,
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
];

impl Draw {
    pub(super) fn of_case(number: u64) -> Self {
        let mut rng = Seed(number).stream(Stream::WarmUp);
        // A case has some twenty numbers: with a fifth of them wild almost none is accepted.
        let wild = [0.0, 0.03, 0.15][rng.random_range(0..3)];
        Self { rng, wild }
    }

    pub(super) fn is_wild(&mut self) -> bool {
        self.rng.random_bool(self.wild)
    }

    pub(super) fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.rng.random_range(0..choices.len())].clone()
    }

    pub(super) fn number(&mut self, sensible: &[f64]) -> f64 {
        if self.is_wild() { self.one_of(&WILD) } else { self.one_of(sensible) }
    }

    pub(super) fn count(&mut self, sensible: &[usize], wild: &[usize]) -> usize {
        if self.is_wild() { self.one_of(wild) } else { self.one_of(sensible) }
    }

    pub(super) fn share(&mut self) -> f64 {
        self.number(&[0.0, 0.005, 0.5, 0.99, 1.0])
    }

    pub(super) fn learning_rate(&mut self) -> f64 {
        self.number(&[1e-4, 1e-3, 0.1])
    }

    pub(super) fn max_gradient_norm(&mut self) -> Option<f64> {
        self.rng.random_bool(0.5).then(|| self.number(&[0.5, 10.0]))
    }

    pub(super) fn adam_epsilon(&mut self) -> f64 {
        self.number(&[1e-8, 1e-5])
    }

    pub(super) fn bounds(&mut self, dim: usize) -> (Vec<f32>, Vec<f32>) {
        (0..dim)
            .map(|_| {
                let (low, high) = self.one_of(&[(-1.0, 1.0), (-2.0, 2.0), (-0.5, 1.5), (0.0, 10.0), (-1e-3, 1e-3)]);
                if self.is_wild() { (self.one_of(&WILD_BOUNDS), self.one_of(&WILD_BOUNDS)) } else { (low, high) }
            })
            .unzip()
    }

    /// Small ones, since a network is allocated before anything is learned about it; the other end has a test of its own.
    pub(super) fn widths(&mut self) -> Vec<usize> {
        let layers = self.count(&[1, 2], &[0, 3]);
        (0..layers).map(|_| self.count(&[1, 4, 8], &[0])).collect()
    }

    pub(super) fn noise(&mut self) -> NoiseConfig {
        match self.rng.random_range(0..4) {
            0 => NoiseConfig::Off,
            1 => NoiseConfig::Gaussian(GaussianNoiseConfig::new().with_std(self.number(&[0.0, 0.1, 1.0]))),
            2 => NoiseConfig::Pink(PinkNoiseConfig::new().with_std(self.number(&[0.0, 0.3]))),
            _ => NoiseConfig::OrnsteinUhlenbeck(
                OrnsteinUhlenbeckConfig::new()
                    .with_volatility(self.number(&[0.0, 0.2]))
                    .with_reversion(self.number(&[0.0, 0.15]))
                    .with_dt(self.number(&[0.01, 1.0]))
                    .with_reset_each_episode(self.rng.random()),
            ),
        }
    }

    pub(super) fn temperature(&mut self) -> TemperatureConfig {
        if self.rng.random() {
            return TemperatureConfig::Fixed(self.number(&[0.0, 0.1, 1.0]));
        }
        TemperatureConfig::Learned(
            LearnedTemperatureConfig::new()
                .with_initial(self.number(&[0.1, 1.0]))
                .with_minimum(self.number(&[0.0, 0.1]))
                .with_learning_rate(self.learning_rate())
                .with_target_entropy(self.rng.random_bool(0.5).then(|| self.number(&[-1.0, 0.5]))),
        )
    }

    fn exploration_noise(&mut self) -> ExplorationNoise {
        self.one_of(&[ExplorationNoise::White, ExplorationNoise::Pink, ExplorationNoise::Adaptive])
    }

    /// Sometimes quantiles, of which the networks have fewer or more as often as not.
    pub(super) fn value_head(&mut self) -> ValueHead {
        if self.rng.random_bool(0.7) {
            return ValueHead::Scalar;
        }
        let (count, dropped) = (self.count(&[1, 3], &[0]), self.count(&[0, 1], &[3, usize::MAX]));
        ValueHead::Quantiles(QuantilesConfig::new().with_count(count).with_dropped(dropped))
    }

    pub(super) fn reduction(&mut self) -> Reduction {
        let subset = self.count(&[1, 2], &[0, usize::MAX]);
        self.one_of(&[Reduction::First, Reduction::Minimum, Reduction::Mean, Reduction::SmallestOf(subset)])
    }

    /// Mostly none; none of the networks of a case is without initial weights.
    pub(super) fn reset_at(&mut self) -> Vec<usize> {
        let update = self.count(&[1, 2], &[0, usize::MAX]);
        self.one_of(&[vec![], vec![], vec![update], vec![1, update, 3]])
    }

    pub(super) fn agent(&mut self) -> AgentConfig {
        match self.rng.random_range(0..3) {
            0 => AgentConfig::Ddpg(
                DdpgConfig::new()
                    .with_discount(self.share())
                    .with_tau(self.share())
                    .with_actor_learning_rate(self.learning_rate())
                    .with_critic_learning_rate(self.learning_rate())
                    .with_noise(self.noise())
                    .with_policy_delay(self.count(&[1, 2], &[0, usize::MAX]))
                    .with_target_update_interval(self.count(&[1, 2], &[0, usize::MAX]))
                    .with_reset_at(self.reset_at())
                    .with_adam_epsilon(self.adam_epsilon())
                    .with_max_gradient_norm(self.max_gradient_norm()),
            ),
            1 => AgentConfig::Td3(
                Td3Config::new()
                    .with_discount(self.share())
                    .with_tau(self.share())
                    .with_actor_learning_rate(self.learning_rate())
                    .with_critic_learning_rate(self.learning_rate())
                    .with_noise(self.noise())
                    .with_smoothing_std(self.number(&[0.0, 0.2]))
                    .with_smoothing_clip(self.number(&[0.0, 0.5]))
                    .with_policy_delay(self.count(&[1, 2], &[0, usize::MAX]))
                    .with_value_head(self.value_head())
                    .with_reset_at(self.reset_at())
                    .with_adam_epsilon(self.adam_epsilon())
                    .with_max_gradient_norm(self.max_gradient_norm()),
            ),
            _ => AgentConfig::Sac(
                SacConfig::new()
                    .with_discount(self.share())
                    .with_tau(self.share())
                    .with_actor_learning_rate(self.learning_rate())
                    .with_critic_learning_rate(self.learning_rate())
                    .with_temperature(self.temperature())
                    .with_value_head(self.value_head())
                    .with_target_reduction(self.reduction())
                    .with_actor_reduction(self.reduction())
                    .with_exploration_noise(self.exploration_noise())
                    .with_target_update_interval(self.count(&[1, 2], &[0, usize::MAX]))
                    .with_reset_at(self.reset_at())
                    .with_adam_epsilon(self.adam_epsilon())
                    .with_max_gradient_norm(self.max_gradient_norm()),
                self.rng
                    .random_bool(0.3)
                    .then(|| ClippedNoiseConfig::new().with_std(self.number(&[0.0, 0.05])).with_clip(self.share())),
            ),
        }
    }

    /// Sizes that the replay has to refuse are drawn; a batch that would be taken is of a few transitions.
    pub(super) fn trainer(&mut self) -> TrainerConfig {
        const HUGE: [usize; 3] = [0, usize::MAX / 8, usize::MAX];
        TrainerConfig::new(self.count(&[1, 100], &HUGE))
            .with_batch_size(self.count(&[1, 4], &HUGE))
            .with_learning_starts(self.count(&[4, 8], &HUGE))
            .with_replay_capacity(self.count(&[8, 1_000], &HUGE))
            .with_warmup_steps(self.count(&[0, 6], &HUGE))
            .with_updates_per_step(self.number(&[0.25, 1.0, 2.0]))
            .with_n_step(self.count(&[1, 3], &HUGE))
            .with_average_window(self.count(&[1, 100], &HUGE))
    }
}

#[derive(Debug)]
pub(super) enum AgentConfig {
    Ddpg(DdpgConfig),
    Td3(Td3Config),
    /// With the noise of a policy without a density, or with the Gaussian policy.
    Sac(SacConfig, Option<ClippedNoiseConfig>),
}

impl AgentConfig {
    /// Values that a critic has to have.
    pub(super) fn value_dim(&self) -> usize {
        match self {
            Self::Ddpg(config) => config.value_head.value_dim(),
            Self::Td3(config) => config.value_head.value_dim(),
            Self::Sac(config, _) => config.value_head.value_dim(),
        }
    }
}

#[derive(Debug)]
pub(super) enum CriticConfig {
    Joined(QNetworkConfig),
    TwoStream(TwoStreamCriticConfig),
}
