//! Saved episodes for environments that cannot save their state.

use crate::env::{Environment, EnvironmentError, Spaces, Step, check_action};
use crate::space::first_difference;
use crate::state::{SaveState, State, StateError};

/// Saves the running episode of another environment as its seed and its actions, and restores it by repeating them.
///
/// Use it for an environment that cannot save its state, such as a [`RemoteEnvironment`](crate::env::remote::RemoteEnvironment). The
/// contract of [`Environment`] makes this possible: the same seed and the same actions give the same bits. A load checks this: the
/// restored episode must reach the saved observation. A load takes as long as the steps took, and the saved state grows by one
/// action for each step.
///
/// [`with_identity`](Self::with_identity) records values that must be the same where the state is restored, such as the versions of a
/// simulator.
///
/// If the environment fails during a load, the error is [`StateError::Failed`], and you have to reset the environment before the
/// next step.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, Pendulum, Replayed};
/// use actor_critic::state::SaveState;
///
/// let mut env = Replayed::new(Pendulum::v1());
/// env.reset(3)?;
/// env.step(&[1.0])?;
/// let saved = env.save_state()?;
/// let mut restored = Replayed::new(Pendulum::v1());
/// restored.load_state(saved)?;
/// assert_eq!(restored.step(&[0.5])?, env.step(&[0.5])?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Replayed<E> {
    env: E,
    identity: Vec<(String, String)>,
    episode: Option<Episode>,
    /// Whether the episode has ended and was not reset yet.
    ended: bool,
}

/// The running episode.
#[derive(Debug, Clone)]
struct Episode {
    seed: u64,
    /// `[n, A]` row by row.
    actions: Vec<f32>,
    /// The newest observation.
    observation: Vec<f32>,
}

impl<E> Replayed<E> {
    /// Saves the episodes of `env` as seed and actions.
    pub fn new(env: E) -> Self {
        Self { env, identity: Vec::new(), episode: None, ended: false }
    }

    /// Records values that must be the same where a state is restored: pairs of a name and a value, such as a package and its version.
    #[must_use]
    pub fn with_identity(mut self, identity: impl IntoIterator<Item = (String, String)>) -> Self {
        self.identity = identity.into_iter().collect();
        self
    }

    /// Requires the identity of the saved state to equal the present one, and names the first difference.
    fn expect_identity(&self, state: &mut State) -> Result<(), StateError> {
        let saved = state.take_text("identity")?;
        let parse = serde_json::from_str::<Vec<(String, String)>>;
        let saved = parse(&saved).map_err(|error| StateError::invalid("identity", "pairs of texts as JSON", error))?;
        let value = |pairs: &[(String, String)], name: &str| {
            let found = pairs.iter().find(|(other, _)| other == name);
            found.map_or_else(|| "absent".to_owned(), |(_, value)| value.clone())
        };
        for (name, _) in saved.iter().chain(&self.identity) {
            let (then, now) = (value(&saved, name), value(&self.identity, name));
            if then != now {
                return Err(StateError::differs(&format!("identity.{name}"), then, now));
            }
        }
        Ok(())
    }
}

impl<E: Environment> Replayed<E> {
    /// Repeats a saved episode, up to its newest observation.
    fn replay(&mut self, episode: &Episode) -> Result<(), StateError> {
        let failed = |reason: String| StateError::Failed { name: "actions".to_owned(), reason };
        let mut observation = self.env.reset(episode.seed).map_err(|error| failed(format!("{error}, in its reset")))?;
        let axes = self.env.action_space().dim();
        for (i, action) in episode.actions.chunks_exact(axes).enumerate() {
            let step = self.env.step(action).map_err(|error| failed(format!("{error}, in step {}", i + 1)))?;
            if step.is_last() {
                return Err(failed(format!("the episode ended in step {}, and had not when it was saved", i + 1)));
            }
            observation = step.observation;
        }
        match first_difference(&observation, &episode.observation) {
            Some(difference) => Err(failed(format!(
                "the same seed and actions must lead to the same observation, got {difference}; is the simulator deterministic?"
            ))),
            None => Ok(()),
        }
    }
}

wrapper!(Replayed<E>);

impl<E: Environment> Environment for Replayed<E> {
    forward!(observation_space, action_space, begin_step);

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        (self.episode, self.ended) = (None, false);
        let observation = self.env.reset(seed)?;
        self.episode = Some(Episode { seed, actions: Vec::new(), observation: observation.clone() });
        Ok(observation)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(self.env.action_space(), action)?;
        // An episode that fails in a step cannot be replayed.
        let Some(mut episode) = self.episode.take() else {
            return Err(if self.ended { EnvironmentError::StepAfterEnd } else { EnvironmentError::StepBeforeReset });
        };
        let step = self.env.step(action)?;
        if step.is_last() {
            self.ended = true;
        } else {
            episode.actions.extend_from_slice(action);
            episode.observation.clone_from(&step.observation);
            self.episode = Some(episode);
        }
        Ok(step)
    }
}

