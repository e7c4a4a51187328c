//! Physics and rewards that several tasks share.

pub(super) mod capsule;
pub(super) mod joint_limit;
pub(super) mod runge_kutta;
pub(super) mod tolerance;
