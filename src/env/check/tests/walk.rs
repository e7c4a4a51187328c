//! An environment that can have any fault.

use std::cell::Cell;

use crate::env::{Environment, EnvironmentError, Step, check_action};
use crate::space::BoxSpace;

/// What is wrong with a [`Walk`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    None,
    UnboundedActions,
    ConstantActions,
    GrowingObservationSpace,
    GrowingActionSpace,
    StepBeforeReset,
    SeedRefused,
    FirstTooLong,
    FirstNan,
    FirstOutside,
    ActionRefused,
    LowestRefused,
    HighestRefused,
    TooShort,
    Infinite,
    Outside,
    NanReward,
    HugeReward,
    StepAfterEnd,
    AcceptsEmpty,
    AcceptsShort,
    AcceptsLong,
    AcceptsNan,
    AcceptsInfinity,
    AcceptsNegativeInfinity,
    CountsRefused,
    OutsideSpoilsObservation,
    OutsideSpoilsReward,
    UnseededFirst,
    UnseededObservation,
    UnseededReward,
    UnseededTermination,
    UnseededTruncation,
    RemembersHighest,
    KeepsSteps,
    SaveFails,
    SavesNan,
    SavesItsSaves,
    SavingMoves,
    LoadFails,
    ForgetsSteps,
    ForgetsEnd,
    LoadAdds,
    LoadSpoilsReset,
    AcceptsMissing,
    AcceptsRenamed,
    AcceptsAdded,
    AcceptsForeign,
    RefusalLoadsHalf,
    RefusalMoves,
}

/// A walk of five steps on a plane, terminated at the last; or one with a fault.
pub(super) struct Walk {
    pub(super) fault: Fault,
    pub(super) observation_space: BoxSpace,
    pub(super) action_space: BoxSpace,
    pub(super) position: Vec<f32>,
    pub(super) steps: usize,
    pub(super) ended: bool,
    pub(super) episodes: usize,
    pub(super) remembered: f32,
    pub(super) saves: Cell<u64>,
    pub(super) moved: Cell<f32>,
}

impl Walk {
    pub(super) fn new(fault: Fault) -> Self {
        let bound = match fault {
            Fault::UnboundedActions => f32::INFINITY,
            Fault::ConstantActions => 0.0,
            _ => 0.25,
        };
        Self {
            fault,
            observation_space: BoxSpace::symmetric(4.0, 2).unwrap(),
            action_space: BoxSpace::symmetric(bound, 2).unwrap(),
            position: vec![0.0; 2],
            steps: 0,
            ended: false,
            episodes: 0,
            remembered: 0.0,
            saves: Cell::new(0),
            moved: Cell::new(0.0),
        }
    }

    /// A number that no seed decides: it is different in every episode.
    fn unseeded(&self, fault: Fault) -> f32 {
        if self.fault == fault { self.episodes as f32 / 1024.0 } else { 0.0 }
    }

    fn tolerates(&self, action: &[f32]) -> bool {
        match self.fault {
            Fault::AcceptsEmpty => action.is_empty(),
            Fault::AcceptsShort => action.len() == 1,
            Fault::AcceptsLong => action.len() == 3,
            Fault::AcceptsNan => action.iter().any(|a| a.is_nan()),
            Fault::AcceptsInfinity => action.contains(&f32::INFINITY),
            Fault::AcceptsNegativeInfinity => action.contains(&f32::NEG_INFINITY),
            _ => false,
        }
    }

    fn refuse(&mut self, action: &[f32]) -> Result<(), EnvironmentError> {
        let corner = |bound: f32| action == [bound, bound];
        match self.fault {
            Fault::ActionRefused => return Err(EnvironmentError::other("the motor is off")),
            Fault::LowestRefused if corner(-0.25) => return Err(EnvironmentError::other("too low")),
            Fault::HighestRefused if corner(0.25) => return Err(EnvironmentError::other("too high")),
            Fault::StepBeforeReset if self.episodes == 0 => return Ok(()),
            _ if self.episodes == 0 => return Err(EnvironmentError::StepBeforeReset),
            Fault::StepAfterEnd => {}
            _ if self.ended => return Err(EnvironmentError::StepAfterEnd),
            _ => {}
        }
        let checked = if self.tolerates(action) { Ok(()) } else { check_action(&self.action_space, action) };
        if checked.is_err() && self.fault == Fault::CountsRefused {
            self.steps += 1;
        }
        checked
    }

    fn observe(&self) -> Vec<f32> {
        let mut observation = self.position.clone();
        observation[1] += self.moved.get();
        match self.fault {
            Fault::TooShort if self.steps == 3 => observation.truncate(1),
            Fault::Infinite if self.steps == 3 => observation[1] = f32::NEG_INFINITY,
            Fault::Outside if self.steps == 3 => observation = vec![0.0, 4.5],
            Fault::UnseededObservation if self.steps == 2 => observation = vec![self.unseeded(self.fault); 2],
            Fault::FirstTooLong if self.steps == 0 => observation.push(0.0),
            Fault::FirstNan if self.steps == 0 => observation[0] = f32::NAN,
            Fault::FirstOutside if self.steps == 0 => observation[0] = -5.0,
            _ => {}
        }
        observation
    }
}

impl Environment for Walk {
    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        if self.fault == Fault::SeedRefused && seed == u64::MAX {
            return Err(EnvironmentError::other("the seed is too large"));
        }
        if self.fault == Fault::GrowingObservationSpace {
            self.observation_space = BoxSpace::symmetric(5.0, 2).unwrap();
        }
        let kept = if self.fault == Fault::KeepsSteps && self.steps > 0 && !self.ended { 0.5 } else { self.remembered };
        self.episodes += 1;
        self.steps = 0;
        self.ended = false;
        self.moved.set(0.0);
        self.position = vec![(seed % 4) as f32 / 4.0 + self.unseeded(Fault::UnseededFirst), kept];
        Ok(self.observe())
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        self.refuse(action)?;
        self.steps += 1;
        if self.fault == Fault::GrowingActionSpace && self.steps == 2 {
            self.action_space = BoxSpace::symmetric(0.5, 2).unwrap();
        }
        if self.fault == Fault::RemembersHighest {
            self.remembered = if action[0] == 0.25 { 0.5 } else { 0.0 };
        }
        for (x, a) in self.position.iter_mut().zip(action) {
            *x += a.clamp(-0.25, 0.25);
        }
        let (mut observation, mut reward) = (self.observe(), self.unseeded(Fault::UnseededReward) - 1.0);
        let outside = action.iter().any(|a| a.abs() > 0.25);
        match self.fault {
            Fault::NanReward => reward = f32::NAN,
            Fault::HugeReward => reward = 1e30,
            Fault::OutsideSpoilsReward if outside => reward = f32::NAN,
            Fault::OutsideSpoilsObservation if outside => observation[0] = f32::INFINITY,
            _ => {}
        }
        let late = self.episodes > 3 && self.steps == 4;
        let terminated = self.steps >= 5 || late && self.fault == Fault::UnseededTermination;
        let truncated = late && self.fault == Fault::UnseededTruncation;
        self.ended = terminated || truncated;
        Ok(Step { observation, reward, terminated, truncated })
    }
}