impl<E: Environment> SaveState for Replayed<E> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        let identity = serde_json::to_string(&self.identity);
        state.put_text("identity", identity.map_err(|error| StateError::invalid("identity", "texts", error))?);
        state.put_text("spaces", format!("observation {}, action {}", self.observation_space(), self.action_space()));
        let phase = match (&self.episode, self.ended) {
            (Some(_), _) => "running",
            (None, true) => "ended",
            (None, false) => "before reset",
        };
        state.put_text("phase", phase);
        if let Some(Episode { seed, actions, observation }) = &self.episode {
            let axes = self.action_space().dim();
            state.put("seed", *seed);
            state.put_array("actions", &[actions.len() / axes, axes], actions.clone());
            state.put_array("observation", &[observation.len()], observation.clone());
        }
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        self.expect_identity(&mut state)?;
        let spaces = Spaces::of(&self.env).map_err(|error| StateError::invalid("spaces", "usable", error))?;
        spaces.expect_saved("spaces", &state.take_text("spaces")?)?;
        let phase = state.take_text("phase")?;
        let episode = match phase.as_str() {
            "before reset" | "ended" => None,
            "running" => {
                let (observations, axes) = (spaces.observation().dim(), spaces.action().dim());
                let seed = state.take("seed")?;
                let steps = state.shape("actions")?.first().copied().unwrap_or(0);
                let actions = state.take_array("actions", &[steps, axes])?;
                let observation = state.take_array("observation", &[observations])?;
                Some(Episode { seed, actions, observation })
            }
            other => return Err(StateError::invalid("phase", "before reset, running or ended", other)),
        };
        state.finish()?;
        if let Some(episode) = &episode {
            // Until the replay has succeeded, there is no episode here.
            (self.episode, self.ended) = (None, false);
            self.replay(episode)?;
        }
        (self.episode, self.ended) = (episode, phase == "ended");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{MountainCarContinuous, Pendulum, TimeLimit, check_environment, check_saved_state};

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn saved(env: &mut impl SaveState) -> State {
        env.save_state().unwrap()
    }

    #[test]
    fn the_contracts_hold_around_tasks_whose_own_states_are_not_used() {
        let pendulum = || Replayed::new(Pendulum::v1()).with_identity([pair("pendulum", "1")]);
        check_environment(&mut pendulum()).unwrap();
        check_saved_state(&mut pendulum()).unwrap();
        let car = TimeLimit::new(Replayed::new(MountainCarContinuous::default()), 30.try_into().unwrap());
        check_saved_state(&mut { car }).unwrap();
    }

    #[test]
    fn another_identity_is_named() {
        let with = |pairs: &[(&str, &str)]| {
            Replayed::new(Pendulum::v1()).with_identity(pairs.iter().map(|(name, value)| pair(name, value)))
        };
        let state = saved(&mut with(&[("gymnasium", "1.2.3"), ("mujoco", "3.4.0")]));
        let refusal = |pairs: &[(&str, &str)]| with(pairs).load_state(state.clone()).unwrap_err().to_string();
        let rule = "must be the same as when the state was saved:";
        assert_eq!(
            refusal(&[("gymnasium", "1.2.3"), ("mujoco", "3.5.0")]),
            format!("`identity.mujoco` {rule} 3.4.0 then, 3.5.0 now")
        );
        assert_eq!(refusal(&[("gymnasium", "1.2.3")]), format!("`identity.mujoco` {rule} 3.4.0 then, absent now"));
        let more = [("gymnasium", "1.2.3"), ("mujoco", "3.4.0"), ("numpy", "2")];
        assert_eq!(refusal(&more), format!("`identity.numpy` {rule} absent then, 2 now"));
    }

    /// A pendulum whose third step gives another observation than it should, fails, or ends, once that is asked for.
    struct Treacherous {
        env: TimeLimit<Pendulum>,
        fault: Option<&'static str>,
        steps: usize,
    }

    impl Environment for Treacherous {
        forward!(observation_space, action_space);

        fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
            self.steps = 0;
            self.env.reset(seed)
        }

        fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
            let mut step = self.env.step(action)?;
            self.steps += 1;
            match self.fault.filter(|_| self.steps == 3) {
                Some("differ") => step.observation[1] = 0.25,
                Some("end") => step.terminated = true,
                Some(_) => return Err(EnvironmentError::other("the cable broke")),
                None => {}
            }
            Ok(step)
        }
    }

    #[test]
    fn a_replay_that_goes_another_way_is_an_error_and_leaves_no_episode() {
        let treacherous = |fault| Replayed::new(Treacherous { env: Pendulum::v1(), fault, steps: 0 });
        let mut env = treacherous(None);
        env.reset(1).unwrap();
        for _ in 0..3 {
            env.step(&[1.0]).unwrap();
        }
        let state = saved(&mut env);
        for (fault, reason) in [
            ("fail", "the environment failed: the cable broke, in step 3"),
            ("end", "the episode ended in step 3, and had not when it was saved"),
            ("differ", "the same seed and actions must lead to the same observation, got 0.25 instead of"),
        ] {
            let mut env = treacherous(Some(fault));
            let error = env.load_state(state.clone()).unwrap_err();
            assert!(matches!(error, StateError::Failed { .. }));
            assert!(error.to_string().starts_with(&format!("`actions` cannot be restored: {reason}")), "{error}");
            assert!(matches!(env.step(&[1.0]), Err(EnvironmentError::StepBeforeReset)));
            env.reset(1).unwrap();
        }
    }

    #[test]
    fn an_episode_that_failed_in_a_step_is_not_saved_as_one_under_way() {
        let mut env = Replayed::new(Treacherous { env: Pendulum::v1(), fault: Some("fail"), steps: 0 });
        env.reset(1).unwrap();
        env.step(&[1.0]).unwrap();
        env.step(&[f32::NAN]).unwrap_err();
        assert_eq!(saved(&mut env).shape("actions").unwrap(), [1, 1], "a malformed action changes nothing");
        env.step(&[1.0]).unwrap();
        env.step(&[1.0]).unwrap_err();
        assert_eq!(saved(&mut env).take_text("phase").unwrap(), "before reset");
    }
}
