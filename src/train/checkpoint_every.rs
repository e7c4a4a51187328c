//! Checkpoints on a schedule.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{EpisodeSummary, Observer, Resumed, Trainer};
use crate::agent::Agent;
use crate::checkpoint::Checkpoints;
use crate::config::{ConfigError, at_least};
use crate::env::Environment;
use crate::error::Error;
use crate::state::SaveState;

/// Saves a run every so many environment steps, at its end, and when it is interrupted.
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
/// let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(2), Seed(0))?.with_environment_state();
///
/// // The same lines begin a run and go on with one that was interrupted.
/// let mut checkpoints = CheckpointEvery::steps(100, Checkpoints::open(&path)?)?;
/// checkpoints.resume(&mut trainer)?;
/// checkpoints.run(&mut trainer, &mut [])?;
/// assert_eq!(checkpoints.checkpoints().generations()?, [1, 2, 3]); // of 0 to 3, the newest three
/// # Ok::<(), Error>(())
/// ```
pub struct CheckpointEvery<A> {
    steps: usize,
    checkpoints: Checkpoints,
    interrupted: Arc<AtomicBool>,
    evaluate: Option<Evaluate<A>>,
}

type Evaluate<A> = Box<dyn FnMut(&mut A) -> Result<f64, Error>>;

impl<A> fmt::Debug for CheckpointEvery<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointEvery")
            .field("steps", &self.steps)
            .field("checkpoints", &self.checkpoints)
            .finish_non_exhaustive()
    }
}

impl<A: Agent + SaveState> CheckpointEvery<A> {
    /// Saves to `checkpoints` whenever the number of environment steps passes a multiple of `steps`.
    ///
    /// A trainer [without the state of its environment](Trainer::with_environment_state) is saved at the next end of an
    /// episode.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooSmall`] if `steps` is 0.
    pub fn steps(steps: usize, checkpoints: Checkpoints) -> Result<Self, ConfigError> {
        at_least("steps between two checkpoints", 1, steps)?;
        Ok(Self { steps, checkpoints, interrupted: Arc::default(), evaluate: None })
    }

    /// Scores the policy before each save, higher being better, so that the best generation is kept beside the newest.
    ///
    /// If `evaluate` fails, the generation is saved without a score, and the run ends with the error.
    #[must_use]
    pub fn keep_best(mut self, evaluate: impl FnMut(&mut A) -> Result<f64, Error> + 'static) -> Self {
        self.evaluate = Some(Box::new(evaluate));
        self
    }

    /// Returns a flag that ends the run once it is set, after a save: for a handler of Ctrl-C.
    pub fn interrupt_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupted)
    }

    /// Returns whether the run was ended by the flag.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Returns the directory.
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// Takes up the newest generation, if there is one: [`Trainer::resume`].
    ///
    /// # Errors
    ///
    /// As [`Trainer::resume`].
    pub fn resume<E: Environment>(&mut self, trainer: &mut Trainer<E, A>) -> Result<Option<Resumed>, Error> {
        trainer.resume(&mut self.checkpoints)
    }

    /// Runs a trainer to its end, saving on the way: [`Trainer::run`].
    ///
    /// # Errors
    ///
    /// As [`Trainer::run`] and [`Trainer::save`]. A run that could not be saved has ended, and can be run on.
    pub fn run<E: Environment>(
        &mut self,
        trainer: &mut Trainer<E, A>,
        observers: &mut [&mut dyn Observer],
    ) -> Result<Vec<EpisodeSummary>, Error> {
        let mut saved_at = trainer.environment_steps();
        let episodes = trainer.run_with(observers, |trainer| {
            let (now, interrupted) = (trainer.environment_steps(), self.is_interrupted());
            let due = now / self.steps > saved_at / self.steps;
            if (due || interrupted) && trainer.can_save() {
                self.save(trainer)?;
                saved_at = now;
                return Ok(if interrupted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if trainer.environment_steps() > saved_at && trainer.can_save() {
            self.save(trainer)?;
        }
        Ok(episodes)
    }

    fn save<E: Environment>(&mut self, trainer: &mut Trainer<E, A>) -> Result<(), Error> {
        let score = self.evaluate.as_mut().map(|evaluate| evaluate(trainer.agent_mut())).transpose();
        // A policy that cannot be scored is no reason to lose the steps that have led to it.
        trainer.save_with_score(&mut self.checkpoints, *score.as_ref().unwrap_or(&None))?;
        score.map(drop)
    }
}
