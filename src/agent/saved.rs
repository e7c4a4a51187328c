//! The fields of an agent's state.

use rand::rngs::ChaCha8Rng;

use crate::state::{State, StateError};

/// One field of an agent's state.
pub(crate) trait Saved: Sized {
    /// Puts it under a name.
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError>;

    /// Takes it from under a name; `self` is what it will replace.
    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError>;
}

impl Saved for ChaCha8Rng {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        state.put_rng(name, self);
        Ok(())
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        state.take_rng(name, self)
    }
}
