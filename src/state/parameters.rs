//! Parameters of a network as a state, by their path in the network.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Bool, DType, Int, Tensor, TensorData};

use super::{State, StateError};

/// Returns every parameter of a network under its path, such as `trunk.layers.0.weight`, in burn's layout.
///
/// # Errors
///
/// [`StateError::Unsupported`] if a parameter is neither f32 nor f64.
///
/// # Examples
///
/// ```
/// use actor_critic::nn::{Activation, MlpConfig};
/// use actor_critic::prelude::*;
/// use actor_critic::state::{State, load_parameters, save_parameters};
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// # let mlp = |seed: u64| MlpConfig::new(vec![3, 8, 1]).init(&mut Seed(seed).stream(Stream::ActorWeights), &device);
/// let (trained, fresh) = (mlp(0)?, mlp(1)?);
/// let bytes = save_parameters(&trained)?.to_bytes()?;
/// let loaded = load_parameters(&fresh, State::from_bytes(&bytes)?)?;
/// assert_eq!(save_parameters(&loaded)?, save_parameters(&trained)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save_parameters<M: Module>(module: &M) -> Result<State, StateError> {
    struct Save(State);

    impl Visit for Save {
        fn parameter<const D: usize>(&mut self, name: &str, _: ParamId, value: Tensor<D>) -> Result<(), StateError> {
            put(&mut self.0, name, value)
        }
    }

    let mut save = Save(State::new());
    visit(module, &mut save)?;
    Ok(save.0)
}

/// Returns a copy of a network with the parameters from [`save_parameters`] of a network of the same kind.
///
/// The copy is off the tape.
///
/// # Errors
///
/// [`StateError`] names a parameter that is missing, unexpected, or of another shape.
pub fn load_parameters<M: Module>(module: &M, state: State) -> Result<M, StateError> {
    // Integer and boolean parameters are found by the visitor: a mapper has no way to fail.
    save_parameters(module)?;
    let mut load = Load { path: Vec::new(), state, outcome: Ok(()) };
    let restored = module.valid().map(&mut load);
    load.outcome?;
    load.state.finish()?;
    Ok(restored)
}

/// A function that gets path, id and value, off the tape, of each float parameter of a module.
pub(crate) trait Visit {
    fn parameter<const D: usize>(&mut self, name: &str, id: ParamId, value: Tensor<D>) -> Result<(), StateError>;
}

/// Visits the parameters of a module in the order of its fields, until the first error.
pub(crate) fn visit<M: Module>(module: &M, visitor: &mut impl Visit) -> Result<(), StateError> {
    let mut walk = Walk { path: Vec::new(), visitor, outcome: Ok(()) };
    module.visit(&mut walk);
    walk.outcome
}

/// Returns the path of the parameter `id` in `module`.
pub(crate) fn path_of<M: Module>(module: &M, id: ParamId) -> String {
    struct Find(ParamId, String);

    impl Visit for Find {
        fn parameter<const D: usize>(&mut self, name: &str, id: ParamId, _: Tensor<D>) -> Result<(), StateError> {
            if id == self.0 {
                name.clone_into(&mut self.1);
            }
            Ok(())
        }
    }

    let mut find = Find(id, String::new());
    // Stops at parameters that are not floats, which no optimizer moves.
    let _ = visit(module, &mut find);
    find.1
}

/// Returns the number of dimensions of the parameter `id` in `module`.
#[cfg(test)]
pub(crate) fn dims_of<M: Module>(module: &M, id: ParamId) -> usize {
    struct Find(ParamId, usize);

    impl Visit for Find {
        fn parameter<const D: usize>(&mut self, _: &str, id: ParamId, _: Tensor<D>) -> Result<(), StateError> {
            if id == self.0 {
                self.1 = D;
            }
            Ok(())
        }
    }

    let mut find = Find(id, 0);
    let _ = visit(module, &mut find);
    find.1
}

/// Returns path and value of the first number in the float parameters of `module` for which `is_it` is true.
pub(crate) fn find<M: Module>(module: &M, is_it: impl Fn(f32) -> bool) -> Option<(String, f32)> {
    struct Find<F>(F, Option<(String, f32)>);

    impl<F: Fn(f32) -> bool> Visit for Find<F> {
        fn parameter<const D: usize>(&mut self, name: &str, _: ParamId, value: Tensor<D>) -> Result<(), StateError> {
            if self.1.is_none() {
                let values: Vec<f32> = value.try_into_vec_as().map_err(|_| unreadable(name))?;
                self.1 = values.into_iter().find(|&value| (self.0)(value)).map(|value| (name.to_owned(), value));
            }
            Ok(())
        }
    }

    let mut find = Find(is_it, None);
    let _ = visit(module, &mut find);
    find.1
}

/// Puts a tensor of single or double precision.
pub(crate) fn put<const D: usize>(state: &mut State, name: &str, tensor: Tensor<D>) -> Result<(), StateError> {
    let (shape, data) = (tensor.dims(), tensor.into_data());
    match data.dtype() {
        DType::F32 => state.put_array::<f32>(name, &shape, data.try_into_vec().map_err(|_| unreadable(name))?),
        DType::F64 => state.put_array::<f64>(name, &shape, data.try_into_vec().map_err(|_| unreadable(name))?),
        _ => return Err(unsupported(name, "it is neither f32 nor f64")),
    }
    Ok(())
}

/// Takes a tensor with the shape, the precision and the device of `like`.
pub(crate) fn take<const D: usize>(state: &mut State, name: &str, like: &Tensor<D>) -> Result<Tensor<D>, StateError> {
    let (shape, device) = (like.dims(), like.device());
    Ok(match like.dtype() {
        DType::F64 => Tensor::from_data(TensorData::new(state.take_array::<f64>(name, &shape)?, shape), &device),
        _ => Tensor::from_data(TensorData::new(state.take_array::<f32>(name, &shape)?, shape), &device),
    })
}

fn unreadable(name: &str) -> StateError {
    unsupported(name, "its values could not be read from the device")
}

fn unsupported(name: &str, reason: &'static str) -> StateError {
    StateError::Unsupported { name: name.to_owned(), reason }
}

struct Walk<'a, V> {
    path: Vec<String>,
    visitor: &'a mut V,
    outcome: Result<(), StateError>,
}

impl<V> Walk<'_, V> {
    fn refuse(&mut self) {
        let refused = Err(unsupported(&self.path.join("."), "it is a parameter that is not a float"));
        self.outcome = std::mem::replace(&mut self.outcome, Ok(())).and(refused);
    }
}

impl<V: Visit> ModuleVisitor for Walk<'_, V> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.outcome.is_ok() {
            self.outcome = self.visitor.parameter(&self.path.join("."), param.id, param.val().inner());
        }
    }

    fn visit_int<const D: usize>(&mut self, _: &Param<Tensor<D, Int>>) {
        self.refuse();
    }

    fn visit_bool<const D: usize>(&mut self, _: &Param<Tensor<D, Bool>>) {
        self.refuse();
    }
}

struct Load {
    path: Vec<String>,
    state: State,
    outcome: Result<(), StateError>,
}

impl ModuleMapper for Load {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join(".");
        param.map(|tensor| match take(&mut self.state, &name, &tensor) {
            Ok(value) => value,
            Err(error) => {
                self.outcome = std::mem::replace(&mut self.outcome, Ok(())).and(Err(error));
                tensor
            }
        })
    }
}
