//! The two spaces of an environment.

use super::{Environment, EnvironmentError, Step};
use crate::space::{BoxSpace, Difference, SpaceError, first_out_of_range, is_in_range};
use crate::state::StateError;

/// The observation space and the action space of an environment, checked.
///
/// Agents are built from these, so you can make an agent without an environment.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// let spaces = Spaces::of(&Pendulum::v1())?;
/// assert_eq!((spaces.observation().dim(), spaces.action().dim()), (3, 1));
/// assert_eq!(spaces.action().high(), [2.0]);
///
/// // Without an environment, such as for data from a file:
/// let spaces = Spaces::new(BoxSpace::unbounded(4)?, BoxSpace::symmetric(1.0, 2)?)?;
/// assert_eq!(spaces.observation().dim(), 4);
/// # Ok::<(), actor_critic::space::SpaceError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Spaces {
    observation: BoxSpace,
    action: BoxSpace,
}

/// Shows both spaces, axis by axis.
impl std::fmt::Display for Spaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "observation {}, action {}", self.observation, self.action)
    }
}

impl Spaces {
    /// Pairs an observation space with an action space.
    ///
    /// # Errors
    ///
    /// As [`BoxSpace::require_actions`] for the action space, such as [`SpaceError::Unbounded`] if a bound is infinite.
    pub fn new(observation: BoxSpace, action: BoxSpace) -> Result<Self, SpaceError> {
        action.require_actions()?;
        Ok(Self { observation, action })
    }

    /// Takes the spaces of `env`.
    ///
    /// # Errors
    ///
    /// As [`Spaces::new`].
    pub fn of<E: Environment + ?Sized>(env: &E) -> Result<Self, SpaceError> {
        Self::new(env.observation_space().clone(), env.action_space().clone())
    }

    /// Returns the observation space.
    pub fn observation(&self) -> &BoxSpace {
        &self.observation
    }

    /// Returns the action space, whose bounds are finite.
    pub fn action(&self) -> &BoxSpace {
        &self.action
    }

    /// Returns the first difference from the spaces of `other`, with a name for each of the two; `None` if they are the same.
    pub(crate) fn difference(&self, other: &Self, words: [&str; 2]) -> Option<String> {
        let observation = self.observation.difference(&other.observation).map(|found| ("observation", found));
        let (space, found) = observation.or_else(|| Some(("action", self.action.difference(&other.action)?)))?;
        let place = found.axis.map_or_else(|| format!("the {space} space"), |axis| format!("{space} axis {axis}"));
        let verb = if found.axis.is_some() { "is" } else { "has" };
        let ([first, second], remark) = (words, found.remark());
        Some(format!("{place} {verb} {} {first} and {} {second}{remark}", found.first, found.second))
    }

    /// Requires that saved spaces, as the text of their `Display`, equal these, and names the first axis that differs.
    pub(crate) fn expect_saved(&self, name: &str, saved: &str) -> Result<(), StateError> {
        let here = self.to_string();
        if saved == here {
            return Ok(());
        }
        let ([saved_observation, saved_action], [observation, action]) = (axes(saved), axes(&here));
        let compare = |saved: &[&str], here: &[&str]| Difference::between(saved, here, |axis| (*axis).to_owned());
        let found = compare(&saved_observation, &observation).map(|found| ("observation", found));
        let found = found.or_else(|| Some(("action", compare(&saved_action, &action)?)));
        let Some((space, found)) = found else {
            return Err(StateError::invalid(name, "the spaces of an environment", "another text"));
        };
        let place = found.axis.map_or_else(|| space.to_owned(), |axis| format!("{space} axis {axis}"));
        let here = format!("{}{}", found.second, found.remark());
        Err(StateError::differs(name, format!("{place} {}", found.first), here))
    }

