//! Judging a policy without exploration.

use crate::agent::{ActionMode, Agent};
use crate::env::pendulum::{Pendulum, evaluation_grid};
use crate::env::{Environment, EnvironmentError, Spaces, check_action};
use crate::error::Error;

/// Returns of the greedy policy, one per start.
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

    /// Returns how far the mean return stays below `optimum`.
    pub fn regret(&self, optimum: f64) -> f64 {
        optimum - self.mean_return()
    }
}

/// Runs one greedy episode from each start, changing neither the agent nor its random streams.
///
/// `begin` resets the environment to a start and returns the first observation. With seeds as starts that is
/// `Environment::reset`; an environment that can be put into a state offers more. Every episode must end: wrap
/// environments without an end in a [`TimeLimit`](crate::env::TimeLimit).
///
/// # Errors
///
/// - [`Error::SpacesDiffer`] if the agent was built for other spaces
/// - whatever the environment or the agent reports
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let mut env = Pendulum::v1();
/// let mut agent = DdpgConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// let evaluation = evaluate(&mut agent, &mut env, 0..3, |env, seed| env.reset(seed))?;
/// assert_eq!(evaluation.returns.len(), 3);
/// # Ok::<(), actor_critic::Error>(())
/// ```
pub fn evaluate<A: Agent, E: Environment, S>(
    agent: &mut A,
    env: &mut E,
    starts: impl IntoIterator<Item = S>,
    mut begin: impl FnMut(&mut E, S) -> Result<Vec<f32>, EnvironmentError>,
) -> Result<Evaluation, Error> {
    let spaces = Spaces::of(env)?;
    if spaces != *agent.spaces() {
        return Err(Error::spaces_differ(spaces, agent.spaces()));
    }
    let mut returns = Vec::new();
    for start in starts {
        let mut observation = begin(env, start)?;
        spaces.check_observation(&observation)?;
        let mut episode_return = 0.0;
        loop {
            let action = agent.select_action(&observation, ActionMode::Greedy)?;
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

/// Evaluates on Pendulum-v1 from the fixed grid of 256 starts, on which the best possible mean return is
/// [`GRID_OPTIMUM`](crate::env::pendulum::GRID_OPTIMUM).
///
/// # Errors
///
/// As [`evaluate`].
pub fn evaluate_on_pendulum_grid(agent: &mut impl Agent) -> Result<Evaluation, Error> {
    evaluate(agent, &mut Pendulum::v1(), evaluation_grid(), |env, start| {
        env.reset_with(|pendulum| pendulum.reset_to(start))
    })
}
