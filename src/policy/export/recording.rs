//! Recorded observations and actions for the self-test of an exported file.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use crate::boundary::Normalization;
use crate::policy::{Policy, PolicyError};
use crate::rng::{Seed, Stream};
use crate::space::{BoxSpace, MAX_MAGNITUDE, is_in_range};

/// Number of recorded observations.
const RECORDED: usize = 8;

/// The tolerance, in half-ranges, if single precision allows it.
const TOLERANCE: f64 = 1e-6;

/// How many times the policy's own rounding error a different order of sums may differ.
const OTHER_ORDERS: f64 = 8.0;

/// Observations and actions, row by row, and the tolerance for each action axis.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) rows: usize,
    /// `[rows, O]`, in environment units.
    pub(super) observations: Vec<f32>,
    /// `[rows, A]`, in environment units.
    pub(super) actions: Vec<f32>,
    /// `[A]`, in environment units.
    pub(super) tolerances: Vec<f32>,
}

impl Recording {
    /// Records a policy. The same policy gives the same recording.
    ///
    /// The tolerance is 1e-6 half-ranges and one rounding of the largest action, or eight times the policy's own distance from
    /// double precision if that is more, as for large observations without normalisation.
    pub(super) fn of(policy: &Policy) -> Result<Self, PolicyError> {
        let exported = policy.exported()?;
        let space = policy.spaces().action();
        let mut rng = Seed(0).stream(Stream::Exploration);
        let (mut observations, mut actions) = (Vec::new(), Vec::new());
        let mut errors = vec![0.0_f64; space.dim()];
        for _ in 0..RECORDED {
            let observation = observation(policy.spaces().observation(), policy.normalization(), &mut rng);
            let action = policy.action(&observation).map_err(PolicyError::Recording)?;
            let exact = exported.action_in_double(&observation);
            for (axis, (&action, exact)) in action.iter().zip(exact).enumerate() {
                let exact = exact.clamp(f64::from(space.low()[axis]), f64::from(space.high()[axis]));
                errors[axis] = errors[axis].max((f64::from(action) - exact).abs());
            }
            observations.extend(observation);
            actions.extend(action);
        }
        let tolerances = space.axes().zip(errors).enumerate().map(|(axis, ((_, half_range), error))| {
            let largest = space.low()[axis].abs().max(space.high()[axis].abs());
            let rounding = f64::from(largest) * f64::from(f32::EPSILON);
            ((TOLERANCE * f64::from(half_range)).max(OTHER_ORDERS * error) + rounding) as f32
        });
        Ok(Self { rows: RECORDED, observations, actions, tolerances: tolerances.collect() })
    }
}

/// Draws a typical observation: from the normalisation, or from the bounds.
fn observation(space: &BoxSpace, normalization: Option<&Normalization>, rng: &mut impl Rng) -> Vec<f32> {
    let mut draw = |axis: usize| {
        let (low, high) = (space.low()[axis], space.high()[axis]);
        let normal: f32 = StandardNormal.sample(rng);
        let uniform: f32 = rng.random();
        let x = match normalization {
            Some(map) if map.scale()[axis] != 0.0 => map.mean()[axis] + normal / map.scale()[axis],
            Some(map) => map.mean()[axis],
            None if is_in_range(low) && is_in_range(high) => low + (high - low) * uniform,
            None if is_in_range(low) => low + normal.abs(),
            None if is_in_range(high) => high - normal.abs(),
            None => normal,
        };
        x.clamp(low, high).clamp(-MAX_MAGNITUDE, MAX_MAGNITUDE)
    };
    (0..space.dim()).map(&mut draw).collect()
}