    /// Checks an observation at the boundary: length, finiteness, magnitude.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::ObservationLength`], [`EnvironmentError::NonFiniteObservation`], or
    /// [`EnvironmentError::TooLarge`] beyond [`MAX_MAGNITUDE`](crate::space::MAX_MAGNITUDE).
    pub fn check_observation(&self, observation: &[f32]) -> Result<(), EnvironmentError> {
        let (expected, found) = (self.observation.dim(), observation.len());
        if expected != found {
            return Err(EnvironmentError::ObservationLength { expected, found });
        }
        match first_out_of_range(observation) {
            Some((axis, value)) if value.is_finite() => {
                Err(EnvironmentError::TooLarge { quantity: "observation", axis, value })
            }
            Some((axis, value)) => Err(EnvironmentError::NonFiniteObservation { axis, value }),
            None => Ok(()),
        }
    }

    /// Checks what a step returned: the observation, then the reward.
    ///
    /// # Errors
    ///
    /// As [`check_observation`](Self::check_observation), [`EnvironmentError::NonFiniteReward`] or
    /// [`EnvironmentError::TooLarge`].
    pub fn check_step(&self, step: &Step) -> Result<(), EnvironmentError> {
        self.check_observation(&step.observation)?;
        match step.reward {
            value if is_in_range(value) => Ok(()),
            value if value.is_finite() => Err(EnvironmentError::TooLarge { quantity: "reward", axis: 0, value }),
            value => Err(EnvironmentError::NonFiniteReward { value }),
        }
    }
}

/// Splits the text of spaces into the text of each axis of the observation, and of each axis of the action.
fn axes(text: &str) -> [Vec<&str>; 2] {
    let (observation, action) = text.split_once(", action ").unwrap_or((text, ""));
    let observation = observation.strip_prefix("observation ").unwrap_or(observation);
    [observation.split(" × ").collect(), action.split(" × ").collect()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spaces(observation: &[f32], action: &[f32]) -> Spaces {
        let space = |bounds: &[f32]| BoxSpace::new(bounds.iter().map(|x| -x).collect(), bounds.to_vec()).unwrap();
        Spaces::new(space(observation), space(action)).unwrap()
    }

    #[test]
    fn actions_that_no_agent_can_take_are_refused() {
        let observation = BoxSpace::new(vec![9.81], vec![9.81]).unwrap();
        let unit = BoxSpace::symmetric(1.0, 1).unwrap();
        assert!(Spaces::new(observation.clone(), unit).is_ok(), "an observation may be constant");
        let error = Spaces::new(observation.clone(), observation).unwrap_err();
        assert_eq!(error, SpaceError::ConstantAction { axis: 0, value: 9.81 });
    }

    #[test]
    fn a_difference_names_the_axis_in_the_words_of_the_caller() {
        let here = spaces(&[1.0, 2.0], &[3.0]);
        let text = |other: Spaces| here.difference(&other, ["here", "there"]);
        assert_eq!(text(here.clone()), None);
        assert_eq!(text(spaces(&[1.0, 4.0], &[5.0])).unwrap(), "observation axis 1 is [-2, 2] here and [-4, 4] there");
        assert_eq!(text(spaces(&[1.0, 2.0], &[5.0])).unwrap(), "action axis 0 is [-3, 3] here and [-5, 5] there");
        assert_eq!(
            text(spaces(&[1.0, 2.0], &[3.0, 3.0])).unwrap(),
            "the action space has 1 axis here and 2 axes there"
        );
    }

    #[test]
    fn saved_spaces_are_compared_axis_by_axis() {
        let here = spaces(&[1.0, 2.0], &[3.0]);
        let text = |saved: &str| here.expect_saved("spaces", saved).unwrap_err().to_string();
        assert_eq!(here.expect_saved("spaces", &here.to_string()), Ok(()));
        let rule = "`spaces` must be the same as when the state was saved:";
        assert_eq!(
            text(&spaces(&[1.0, 4.0], &[3.0]).to_string()),
            format!("{rule} observation axis 1 [-4, 4] then, [-2, 2] now")
        );
        assert_eq!(
            text(&spaces(&[1.0, 2.0], &[3.0, 1.0]).to_string()),
            format!("{rule} action 2 axes then, 1 axis now")
        );
        let hostile = "×".repeat(100_000);
        assert!(text(&hostile).len() < 400);
        assert_eq!(
            text("observation [-1, 1] × [-2, 2], action [-3, 3], action "),
            format!("{rule} action axis 0 [-3, 3], action  then, [-3, 3] now")
        );
    }
}
