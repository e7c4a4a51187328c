//! Acting without learning: the traits of policies.

use std::cell::RefCell;

use rand::Rng;
use rand::rngs::ChaCha8Rng;

use crate::boundary::ActError;
use crate::env::Spaces;
use crate::rng::{Seed, Stream};

/// A policy that returns its best action: an agent in training, a loaded [`Policy`](super::Policy), or code of your own.
///
/// [`evaluate`](crate::train::evaluate) takes one.
///
/// # Contract
///
/// - Actions lie inside [`spaces().action()`](Spaces::action).
/// - The same observation gives the same action, and acting changes nothing.
///
/// # Examples
///
/// A controller written by hand, evaluated like an agent:
///
/// ```
/// use actor_critic::policy::{Act, ActError};
/// use actor_critic::prelude::*;
///
/// /// Pushes against the angular velocity.
/// struct Damper(Spaces);
///
/// impl Act for Damper {
///     fn spaces(&self) -> &Spaces {
///         &self.0
///     }
///     fn act(&self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
///         Ok(observations.iter().map(|observation| vec![-0.25 * observation[2]]).collect())
///     }
/// }
///
/// let mut env = Pendulum::v1();
/// let evaluation = evaluate(&Damper(Spaces::of(&env)?), &mut env, 0..3)?;
/// assert!(evaluation.mean_return() < 0.0);
/// # Ok::<(), actor_critic::Error>(())
/// ```
pub trait Act {
    /// Returns the spaces of observations and actions.
    fn spaces(&self) -> &Spaces;

    /// Returns the best action for each observation, in environment units.
    ///
    /// # Errors
    ///
    /// - [`ActError::Observation`] if an observation has the wrong length or is not finite
    /// - [`ActError::NonFiniteAction`] if the policy has diverged
    /// - [`ActError::ActionShape`] if a network of your own breaks its contract
    fn act(&self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError>;

    /// Writes the best action for one observation into `action`, in environment units.
    ///
    /// Calls [`act`](Self::act) by default. Implement it to act without allocating.
    ///
    /// # Errors
    ///
    /// As [`act`](Self::act), or [`ActError::ActionShape`] if `act` does not return one action as long as `action`.
    fn act_into(&self, observation: &[f32], action: &mut [f32]) -> Result<(), ActError> {
        write_rows(&self.act(&[observation])?, action.len(), action)
    }
}

/// A policy that can also sample its actions.
pub trait SampleActions: Act {
    /// Samples an action for each observation, in environment units. A deterministic policy returns its best action.
    ///
    /// # Errors
    ///
    /// As [`Act::act`].
    fn sample(&self, observations: &[&[f32]], rng: &mut dyn Rng) -> Result<Vec<Vec<f32>>, ActError>;
}

impl<P: Act + ?Sized> Act for &P {
    fn spaces(&self) -> &Spaces {
        (**self).spaces()
    }

    fn act(&self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        (**self).act(observations)
    }

    fn act_into(&self, observation: &[f32], action: &mut [f32]) -> Result<(), ActError> {
        (**self).act_into(observation, action)
    }
}

impl<P: Act + ?Sized> Act for &mut P {
    fn spaces(&self) -> &Spaces {
        (**self).spaces()
    }

    fn act(&self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        (**self).act(observations)
    }

    fn act_into(&self, observation: &[f32], action: &mut [f32]) -> Result<(), ActError> {
        (**self).act_into(observation, action)
    }
}

/// A policy that samples every action, with its own random numbers.
///
/// # Examples
///
/// ```
/// use actor_critic::policy::Sampled;
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let mut env = Pendulum::v1();
/// let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// let greedy = evaluate(&agent, &mut env, 0..3)?;
/// let sampled = evaluate(&Sampled::new(&agent, Seed(1)), &mut env, 0..3)?;
/// assert_ne!(greedy, sampled);
/// # Ok::<(), actor_critic::Error>(())
/// ```
#[derive(Debug)]
pub struct Sampled<P> {
    policy: P,
    rng: RefCell<ChaCha8Rng>,
}

impl<P> Sampled<P> {
    /// Samples the actions of `policy` with random numbers from `seed`.
    pub fn new(policy: P, seed: Seed) -> Self {
        Self { policy, rng: RefCell::new(seed.stream(Stream::Exploration)) }
    }
}

impl<P: SampleActions> Act for Sampled<&P> {
    fn spaces(&self) -> &Spaces {
        self.policy.spaces()
    }

    fn act(&self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        self.policy.sample(observations, &mut *self.rng.borrow_mut())
    }
}

/// Acts on several observations in sequence, and returns one vector for each action.
pub(crate) fn row_by_row(
    spaces: &Spaces,
    observations: &[&[f32]],
    act: impl FnOnce(&[f32], &mut [f32]) -> Result<(), ActError>,
) -> Result<Vec<Vec<f32>>, ActError> {
    if observations.is_empty() {
        return Ok(Vec::new());
    }
    let axes = spaces.action().dim();
    observations.iter().try_for_each(|observation| spaces.check_observation(observation))?;
    let mut actions = vec![0.0; observations.len() * axes];
    act(&observations.concat(), &mut actions)?;
    Ok(actions.chunks_exact(axes).map(<[f32]>::to_vec).collect())
}

/// Writes actions into `rows`, one after the other, `[n, axes]`.
pub(crate) fn write_rows(actions: &[Vec<f32>], axes: usize, rows: &mut [f32]) -> Result<(), ActError> {
    let expected = [rows.len() / axes, axes];
    let found = [actions.len(), actions.iter().map(Vec::len).find(|&len| len != axes).unwrap_or(axes)];
    if expected != found {
        return Err(ActError::ActionShape { expected, found });
    }
    rows.chunks_exact_mut(axes).zip(actions).for_each(|(row, action)| row.copy_from_slice(action));
    Ok(())
}

/// Returns the only action of a list.
pub(crate) fn only(actions: Vec<Vec<f32>>) -> Vec<f32> {
    let [action] = <[_; 1]>::try_from(actions).expect("there is one action for one observation");
    action
}
