//! Named variants: the recommended settings, TQC, REDQ and DroQ.

use super::{
    DdpgConfig, ExplorationNoise, LearnedTemperatureConfig, NetworksConfig, SacConfig, Td3Config, TemperatureConfig,
};
use crate::nn::{QuantilesConfig, Reduction, ValueHead};
use crate::noise::{NoiseConfig, PinkNoiseConfig};

impl SacConfig {
    /// The recommended setting, the same for every task: two critics with quantiles and layer normalisation, scaled
    /// rewards.
    ///
    /// Start with it. Choose only the length of the run, in
    /// [`TrainerConfig::recommended`](crate::train::TrainerConfig::recommended). It differs from [`tqc`](Self::tqc) in:
    ///
    /// - two critics, no quantile dropped, layers of 128, layer normalisation[^1]
    /// - learning rates of 1e-3, a τ of 0.01
    /// - [`scale_rewards`](Self::scale_rewards)
    /// - a [minimum](LearnedTemperatureConfig::minimum) of the temperature, and pink noise[^2] in episodes that start
    ///   there ([`ExplorationNoise::Adaptive`]), to find sparse rewards
    ///
    /// `docs/results.md` ([rendered](crate::_docs::results)) shows what it reaches on every bundled task.
    ///
    /// [^1]: T. Hiraoka et al. (2022). *Dropout Q-Functions for Doubly Efficient Reinforcement Learning*.
    /// arXiv:2110.02034.
    /// [^2]: O. Eberhard et al. (2023). *Pink Noise Is All You Need: Colored Noise Exploration in Deep Reinforcement
    /// Learning*. ICLR.
    ///
    /// # Examples
    ///
    /// ```
    /// use actor_critic::prelude::*;
    ///
    /// # let device = actor_critic::burn::tensor::Device::flex();
    /// let env = Pendulum::v1();
    /// let agent = SacConfig::recommended().init(&Spaces::of(&env)?, &device, Seed(0))?;
    /// let trainer = Trainer::new(env, agent, &TrainerConfig::recommended(10_000), Seed(0))?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn recommended() -> Self {
        let temperature = LearnedTemperatureConfig::new().with_learning_rate(1e-3).with_minimum(0.01);
        Self::tqc()
            .with_critic_count(2)
            .with_value_head(ValueHead::Quantiles(QuantilesConfig::new()))
            .with_networks(recommended_networks())
            .with_exploration_noise(ExplorationNoise::Adaptive)
            .with_scale_rewards(true)
            .with_tau(0.01)
            .with_actor_learning_rate(1e-3)
            .with_critic_learning_rate(1e-3)
            .with_temperature(TemperatureConfig::Learned(temperature))
    }

    /// Truncated quantile critics, TQC[^1]: five critics with 25 quantiles each. Targets drop the ten largest of all
    /// quantiles.
    ///
    /// The networks have two layers of 256; the paper's critics have three layers of 512.
    /// [`docs/algorithms/tqc.md`](crate::_docs::tqc) has the details.
    ///
    /// [^1]: A. Kuznetsov et al. (2020). *Controlling Overestimation Bias with Truncated Mixture of Continuous
    /// Distributional Quantile Critics*. arXiv:2005.04269.
    pub fn tqc() -> Self {
        let quantiles = QuantilesConfig::new().with_count(25).with_dropped(2);
        Self::new()
            .with_critic_count(5)
            .with_value_head(ValueHead::Quantiles(quantiles))
            .with_target_reduction(Reduction::Mean)
            .with_actor_reduction(Reduction::Mean)
    }

    /// Randomized ensembled double Q-learning, REDQ[^1]: ten critics. The targets use the smaller value of two of them,
    /// drawn again for every update.
    ///
    /// Use it with [`updates_per_step`](crate::train::TrainerConfig::updates_per_step) 20: the actor moves at every
    /// 20th update. [`docs/algorithms/redq.md`](crate::_docs::redq) has the details.
    ///
    /// [^1]: X. Chen et al. (2021). *Randomized Ensembled Double Q-Learning: Learning Fast Without a Model*.
    /// arXiv:2101.05982.
    pub fn redq() -> Self {
        Self::new()
            .with_critic_count(10)
            .with_target_reduction(Reduction::SmallestOf(2))
            .with_actor_reduction(Reduction::Mean)
            .with_policy_delay(20)
    }

    /// Dropout Q-functions, DroQ[^1]: two critics with dropout and layer normalisation in place of REDQ's ten critics.
    ///
    /// Use it with [`updates_per_step`](crate::train::TrainerConfig::updates_per_step) 20: the actor moves at every
    /// 20th update. [`docs/algorithms/droq.md`](crate::_docs::droq) has the details.
    ///
    /// [^1]: T. Hiraoka et al. (2022). *Dropout Q-Functions for Doubly Efficient Reinforcement Learning*.
    /// arXiv:2110.02034.
    pub fn droq() -> Self {
        let networks = NetworksConfig::new().with_critic_layer_norm(true).with_critic_dropout(0.01);
        Self::new().with_networks(networks).with_actor_reduction(Reduction::Mean).with_policy_delay(20)
    }
}

impl Td3Config {
    /// The recommended setting of TD3, the same for every task: the parts of [`SacConfig::recommended`] that apply to it, without quantiles.
    ///
    /// They are layers of 128, layer normalisation in the critics, [`scale_rewards`](Self::scale_rewards), a τ of 0.01, and
    /// [pink noise](crate::noise::PinkNoise) in every episode. Use it with [`TrainerConfig::recommended`](crate::train::TrainerConfig::recommended).
    /// `docs/results.md` ([rendered](crate::_docs::results)) has its runs so far.
    ///
    /// # Examples
    ///
    /// ```
    /// use actor_critic::prelude::*;
    ///
    /// # let device = actor_critic::burn::tensor::Device::flex();
    /// let env = Pendulum::v1();
    /// let agent = Td3Config::recommended().init(&Spaces::of(&env)?, &device, Seed(0))?;
    /// let trainer = Trainer::new(env, agent, &TrainerConfig::recommended(10_000), Seed(0))?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn recommended() -> Self {
        Self::new()
            .with_networks(recommended_networks())
            .with_noise(NoiseConfig::Pink(PinkNoiseConfig::new()))
            .with_scale_rewards(true)
            .with_tau(0.01)
    }
}

impl DdpgConfig {
    /// The recommended setting of DDPG, the same for every task, with the parts of [`Td3Config::recommended`].
    ///
    /// Use it with [`TrainerConfig::recommended`](crate::train::TrainerConfig::recommended).
    /// `docs/results.md` ([rendered](crate::_docs::results)) has its runs so far.
    pub fn recommended() -> Self {
        Self::new()
            .with_networks(recommended_networks())
            .with_noise(NoiseConfig::Pink(PinkNoiseConfig::new()))
            .with_scale_rewards(true)
            .with_tau(0.01)
    }
}

fn recommended_networks() -> NetworksConfig {
    NetworksConfig::new().with_hidden_dims(vec![128, 128]).with_critic_layer_norm(true)
}
