//! The code that all agents share, as a macro.

/// Implements the methods and traits of an agent, for a struct with `core`, `config` and the fields in brackets. The
/// state saves these fields in this order.
///
/// The algorithm adds four methods: `learn` (an update, from a batch in the units of the networks), `reset_own`,
/// `act_exploring` and `forget_episode`.
macro_rules! agent {
    ($agent:ident, $config:ident, $metrics:ident, $actor:ident, $name:literal, [$($field:ident),*]) => {
        impl<A, C: Critic> std::fmt::Debug for $agent<A, C> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($agent)).field("config", &self.config).finish_non_exhaustive()
            }
        }

        impl<A: $actor, C: Critic> $agent<A, C> {
            /// Returns the policy for deployment: the actor without autodiff, with its normalisation of observations.
            ///
            /// # Errors
            ///
            /// None for the actor of an agent, since it fits the spaces.
            pub fn policy(&self) -> Result<$crate::policy::Policy, $crate::policy::PolicyError>
            where
                A: Clone + Into<$crate::policy::PolicyNetwork>,
            {
                $crate::policy::Policy::deployed(self.actor().clone(), &self.core.boundary)
            }

            /// Returns the statistics that normalise observations; `None` if the setting is off.
            pub fn normalization(&self) -> Option<&$crate::policy::Normalization> {
                self.core.boundary.normalization.as_ref()
            }

            /// Returns the actor, without autodiff.
            ///
            /// It takes normalised observations and returns actions in `[−1, 1]`. The first call after an update copies
            /// the weights. To train further with other settings, use [`with_config`](Self::with_config), which also
            /// keeps optimizers and statistics.
            pub fn actor(&self) -> &A {
                self.core.actor.module()
            }

            /// Returns the critics, without autodiff. See [`actor`](Self::actor).
            pub fn critics(&self) -> &$crate::nn::Ensemble<C> {
                self.core.critics.module()
            }

            /// Returns the target critics, Q′, without autodiff. See [`actor`](Self::actor).
            pub fn target_critics(&self) -> &$crate::nn::Ensemble<C> {
                self.core.target_critics.module()
            }

            /// Resets the actor, the critics and the targets to new initial weights now, as `reset_at` does after given
            /// updates.
            ///
            /// The weights come from the stream [`Resets`](crate::rng::Stream::Resets) of the seed.
            ///
            /// # Errors
            ///
            /// On an error nothing is changed.
            ///
            /// - [`ConfigError::NotReinitializable`] if a network of your own does not implement `reinitialized`
            /// - [`ConfigError::OutputShape`] if a network of your own returns another shape after the reset
            pub fn reset_networks(&mut self) -> Result<(), ConfigError> {
                self.core.reset_networks()?;
                self.reset_own();
                Ok(())
            }

            /// Returns the settings.
            pub fn config(&self) -> &$config {
                &self.config
            }
        }

        impl<A: $actor, C: Critic> $crate::policy::Act for $agent<A, C> {
            fn spaces(&self) -> &$crate::env::Spaces {
                &self.core.boundary.spaces
            }

            fn act(&self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, $crate::agent::ActError> {
                let spaces = &self.core.boundary.spaces;
                $crate::policy::row_by_row(spaces, observations, |rows, actions| self.core.act_into(rows, None, actions))
            }

            fn act_into(&self, observation: &[f32], action: &mut [f32]) -> Result<(), $crate::agent::ActError> {
                self.core.act_into(observation, None, action)
            }
        }

        impl<A: $actor, C: Critic> $crate::agent::Agent for $agent<A, C> {
            type Metrics = $metrics;

            fn device(&self) -> &Device {
                self.core.boundary.device()
            }

            fn explore(&mut self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, $crate::agent::ActError> {
                let spaces = self.core.boundary.spaces.clone();
                $crate::policy::row_by_row(&spaces, observations, |rows, actions| self.act_exploring(rows, actions))
            }

            fn explore_into(&mut self, observations: &[f32], actions: &mut [f32]) -> Result<(), $crate::agent::ActError> {
                self.act_exploring(observations, actions)
            }

            fn observe(&mut self, observation: &[f32]) -> Result<(), $crate::agent::ActError> {
                self.core.boundary.observe(observation)
            }

            fn observe_step(
                &mut self,
                environment: usize,
                step: &$crate::env::Step,
            ) -> Result<(), $crate::agent::ActError> {
                self.core.boundary.observe_step(environment, step)
            }

            fn normalizes(&self) -> $crate::agent::Normalizes {
                let (observations, rewards) = (self.config.normalize_observations, self.config.scale_rewards);
                $crate::agent::Normalizes { observations, rewards }
            }

            fn discount(&self) -> f64 {
                self.config.discount
            }

            fn update(&mut self, batch: &Batch) -> Result<Update<$metrics>, AgentError> {
                self.core.boundary.check_batch(batch)?;
                let batch = self.core.boundary.inside(batch);
                let update = self.learn(&batch)?;
                if self.core.resets_networks() {
                    self.reset_networks().map_err(AgentError::Reset)?;
                }
                Ok(update)
            }

            fn end_episode(&mut self, environment: usize) {
                self.core.boundary.end_episode(environment);
                self.forget_episode(environment);
            }
        }

        impl<A: $actor, C: Critic> $crate::state::SaveState for $agent<A, C> {
            fn save_state(&self) -> Result<$crate::state::State, $crate::state::StateError> {
                use $crate::agent::saved::Saved;
                let mut state = self.core.save_state($name, &self.config)?;
                $(self.$field.put(stringify!($field), &mut state)?;)*
                Ok(state)
            }

            fn load_state(&mut self, mut state: $crate::state::State) -> Result<(), $crate::state::StateError> {
                use $crate::agent::saved::Saved;
                let core = self.core.restored($name, (&self.config, &$config::new()), &mut state)?;
                $(let $field = self.$field.restored(stringify!($field), &mut state)?;)*
                state.finish()?;
                *self = Self { core, $($field,)* config: self.config.clone() };
                Ok(())
            }
        }
    };
}

pub(super) use agent;
