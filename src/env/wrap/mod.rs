//! Wrappers: environments that change one thing about another.

use crate::state::{SaveState, State, StateError};

/// Gives a wrapper with a field `env` its accessors `inner` and `into_inner`, and passes on the drawing of that environment.
macro_rules! wrapper {
    ($wrapper:ident<E $(, $other:ident)*>) => {
        impl<E $(, $other)*> $wrapper<E $(, $other)*> {
            /// Returns the wrapped environment.
            pub fn inner(&self) -> &E {
                &self.env
            }

            /// Unwraps the environment.
            pub fn into_inner(self) -> E {
                self.env
            }
        }

        impl<E: $crate::env::Render $(, $other)*> $crate::env::Render for $wrapper<E $(, $other)*> {
            fn render(&self) -> Option<String> {
                self.env.render()
            }
        }
    };
}

/// Implements the named methods of `Environment` by calls of the same methods of the field `env`.
macro_rules! forward {
    (observation_space) => {
        fn observation_space(&self) -> &$crate::space::BoxSpace {
            self.env.observation_space()
        }
    };
    (action_space) => {
        fn action_space(&self) -> &$crate::space::BoxSpace {
            self.env.action_space()
        }
    };
    (reset) => {
        fn reset(&mut self, seed: u64) -> Result<Vec<f32>, $crate::env::EnvironmentError> {
            self.env.reset(seed)
        }
    };
    (step) => {
        fn step(&mut self, action: &[f32]) -> Result<$crate::env::Step, $crate::env::EnvironmentError> {
            self.env.step(action)
        }
    };
    (begin_step) => {
        fn begin_step(&mut self, action: &[f32]) {
            self.env.begin_step(action);
        }
    };
    ($first:ident, $($rest:ident),+) => {
        forward!($first);
        forward!($($rest),+);
    };
}

mod episode_statistics;
mod frame_stack;
mod recorder;
mod repeat_action;
mod replayed;
mod rescale_action;
mod rescale_observation;
mod scale_reward;
mod starts;
mod time_limit;

pub use episode_statistics::{EpisodeStatistics, EpisodeTotals};
pub use frame_stack::FrameStack;
pub use recorder::{RecordedEpisode, Recorder};
pub use repeat_action::RepeatAction;
pub use replayed::Replayed;
pub use rescale_action::RescaleAction;
pub use rescale_observation::RescaleObservation;
pub use scale_reward::ScaleReward;
pub use starts::Starts;
pub use time_limit::TimeLimit;

/// Adds the state of the wrapped environment to a wrapper's own.
fn save_with_env(mut own: State, env: &impl SaveState) -> Result<State, StateError> {
    own.put_state("env", env.save_state()?);
    Ok(own)
}

/// Loads the wrapped environment from `rest`: the part of a saved state that the wrapper itself has not taken.
fn load_env(mut rest: State, env: &mut impl SaveState) -> Result<(), StateError> {
    let state = rest.take_state("env");
    rest.finish()?;
    env.load_state(state).map_err(|error| error.within("env"))
}
