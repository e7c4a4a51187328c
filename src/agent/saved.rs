//! How the fields of an agent are saved and restored.

use rand::rngs::ChaCha8Rng;

use crate::state::{State, StateError};

/// A field of an agent that can be saved.
pub(crate) trait Saved: Sized {
    /// Saves the field under a name.
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError>;

    /// Returns the field that was saved under a name. `self` is the present value, which it replaces.
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
