//! Settings that all algorithms share.

use super::adam::AdamConfig;
use super::learner::StepRule;
use crate::config::{ConfigError, adam_epsilon, at_least, at_most, decay, in_unit_interval, non_negative, positive};
use crate::nn::ValueHead;

/// Declares the settings of an algorithm: the shared ones, with the defaults of the learning rates and of
/// `policy_delay`, and its own.
///
/// The algorithm must have a `target_update_interval`, a number, or an `Option` whose default is `policy_delay`. It
/// also has two methods: `validate_own`, and `build`, which creates the agent from the bundled networks.
macro_rules! agent_config {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident for $agent:ty {
            learning_rate: $rate:tt,
            policy_delay: $delay:tt,
            $($(#[$field_attribute:meta])* pub $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(burn::config::Config, Debug, PartialEq)]
        pub struct $name {
            /// Discount γ, the weight of the future, in `[0, 1]`.
            #[config(default = 0.99)]
            pub discount: f64,
            /// Weight τ of the network when a target moves towards it, in `[0, 1]`: `θ′ ← τ θ + (1 − τ) θ′`.
            #[config(default = 0.005)]
            pub tau: f64,
            /// Learning rate of the actor, `(0, ∞)`.
            #[config(default = $rate)]
            pub actor_learning_rate: f64,
            /// Learning rate of the critics, `(0, ∞)`.
            #[config(default = $rate)]
            pub critic_learning_rate: f64,
            /// Adam's β₁ and β₂, the decay rates of its running averages of the gradient and of its square, in
            /// `[0, 1)`. Default: 0.9 and 0.999.
            #[config(default = "[0.9, 0.999]")]
            pub adam_betas: [f64; 2],
            /// Adam's ε, `[1e-30, ∞)`. PyTorch's default; burn's is 1e-5.
            #[config(default = 1e-8)]
            pub adam_epsilon: f64,
            /// Decoupled weight decay λ of actor and critics, as in PyTorch's `AdamW`, `[0, ∞)`: each step multiplies a
            /// weight by 1 − λ times the learning rate. Default: 0.
            #[config(default = 0.0)]
            pub weight_decay: f64,
            /// Largest norm of the gradient: one limit for the actor, and one for all critics together, `(0, ∞)`. Off
            /// by default.
            pub max_gradient_norm: Option<f64>,
            /// Updates of the critics for each update of the actor, at least 1. Default: 1; TD3's is 2. REDQ uses as
            /// many as there are updates in a step.
            #[config(default = $delay)]
            pub policy_delay: usize,
            /// Numbers of updates after which the agent resets its networks[^1]. Empty by default; at most 1,000
            /// numbers, each at least 1.
            ///
            /// A reset gives actor, critics and targets new initial weights, clears the state of the optimizers, and
            /// returns a learned temperature to its first value. The replay and the statistics of normalisation stay.
            /// With many updates in each step, regular resets keep networks able to learn[^2]:
            /// `(1..10).map(|k| k * 200_000).collect()`. Networks of your own must implement
            /// [`reinitialized`](crate::nn::Critic::reinitialized).
            ///
            /// [^1]: E. Nikishin et al. (2022). *The Primacy Bias in Deep Reinforcement Learning*. arXiv:2205.07802.
            ///
            /// [^2]: P. D'Oro et al. (2023). *Sample-Efficient Reinforcement Learning by Breaking the Replay Ratio
            /// Barrier*. ICLR.
            #[config(default = "vec![]")]
            pub reset_at: Vec<usize>,
            /// Whether the agent normalises observations by their mean and standard deviation over the run. On by
            /// default. See [Units](crate::_docs::units).
            #[config(default = true)]
            pub normalize_observations: bool,
            /// Whether the agent scales rewards, so that the discounted return has a standard deviation of 10 over the
            /// run. Off by default.
            ///
            /// Try it first if rewards are far from 1. Metrics stay in the units of the environment.
            #[config(default = false)]
            pub scale_rewards: bool,
            /// What critics return, and their loss. Default: one number, the expected return.
            #[config(default = "crate::nn::ValueHead::Scalar")]
            pub value_head: $crate::nn::ValueHead,
            /// Settings of the networks that [`init`](Self::init) creates. Agents made by `new` from your own networks
            /// ignore it.
            #[config(default = "crate::agent::NetworksConfig::new()")]
            pub networks: $crate::agent::NetworksConfig,
            $($(#[$field_attribute])* pub $field: $type,)*
        }

        impl $name {
            /// Checks every range. Called by every constructor that takes this config.
            ///
            /// # Errors
            ///
            /// [`ConfigError`] names the field.
            pub fn validate(&self) -> Result<(), ConfigError> {
                self.shared().validate()?;
                self.validate_own()
            }

            /// Creates an agent with the bundled networks, in the sizes of [`networks`](Self::networks).
            ///
            /// # Errors
            ///
            /// As [`validate`](Self::validate).
            pub fn init(
                &self,
                spaces: &$crate::env::Spaces,
                device: &Device,
                seed: Seed,
            ) -> Result<$agent, ConfigError> {
                let (config, value_dim) = (&self.networks, self.value_head.value_dim());
                self.build(&DefaultNetworks { config, value_dim, spaces, device, seed })
            }

            /// Returns the settings that all algorithms share.
            fn shared(&self) -> $crate::agent::settings::Shared {
                $crate::agent::settings::Shared {
                    discount: self.discount,
                    tau: self.tau,
                    actor_learning_rate: self.actor_learning_rate,
                    critic_learning_rate: self.critic_learning_rate,
                    adam: $crate::agent::adam::AdamConfig {
                        betas: self.adam_betas,
                        epsilon: self.adam_epsilon,
                        weight_decay: self.weight_decay,
                    },
                    max_gradient_norm: self.max_gradient_norm,
                    policy_delay: self.policy_delay,
                    reset_at: self.reset_at.clone(),
                    target_update_interval: Option::<usize>::from(self.target_update_interval).unwrap_or(self.policy_delay),
                    normalize_observations: self.normalize_observations,
                    scale_rewards: self.scale_rewards,
                    value_head: self.value_head,
                }
            }
        }

        impl $crate::agent::AgentConfig for $name {
            type Agent = $agent;

            fn init(
                &self,
                spaces: &$crate::env::Spaces,
                device: &Device,
                seed: Seed,
            ) -> Result<Self::Agent, ConfigError> {
                self.init(spaces, device, seed)
            }

            fn networks_mut(&mut self) -> &mut $crate::agent::NetworksConfig {
                &mut self.networks
            }

            fn set_learning_rate_factor(agent: &mut Self::Agent, factor: f64) -> Result<(), ConfigError> {
                agent.set_learning_rate_factor(factor)
            }
        }
    };
}

/// Declares the metrics of an update, one `f64` field each, under the names of the fields.
macro_rules! agent_metrics {
    ($(#[$attribute:meta])* pub struct $name:ident { $($(#[$field_attribute:meta])* $field:ident,)* }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $name {
            $($(#[$field_attribute])* pub $field: f64,)*
        }

        impl $crate::agent::Metrics for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];

            fn values(&self) -> impl Iterator<Item = f64> {
                [$(self.$field),*].into_iter()
            }
        }
    };
}

pub(super) use {agent_config, agent_metrics};

/// Most resets: a checkpoint contains the settings, which must be short.
const MAX_RESETS: usize = 1000;

/// The settings that all algorithms share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) discount: f64,
    pub(crate) tau: f64,
    pub(crate) actor_learning_rate: f64,
    pub(crate) critic_learning_rate: f64,
    pub(crate) adam: AdamConfig,
    pub(crate) max_gradient_norm: Option<f64>,
    pub(crate) policy_delay: usize,
    pub(crate) reset_at: Vec<usize>,
    pub(crate) target_update_interval: usize,
    pub(crate) normalize_observations: bool,
    pub(crate) scale_rewards: bool,
    pub(crate) value_head: ValueHead,
}

impl Shared {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        in_unit_interval("discount", self.discount)?;
        in_unit_interval("tau", self.tau)?;
        positive("actor_learning_rate", self.actor_learning_rate)?;
        positive("critic_learning_rate", self.critic_learning_rate)?;
        self.adam.betas.into_iter().try_for_each(|beta| decay("adam_betas", beta))?;
        adam_epsilon(self.adam.epsilon)?;
        non_negative("weight_decay", self.adam.weight_decay)?;
        at_least("policy_delay", 1, self.policy_delay)?;
        at_least("target_update_interval", 1, self.target_update_interval)?;
        self.reset_at.iter().try_for_each(|&update| at_least("reset_at", 1, update))?;
        at_most("length of reset_at", self.reset_at.len(), "the limit", MAX_RESETS)?;
        self.value_head.validate()?;
        self.max_gradient_norm.map_or(Ok(()), |norm| positive("max_gradient_norm", norm))
    }

    /// Checks that `self` agrees with the settings that the networks were trained with, where they depend on them.
    pub(crate) fn require_same_units(&self, old: &Self) -> Result<(), ConfigError> {
        let fields = [
            ("normalize_observations", self.normalize_observations == old.normalize_observations),
            ("scale_rewards", self.scale_rewards == old.scale_rewards),
            ("value_head", self.value_head.value_dim() == old.value_head.value_dim()),
            // The statistics of the discounted return depend on it.
            ("discount", self.discount == old.discount || !self.scale_rewards),
        ];
        match fields.into_iter().find(|(_, same)| !same) {
            Some((field, _)) => Err(ConfigError::Learned { field }),
            None => Ok(()),
        }
    }

    /// Returns the settings of the optimizers.
    pub(crate) fn step_rule(&self) -> StepRule {
        StepRule { adam: self.adam, max_gradient_norm: self.max_gradient_norm }
    }
}
