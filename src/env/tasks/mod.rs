//! The bundled tasks.

mod numpy_rng;
mod physics;

pub mod acrobot;
pub mod cart_pole;
pub mod cart_pole_swing_up;
pub mod mountain_car;
pub mod pendulum;
pub mod quadrotor;
pub mod reacher;
