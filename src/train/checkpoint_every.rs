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
    /// Environment steps in the generation that was saved or taken up last.
    saved_at: Option<usize>,
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
    /// The trainer has to say what becomes of episodes under way:
    /// [`with_environment_state`](Trainer::with_environment_state) saves them,
    /// [`with_restarted_episodes`](Trainer::with_restarted_episodes) gives them up when the run is resumed.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooSmall`] if `steps` is 0.
    pub fn steps(steps: usize, checkpoints: Checkpoints) -> Result<Self, ConfigError> {
        at_least("steps between two checkpoints", 1, steps)?;
        Ok(Self { steps, checkpoints, interrupted: Arc::default(), evaluate: None, saved_at: None })
    }

    /// Scores the policy before each save, higher being better, so that the best generation is kept beside the newest.
    ///
    /// If `evaluate` fails, the generation is saved without a score, and the run ends with the error.
    #[must_use]
    pub fn keep_best(mut self, evaluate: impl FnMut(&mut A) -> Result<f64, Error> + 'static) -> Self {
        self.evaluate = Some(Box::new(evaluate));
        self
    }

    /// Returns a flag that ends the run after the step under way once it is set, with a save: for a handler of Ctrl-C.
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
        let resumed = trainer.resume(&mut self.checkpoints)?;
        self.saved_at = resumed.as_ref().map(|resumed| resumed.environment_steps).or(self.saved_at);
        Ok(resumed)
    }

    /// Takes up one generation, such as the best: [`Trainer::resume_from`].
    ///
    /// # Errors
    ///
    /// As [`Trainer::resume_from`].
    ///
    /// # Examples
    ///
    /// ```
    /// use actor_critic::prelude::*;
    ///
    /// # let device = actor_critic::burn::tensor::Device::flex();
    /// # let folder = tempfile::tempdir().expect("a temporary folder");
    /// # let path = folder.path().join("checkpoints");
    /// # let env = Pendulum::v1();
    /// # let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
    /// # let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(1), Seed(0))?.with_environment_state();
    /// # trainer.save_with_score(&mut Checkpoints::open(&path)?, Some(-150.0))?;
    /// let mut checkpoints = CheckpointEvery::steps(100, Checkpoints::open(&path)?)?;
    /// if let Some(best) = checkpoints.checkpoints().best() {
    ///     checkpoints.resume_from(&mut trainer, best)?;
    /// }
    /// checkpoints.run(&mut trainer, &mut [])?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn resume_from<E: Environment>(
        &mut self,
        trainer: &mut Trainer<E, A>,
        generation: u64,
    ) -> Result<Resumed, Error> {
        let resumed = trainer.resume_from(&mut self.checkpoints, generation)?;
        self.saved_at = Some(resumed.environment_steps);
        Ok(resumed)
    }

    /// Runs a trainer to its end, saving on the way and at the end: [`Trainer::run`].
    ///
    /// # Errors
    ///
    /// As [`Trainer::run`] and [`Trainer::save`]. A run that could not be saved has ended, and can be run on. What can be known to be
    /// beyond saving is refused before the first step, or else after the first step and the first update:
    ///
    /// - [`CheckpointError::MidEpisode`](crate::checkpoint::CheckpointError::MidEpisode) if the trainer does not say what becomes of
    ///   episodes under way
    /// - [`CheckpointError::Write`](crate::checkpoint::CheckpointError::Write) or [`Error::State`] if a state has no form as a file
    pub fn run<E: Environment>(
        &mut self,
        trainer: &mut Trainer<E, A>,
        observers: &mut [&mut dyn Observer],
    ) -> Result<Vec<EpisodeSummary>, Error> {
        trainer.try_to_save()?;
        // Environments have more state in mid-episode, and optimizers after an update.
        let mut untried = [true, trainer.updates() == 0];
        let mut before = trainer.environment_steps();
        let episodes = trainer.run_with(observers, |trainer| {
            if untried[0] || (untried[1] && trainer.updates() > 0) {
                trainer.try_to_save()?;
                untried = [false, trainer.updates() == 0];
            }
            let now = trainer.environment_steps();
            let due = now / self.steps > before / self.steps;
            before = now;
            if due || self.is_interrupted() {
                self.save(trainer)?;
            }
            Ok(if self.is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if self.saved_at != Some(trainer.environment_steps()) {
            self.save(trainer)?;
        }
        Ok(episodes)
    }

    fn save<E: Environment>(&mut self, trainer: &mut Trainer<E, A>) -> Result<(), Error> {
        let score = self.evaluate.as_mut().map(|evaluate| evaluate(trainer.agent_mut())).transpose();
        // A policy that cannot be scored is no reason to lose the steps that have led to it.
        trainer.save_with_score(&mut self.checkpoints, *score.as_ref().unwrap_or(&None))?;
        self.saved_at = Some(trainer.environment_steps());
        score.map(drop)
    }
}
