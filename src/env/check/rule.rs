//! The rules that [`check_environment`](super::check_environment) and [`check_saved_state`](super::check_saved_state) test, and
//! the moment when one was broken.

use std::fmt;

/// A rule of the contract of [`Environment`](crate::env::Environment), or of [`SaveState`](crate::state::SaveState) if
/// the environment implements it; displays as a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Every bound of the action space is finite.
    ActionBoundsFinite,
    /// An agent can act on every axis of the action space: see [`BoxSpace::require_actions`](crate::space::BoxSpace::require_actions).
    ActionSpaceUsable,
    /// The observation space is the same after every call.
    ObservationSpaceFixed,
    /// The action space is the same after every call.
    ActionSpaceFixed,
    /// A step before the first reset is an error.
    StepBeforeReset,
    /// A reset succeeds, whatever the seed.
    ResetSucceeds,
    /// A reset returns one component per axis.
    FirstObservationLength,
    /// A reset returns no NaN, no infinity, and nothing beyond [`MAX_MAGNITUDE`](crate::space::MAX_MAGNITUDE).
    FirstObservationFinite,
    /// A reset returns a point of the observation space.
    FirstObservationInSpace,
    /// A step with an action inside the bounds succeeds.
    StepSucceeds,
    /// A step with every axis at its lower bound succeeds.
    LowestActionSucceeds,
    /// A step with every axis at its upper bound succeeds.
    HighestActionSucceeds,
    /// A step returns one component per axis.
    ObservationLength,
    /// A step returns no NaN, no infinity, and nothing beyond [`MAX_MAGNITUDE`](crate::space::MAX_MAGNITUDE).
    ObservationFinite,
    /// A step returns a point of the observation space.
    ObservationInSpace,
    /// A reward is neither NaN nor infinite, nor beyond [`MAX_MAGNITUDE`](crate::space::MAX_MAGNITUDE).
    RewardFinite,
    /// A step after the last one is an error.
    StepAfterEnd,
    /// An action without components is an error.
    EmptyActionRefused,
    /// An action with too few components is an error.
    ShortActionRefused,
    /// An action with too many components is an error.
    LongActionRefused,
    /// An action with a NaN is an error.
    NanActionRefused,
    /// An action with +∞ is an error.
    InfiniteActionRefused,
    /// An action with −∞ is an error.
    NegativeInfiniteActionRefused,
    /// A refused action changes nothing.
    RefusedActionHasNoEffect,
    /// A finite action outside the bounds, if accepted, gives a valid observation.
    OutsideActionObservation,
    /// A finite action outside the bounds, if accepted, gives a finite reward.
    OutsideActionReward,
    /// The seed decides the first observation.
    FirstObservationRepeats,
    /// The seed and the actions decide every observation.
    ObservationRepeats,
    /// The seed and the actions decide every reward.
    RewardRepeats,
    /// The seed and the actions decide where the task terminates.
    TerminatedRepeats,
    /// The seed and the actions decide where the episode is truncated.
    TruncatedRepeats,
    /// Earlier episodes have no influence.
    EpisodesIndependent,
    /// A reset in the middle of an episode starts a new one like any other.
    ResetMidEpisode,
    /// The state can be saved at any moment.
    SaveSucceeds,
    /// A saved state has no NaN, no infinity, and no more arrays than a file can hold.
    SavedStateWritable,
    /// Saving twice in a row gives the same bits.
    SaveRepeats,
    /// Saving changes nothing.
    SaveHasNoEffect,
    /// A saved state can be loaded, whichever episodes came after it.
    LoadSucceeds,
    /// After a load, the environment continues as it did after the save.
    LoadGoesOn,
    /// A state without one of its arrays is an error.
    MissingArrayRefused,
    /// A state with an array under another name is an error.
    RenamedArrayRefused,
    /// A state with an additional array is an error.
    AddedArrayRefused,
    /// A state of something else is an error.
    ForeignStateRefused,
    /// A refused state changes nothing.
    RefusedStateHasNoEffect,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ActionBoundsFinite => "every bound of the action space must be finite",
            Self::ActionSpaceUsable => "an agent must be able to act on every axis of the action space",
            Self::ObservationSpaceFixed => "the observation space must never change",
            Self::ActionSpaceFixed => "the action space must never change",
            Self::StepBeforeReset => "a step before the first reset must be an error",
            Self::ResetSucceeds => "a reset must succeed for every seed",
            Self::FirstObservationLength => "the first observation must have one component per axis",
            Self::FirstObservationFinite => "the first observation must be finite and at most 1e18 in magnitude",
            Self::FirstObservationInSpace => "the first observation must lie in the observation space",
            Self::StepSucceeds => "a step with an action inside the bounds must succeed",
            Self::LowestActionSucceeds => "a step with every axis at its lower bound must succeed",
            Self::HighestActionSucceeds => "a step with every axis at its upper bound must succeed",
            Self::ObservationLength => "an observation must have one component per axis",
            Self::ObservationFinite => "an observation must be finite and at most 1e18 in magnitude",
            Self::ObservationInSpace => "an observation must lie in the observation space",
            Self::RewardFinite => "a reward must be finite and at most 1e18 in magnitude",
            Self::StepAfterEnd => "a step after the last one must be an error",
            Self::EmptyActionRefused => "an action without components must be an error",
            Self::ShortActionRefused => "an action with too few components must be an error",
            Self::LongActionRefused => "an action with too many components must be an error",
            Self::NanActionRefused => "an action with a NaN must be an error",
            Self::InfiniteActionRefused => "an action with an infinite component must be an error",
            Self::NegativeInfiniteActionRefused => "an action with a negative infinite component must be an error",
            Self::RefusedActionHasNoEffect => "a refused action must leave the environment as it was",
            Self::OutsideActionObservation => {
                "an action outside the bounds must be refused or give a finite observation inside the observation space"
            }
            Self::OutsideActionReward => "an action outside the bounds must be refused or give a finite reward",
            Self::FirstObservationRepeats => "the same seed must give the same first observation",
            Self::ObservationRepeats => "the same seed and actions must give the same observations",
            Self::RewardRepeats => "the same seed and actions must give the same rewards",
            Self::TerminatedRepeats => "the same seed and actions must terminate at the same step",
            Self::TruncatedRepeats => "the same seed and actions must be truncated at the same step",
            Self::EpisodesIndependent => "an episode must not depend on the episodes before it",
            Self::ResetMidEpisode => "a reset in the middle of an episode must start an episode like any other",
            Self::SaveSucceeds => "saving the state must succeed at any moment",
            Self::SavedStateWritable => "a saved state must hold finite numbers only and fit into a file",
            Self::SaveRepeats => "saving twice must give the same state",
            Self::SaveHasNoEffect => "saving must leave the environment as it was",
            Self::LoadSucceeds => "a saved state must load",
            Self::LoadGoesOn => "after a state is loaded, the environment must continue as it did after the save",
            Self::MissingArrayRefused => "a state without one of its arrays must be refused",
            Self::RenamedArrayRefused => "a state with one of its arrays under another name must be refused",
            Self::AddedArrayRefused => "a state with an unexpected array must be refused",
            Self::ForeignStateRefused => "a state of another kind of value must be refused",
            Self::RefusedStateHasNoEffect => "a refused state must leave the environment as it was",
        })
    }
}

/// When a rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before the first reset.
    BeforeReset,
    /// At a reset.
    Reset {
        /// The seed of the reset.
        seed: u64,
    },
    /// At a step, or at an action refused in its place.
    Step {
        /// The seed of the episode.
        seed: u64,
        /// Number of the step in the episode, from 1.
        step: usize,
    },
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeReset => write!(f, "before the first reset"),
            Self::Reset { seed } => write!(f, "at the reset with seed {seed}"),
            Self::Step { seed, step } => write!(f, "at step {step} of the episode with seed {seed}"),
        }
    }
}
