use std::collections::HashSet;

use super::*;
use crate::env::check_action;
use crate::state::{SaveState, State, StateError};

impl SaveState for Walk {
    fn save_state(&self) -> Result<State, StateError> {
        if self.fault == Fault::SaveFails && self.ended {
            return Err(StateError::Unsupported { name: "ended".to_owned(), reason: "it has gone home" });
        }
        self.saves.set(self.saves.get() + 1);
        if self.fault == Fault::SavingMoves {
            self.moved.set(0.5);
        }
        let mut position = self.position.clone();
        if self.fault == Fault::SavesNan && self.steps == 2 {
            position[1] = f32::NAN;
        }
        let mut state = State::new();
        state.put_array("position", &[2], position);
        state.put("ended", u64::from(self.ended));
        state.put("episodes", self.episodes as u64);
        if self.fault != Fault::ForgetsSteps {
            state.put("steps", self.steps as u64);
        }
        if self.fault == Fault::SavesItsSaves {
            state.put("saves", self.saves.get());
        }
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        let names: Vec<&str> = state.names().collect();
        match self.fault {
            Fault::AcceptsRenamed if names.iter().any(|name| name.ends_with('\'')) => return Ok(()),
            Fault::AcceptsForeign if names == [""] => return Ok(()),
            Fault::RefusalMoves => self.moved.set(0.5),
            _ => {}
        }
        let mut position: Vec<f32> = state.take_array("position", &[2])?;
        if self.fault == Fault::RefusalLoadsHalf {
            self.position.clone_from(&position);
        }
        let episodes = state.take_count("episodes")?;
        let steps = match self.fault {
            Fault::ForgetsSteps => self.steps,
            Fault::AcceptsMissing => state.take_count("steps").unwrap_or(0),
            _ => state.take_count("steps")?,
        };
        let ended = state.take_flag("ended")? && self.fault != Fault::ForgetsEnd;
        if self.fault != Fault::AcceptsAdded {
            state.finish()?;
        }
        match self.fault {
            Fault::LoadFails if ended => return Err(StateError::invalid("ended", "0", 1)),
            Fault::LoadAdds => position[0] += self.position[0],
            Fault::LoadSpoilsReset => self.remembered = 0.5,
            _ => {}
        }
        self.moved.set(0.0);
        (self.position, self.steps, self.ended, self.episodes) = (position, steps, ended, episodes);
        Ok(())
    }
}

/// An endless walk whose whole state is one array, which is not there before the first reset.
struct Line {
    space: BoxSpace,
    position: Option<f32>,
}

impl Environment for Line {
    fn observation_space(&self) -> &BoxSpace {
        &self.space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.space
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.position = Some((seed % 4) as f32 / 4.0);
        Ok(vec![(seed % 4) as f32 / 4.0])
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.space, action)?;
        let position = self.space.clip(&[self.position.ok_or(EnvironmentError::StepBeforeReset)? + 0.1 * action[0]]);
        self.position = Some(position[0]);
        Ok(Step { reward: position[0], observation: position, terminated: false, truncated: false })
    }
}

impl SaveState for Line {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        if let Some(position) = self.position {
            state.put("position", position);
        }
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        let position = if state.names().next().is_some() { Some(state.take("position")?) } else { None };
        state.finish()?;
        self.position = position;
        Ok(())
    }
}

/// A task of one step, under way or not, and with nothing else to save.
struct Guess {
    space: BoxSpace,
    over: bool,
    accepts_anything: bool,
}

impl Guess {
    fn new(accepts_anything: bool) -> Self {
        Self { space: BoxSpace::symmetric(1.0, 1).unwrap(), over: true, accepts_anything }
    }
}

impl Environment for Guess {
    fn observation_space(&self) -> &BoxSpace {
        &self.space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.space
    }

    fn reset(&mut self, _seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.over = false;
        Ok(vec![0.0])
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.space, action)?;
        if std::mem::replace(&mut self.over, true) {
            return Err(EnvironmentError::StepAfterEnd);
        }
        Ok(Step { observation: vec![0.0], reward: -action[0].abs(), terminated: true, truncated: false })
    }
}

impl SaveState for Guess {
    fn save_state(&self) -> Result<State, StateError> {
        Ok(State::new())
    }

    fn load_state(&mut self, state: State) -> Result<(), StateError> {
        if !self.accepts_anything {
            state.finish()?;
        }
        self.over = false;
        Ok(())
    }
}

#[test]
fn the_walk_without_a_fault_passes() {
    check_saved_state(&mut Walk::new(Fault::None)).unwrap();
}

