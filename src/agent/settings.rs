//! The settings that all algorithms share, written once.

use crate::config::{ConfigError, adam_epsilon, in_unit_interval, positive};

/// Declares the settings of an algorithm: those that all share, with the learning rate that both networks have by default, and its own.
macro_rules! agent_config {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident {
            learning_rate: $rate:tt,
            $($(#[$field_attribute:meta])* pub $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(burn::config::Config, Debug, PartialEq)]
        pub struct $name {
            /// Weight of the future γ, in `[0, 1]`.
            #[config(default = 0.99)]
            pub discount: f64,
            /// Share τ of the source that is copied into each target at a time, in `[0, 1]`.
            #[config(default = 0.005)]
            pub tau: f64,
            /// Adam's step for the actor, `(0, ∞)`.
            #[config(default = $rate)]
            pub actor_learning_rate: f64,
            /// Adam's step for the critics, `(0, ∞)`.
            #[config(default = $rate)]
            pub critic_learning_rate: f64,
            /// Adam's ε, `[1e-30, ∞)`. PyTorch's default; burn's is 1e-5.
            #[config(default = 1e-8)]
            pub adam_epsilon: f64,
            /// Largest norm of the gradient of the actor, and of all critics together, `(0, ∞)`. Off by default.
            pub max_gradient_norm: Option<f64>,
            /// Whether networks see observations in units of their own spread, which is measured along the run. On by default.
            #[config(default = true)]
            pub normalize_observations: bool,
            /// Whether critics learn rewards scaled to a discounted return with a spread of 10, which is measured along the run. Off by default. The first thing
            /// to try if rewards are far from 1: metrics stay in the units of the environment, whatever the setting.
            #[config(default = false)]
            pub scale_rewards: bool,
            $($(#[$field_attribute])* pub $field: $type,)*
        }

        impl $name {
            /// Returns the settings that all algorithms share.
            fn shared(&self) -> $crate::agent::settings::Shared {
                $crate::agent::settings::Shared {
                    discount: self.discount,
                    tau: self.tau,
                    actor_learning_rate: self.actor_learning_rate,
                    critic_learning_rate: self.critic_learning_rate,
                    adam_epsilon: self.adam_epsilon,
                    max_gradient_norm: self.max_gradient_norm,
                    normalize_observations: self.normalize_observations,
                    scale_rewards: self.scale_rewards,
                }
            }
        }
    };
}

pub(super) use agent_config;

/// The settings that all algorithms share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    pub(crate) discount: f64,
    pub(crate) tau: f64,
    pub(crate) actor_learning_rate: f64,
    pub(crate) critic_learning_rate: f64,
    pub(crate) adam_epsilon: f64,
    pub(crate) max_gradient_norm: Option<f64>,
    pub(crate) normalize_observations: bool,
    pub(crate) scale_rewards: bool,
}

impl Shared {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        in_unit_interval("discount", self.discount)?;
        in_unit_interval("tau", self.tau)?;
        positive("actor_learning_rate", self.actor_learning_rate)?;
        positive("critic_learning_rate", self.critic_learning_rate)?;
        adam_epsilon(self.adam_epsilon)?;
        self.max_gradient_norm.map_or(Ok(()), |norm| positive("max_gradient_norm", norm))
    }

    /// Requires that `self` sees the same as `old`, whose networks have learned with it.
    pub(crate) fn require_same_units(&self, old: &Self) -> Result<(), ConfigError> {
        let fields = [
            ("normalize_observations", self.normalize_observations == old.normalize_observations),
            ("scale_rewards", self.scale_rewards == old.scale_rewards),
            // The statistics of the discounted return belong to it.
            ("discount", self.discount == old.discount || !self.scale_rewards),
        ];
        match fields.into_iter().find(|(_, same)| !same) {
            Some((field, _)) => Err(ConfigError::Learned { field }),
            None => Ok(()),
        }
    }
}
