//! Adam for flat networks, and its state by the names of the parameters.

use burn::module::{Module, ParamId};
use burn::tensor::Tensor;

use super::flat::{Flat, FlatLearner};
use super::program::Slots;
use super::{AdamStep, OutOfRange, kernel};
use crate::space::is_in_range;
use crate::state::parameters::{self, Visit};
use crate::state::{State, StateError};

impl FlatLearner {
    /// Returns the square of the norm of the gradient.
    pub(crate) fn squared_norm(&self) -> f64 {
        let mut sum = 0.0;
        kernel::add_squares(&self.gradient, &mut sum);
        sum
    }

    pub(crate) fn scale_gradient(&mut self, factor: f64) {
        kernel::scale(&mut self.gradient, factor as f32);
    }

    /// Takes a step of Adam. Returns the first weight, or else the first gradient, that is not finite or larger than
    /// [`MAX_MAGNITUDE`](crate::space::MAX_MAGNITUDE). The other parameters have moved in any case.
    pub(crate) fn step(&mut self, step: AdamStep) -> Option<(OutOfRange, ParamId, f32)> {
        let Self { flat: Flat { parameters, programs, .. }, gradient, first_moments, second_moments, .. } = self;
        let mut in_range = true;
        kernel::adam(parameters, gradient, first_moments, second_moments, step, &mut in_range);
        if in_range {
            return None;
        }
        let first = |what, values: &[f32]| {
            let (id, place) = Slots::new(programs).find(|place| !is_in_range(values[place]))?;
            Some((what, id, values[place]))
        };
        first(OutOfRange::Weight, parameters).or_else(|| first(OutOfRange::Gradient, gradient))
    }

    /// Saves the moments under the names of their parameters.
    pub(crate) fn save_moments<M: Module>(&self, module: &M, state: &mut State) -> Result<(), StateError> {
        let mut save = Save { slots: Slots::new(&self.flat.programs), learner: self, state };
        parameters::visit(module, &mut save)
    }

    /// Loads the moments. A state without moments is from before the first step.
    pub(crate) fn load_moments<M: Module>(&mut self, module: &M, state: &mut State) -> Result<(), StateError> {
        let Self { flat, first_moments, second_moments, .. } = self;
        let slots = Slots::new(&flat.programs);
        parameters::visit(module, &mut Load { slots, moments: [first_moments, second_moments], state })
    }

    /// Returns the gradient of one parameter in the last step.
    #[cfg(test)]
    pub(crate) fn gradient_of(&self, id: ParamId) -> Vec<f32> {
        Slots::new(&self.flat.programs).places(id).map(|place| self.gradient[place]).collect()
    }
}

/// Returns the names of the moments of the parameter `name`.
pub(crate) fn moment_names(name: &str) -> [String; 2] {
    ["first_moments", "second_moments"].map(|moments| format!("{moments}.{name}"))
}

/// Checks that averages of squares are not negative, since Adam takes their root.
pub(crate) fn check_squares(name: &str, squares: &[f32]) -> Result<(), StateError> {
    match squares.iter().find(|&&square| square < 0.0) {
        Some(square) => Err(StateError::invalid(name, "at least 0", square)),
        None => Ok(()),
    }
}

struct Save<'a> {
    slots: Slots<'a>,
    learner: &'a FlatLearner,
    state: &'a mut State,
}

impl Visit for Save<'_> {
    fn parameter<const D: usize>(&mut self, name: &str, id: ParamId, value: Tensor<D>) -> Result<(), StateError> {
        let places: Vec<usize> = self.slots.places(id).collect();
        let moments = [&self.learner.first_moments, &self.learner.second_moments];
        for (name, moments) in moment_names(name).iter().zip(moments) {
            self.state.put_array::<f32>(name, &value.dims(), places.iter().map(|&place| moments[place]).collect());
        }
        Ok(())
    }
}

struct Load<'a> {
    slots: Slots<'a>,
    moments: [&'a mut Vec<f32>; 2],
    state: &'a mut State,
}

impl Visit for Load<'_> {
    fn parameter<const D: usize>(&mut self, name: &str, id: ParamId, value: Tensor<D>) -> Result<(), StateError> {
        let places: Vec<usize> = self.slots.places(id).collect();
        let names = moment_names(name);
        if names.iter().all(|name| self.state.shape(name).is_err()) {
            return Ok(());
        }
        for (name, moments) in names.iter().zip(&mut self.moments) {
            let values = self.state.take_array::<f32>(name, &value.dims())?;
            if name == &names[1] {
                check_squares(name, &values)?;
            }
            places.iter().zip(values).for_each(|(&place, value)| moments[place] = value);
        }
        Ok(())
    }
}