#[test]
fn the_bundled_environments_pass() {
    check_saved_state(&mut Pendulum::default()).unwrap();
    check_saved_state(&mut Pendulum::v1()).unwrap();
    check_saved_state(&mut MountainCarContinuous::default()).unwrap();
    check_saved_state(&mut MountainCarContinuous::v0()).unwrap();
    for steps in [1, 2, 5, 9] {
        let limit = NonZeroUsize::new(steps).unwrap();
        check_saved_state(&mut TimeLimit::new(Walk::new(Fault::None), limit)).unwrap();
    }
}

#[test]
fn an_environment_of_one_array_or_none_passes() {
    let line = || Line { space: BoxSpace::symmetric(2.0, 1).unwrap(), position: None };
    check_environment(&mut line()).unwrap();
    check_saved_state(&mut line()).unwrap();
    check_saved_state(&mut TimeLimit::new(line(), NonZeroUsize::new(7).unwrap())).unwrap();
    check_environment(&mut Guess::new(false)).unwrap();
    check_saved_state(&mut Guess::new(false)).unwrap();
}

#[test]
fn an_environment_of_no_array_must_refuse_one() {
    let violation = check_saved_state(&mut Guess::new(true)).unwrap_err();
    assert_eq!(violation.rule, Rule::AddedArrayRefused);
}

#[test]
fn the_environments_own_error_is_the_source() {
    let violation = check_saved_state(&mut Walk::new(Fault::SaveFails)).unwrap_err();
    let source = std::error::Error::source(&violation).unwrap();
    assert_eq!(source.to_string(), "the environment failed: `ended` cannot be saved: it has gone home");
}

#[test]
fn every_fault_is_reported_with_its_rule_values_and_place() {
    let cases = [
        (
            Fault::SaveFails,
            "saving the state must succeed at any moment, \
             got the error: `ended` cannot be saved: it has gone home, at step 5 of the episode with seed 0",
        ),
        (
            Fault::SavesNan,
            "a saved state must hold finite numbers only and fit into a file, \
             got the error: `position` must be finite, got NaN at index 1, at step 2 of the episode with seed 0",
        ),
        (Fault::SavesItsSaves, "saving twice must give the same state, got another `saves`, before the first reset"),
        (
            Fault::SavingMoves,
            "saving must leave the environment as it was, \
             got observation 0.34199208 instead of -0.15800792 on axis 1, \
             at step 1 of the episode with seed 0",
        ),
        (
            Fault::LoadFails,
            "a saved state must load, got the error: `ended` must be 0, got 1, at step 5 of the episode with seed 0",
        ),
        (
            Fault::ForgetsSteps,
            "after a state is loaded, the environment must continue as it did after the save, \
             got terminated true instead of false, at step 1 of the episode with seed 0",
        ),
        (
            Fault::ForgetsEnd,
            "after a state is loaded, the environment must continue as it did after the save, \
             got no error for the action [0, 0], at step 6 of the episode with seed 0",
        ),
        (
            Fault::LoadAdds,
            "after a state is loaded, the environment must continue as it did after the save, \
             got observation -0.20862944 instead of -0.16100942 on axis 0, \
             at step 1 of the episode with seed 0",
        ),
        (
            Fault::LoadSpoilsReset,
            "after a state is loaded, the environment must continue as it did after the save, \
             got observation 0.5 instead of 0 on axis 1, at the reset with seed 0",
        ),
        (
            Fault::AcceptsMissing,
            "a state without one of its arrays must be refused, \
             got no error for one without `steps`, at step 2 of the episode with seed 0",
        ),
        (
            Fault::AcceptsRenamed,
            "a state with one of its arrays under another name must be refused, \
             got no error for one with `ended` under another name, at step 2 of the episode with seed 0",
        ),
        (
            Fault::AcceptsAdded,
            "a state with an unexpected array must be refused, \
             got no error for one with an array without a name, at step 2 of the episode with seed 0",
        ),
        (
            Fault::AcceptsForeign,
            "a state of another kind of value must be refused, \
             got no error for one with nothing but an array without a name, at step 2 of the episode with seed 0",
        ),
        (
            Fault::RefusalLoadsHalf,
            "a refused state must leave the environment as it was, \
             got another `position` after one without `ended`, at step 2 of the episode with seed 0",
        ),
        (
            Fault::RefusalMoves,
            "a refused state must leave the environment as it was, \
             got observation 0.18578815 instead of -0.31421185 on axis 1 after one without `ended`, \
             at step 3 of the episode with seed 0",
        ),
    ];
    let mut rules = HashSet::new();
    for (fault, expected) in cases {
        // What an environment does with its state is no business of the other contract.
        check_environment(&mut Walk::new(fault)).unwrap();
        let violation = check_saved_state(&mut Walk::new(fault)).unwrap_err();
        assert_eq!(violation.to_string(), expected, "{fault:?}");
        rules.insert(violation.rule);
    }
    assert_eq!(rules.len(), 11, "every rule about saved states is broken by one");
}
