//! Settings of the checkpoints of a run: how often, and with which score.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::checkpoint::Checkpoints;
use crate::config::{ConfigError, at_least};
use crate::error::Error;

/// Saves a run every so many environment steps, at its end, and when it is interrupted.
///
/// Attach it to a trainer by [`Trainer::with_checkpoints`](super::Trainer::with_checkpoints).
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// # let path = folder.path().join("checkpoints");
/// let env = Pendulum::v1();
/// let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// // The same lines begin a run and continue one that was interrupted.
/// let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(2), Seed(0))?
///     .with_environment_state()
///     .with_checkpoints(CheckpointEvery::steps(100, Checkpoints::open(&path)?)?);
/// trainer.resume_newest()?;
/// trainer.run(&mut [])?;
/// let generations = trainer.checkpoints().map(Checkpoints::generations).transpose()?;
/// assert_eq!(generations, Some(vec![1, 2, 3])); // of 0 to 3, the newest three
/// # Ok::<(), Error>(())
/// ```
pub struct CheckpointEvery<A> {
    steps: usize,
    pub(super) checkpoints: Checkpoints,
    interrupted: Arc<AtomicBool>,
    score: Option<Score<A>>,
    /// Environment steps in the generation that was last saved or restored.
    pub(super) saved_at: Option<usize>,
}

type Score<A> = Box<dyn FnMut(&A) -> Result<f64, Error> + Send>;

impl<A> fmt::Debug for CheckpointEvery<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointEvery")
            .field("steps", &self.steps)
            .field("checkpoints", &self.checkpoints)
            .finish_non_exhaustive()
    }
}

impl<A> CheckpointEvery<A> {
    /// Saves to `checkpoints` whenever the number of environment steps passes a multiple of `steps`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooSmall`] if `steps` is 0.
    pub fn steps(steps: usize, checkpoints: Checkpoints) -> Result<Self, ConfigError> {
        at_least("steps between two checkpoints", 1, steps)?;
        Ok(Self { steps, checkpoints, interrupted: Arc::default(), score: None, saved_at: None })
    }

    /// Calls `score` before each save, and keeps the generation with the highest score in addition to the newest ones.
    ///
    /// If `score` fails, the generation is saved without a score, and the run ends with the error.
    #[must_use]
    pub fn keep_best(mut self, score: impl FnMut(&A) -> Result<f64, Error> + Send + 'static) -> Self {
        self.score = Some(Box::new(score));
        self
    }

    /// Uses a flag of the caller instead of its own. Several runs can share it: one handler of Ctrl-C then interrupts them all.
    #[must_use]
    pub fn with_interrupt_flag(mut self, interrupted: Arc<AtomicBool>) -> Self {
        self.interrupted = interrupted;
        self
    }

    /// Returns a flag for a handler of Ctrl-C. When it is set, the run saves after the current step, and ends.
    ///
    /// Get the flag before you attach the checkpoints. After the run, the flag shows whether the run was interrupted.
    pub fn interrupt_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupted)
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Returns whether a multiple of the interval lies between two numbers of environment steps.
    pub(super) fn is_due(&self, before: usize, now: usize) -> bool {
        now / self.steps > before / self.steps
    }

    pub(super) fn score(&mut self, agent: &A) -> Option<Result<f64, Error>> {
        self.score.as_mut().map(|score| score(agent))
    }
}

/// Checkpoints that are attached to a trainer of type `T`.
///
/// The function pointers carry the bounds of `Trainer::with_checkpoints`, so that `Trainer::run` needs none of them.
pub(super) struct Attached<T, A> {
    pub(super) every: CheckpointEvery<A>,
    /// Returns an error if the run cannot be saved.
    pub(super) check: fn(&T) -> Result<(), Error>,
    pub(super) save: fn(&mut T, &mut Checkpoints, Option<f64>) -> Result<u64, Error>,
}
