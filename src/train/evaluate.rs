//! Evaluation of a policy without exploration.

use crate::env::{Environment, Spaces, check_action};
use crate::error::Error;
use crate::policy::Act;

/// Returns of the greedy policy, one for each start.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Undiscounted return of each episode, in the order of the starts.
    pub returns: Vec<f64>,
}

impl Evaluation {
    /// Returns the mean return; NaN without episodes.
    pub fn mean_return(&self) -> f64 {
        self.returns.iter().sum::<f64>() / self.returns.len() as f64
    }

    /// Returns how far the mean return is below `optimum`.
    pub fn regret(&self, optimum: f64) -> f64 {
        optimum - self.mean_return()
    }
}

/// Runs one episode of a policy for each seed.
///
/// `seeds` are passed to [`Environment::reset`]: the same seeds give the same starts. An agent in training acts without exploration and is not changed.
/// To evaluate the policy as it explores, wrap it in [`Sampled`](crate::policy::Sampled). Every episode must end: wrap environments without an end in a
/// [`TimeLimit`](crate::env::TimeLimit).
///
/// # Errors
///
/// - [`Error::SpacesDiffer`] if the policy was made for other spaces
/// - any error of the environment or the policy
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let mut env = Pendulum::v1();
/// let agent = DdpgConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// let evaluation = evaluate(&agent, &mut env, 0..3)?;
/// // A policy that was saved and loaded is judged the same way.
/// let policy = Policy::from_bytes(&agent.policy()?.to_bytes()?, &device)?;
/// assert_eq!(evaluate(&policy, &mut env, 0..3)?, evaluation);
/// # Ok::<(), actor_critic::Error>(())
/// ```
pub fn evaluate<E: Environment>(
    policy: &(impl Act + ?Sized),
    env: &mut E,
    seeds: impl IntoIterator<Item = u64>,
) -> Result<Evaluation, Error> {
    let spaces = Spaces::of(env)?;
    if spaces != *policy.spaces() {
        return Err(Error::spaces_differ(spaces, policy.spaces()));
    }
    let (mut action, mut returns) = (vec![0.0; spaces.action().dim()], Vec::new());
    for seed in seeds {
        let mut observation = env.reset(seed)?;
        spaces.check_observation(&observation)?;
        let mut episode_return = 0.0;
        loop {
            policy.act_into(&observation, &mut action)?;
            check_action(spaces.action(), &action)?;
            let step = env.step(&action)?;
            spaces.check_step(&step)?;
            episode_return += f64::from(step.reward);
            if step.is_last() {
                break;
            }
            observation = step.observation;
        }
        returns.push(episode_return);
    }
    Ok(Evaluation { returns })
}
