//! The attached checkpoints of a trainer: resuming from them before a run, and saving to them during it.

use std::ops::ControlFlow;

use super::checkpoint_every::Attached;
use super::{CheckpointEvery, Resumed, Trainer};
use crate::agent::Agent;
use crate::checkpoint::{CheckpointError, Checkpoints};
use crate::env::Environment;
use crate::error::Error;
use crate::state::SaveState;

/// State that a run keeps between steps, to save on time.
pub(super) struct SaveTimer {
    /// Environment steps after the previous step.
    before: usize,
    /// Whether the run still has to test that its state can be saved, after a step and after an update.
    untried: [bool; 2],
}

impl<E: Environment, A: Agent + SaveState> Trainer<E, A> {
    /// Saves the run to `checkpoints` while it runs, at its end, and when it is interrupted.
    ///
    /// Choose what happens to running episodes; otherwise [`run`](Self::run) returns an error.
    /// [`with_environment_state`](Self::with_environment_state) saves them.
    /// [`with_restarted_episodes`](Self::with_restarted_episodes) drops them when the run is resumed.
    ///
    /// Replaces checkpoints that were attached before. [`step`](Self::step) does not save: in a loop of your own, call
    /// [`save`](Self::save).
    ///
    /// # Examples
    ///
    /// See [`CheckpointEvery`].
    #[must_use]
    pub fn with_checkpoints(mut self, checkpoints: CheckpointEvery<A>) -> Self {
        self.checkpoints =
            Some(Attached { every: checkpoints, check: Self::check_can_be_saved, save: Self::save_with_score });
        self
    }

    /// Restores the run from the newest intact generation of the attached checkpoints; `None` if there is none yet.
    ///
    /// See [`resume`](Self::resume) for the rules.
    ///
    /// # Errors
    ///
    /// As [`resume`](Self::resume), and [`CheckpointError::NotAttached`] without
    /// [`with_checkpoints`](Self::with_checkpoints).
    pub fn resume_newest(&mut self) -> Result<Option<Resumed>, Error> {
        self.with_attached(|trainer, every| {
            let resumed = trainer.resume(&mut every.checkpoints)?;
            every.saved_at = resumed.as_ref().map(|resumed| resumed.environment_steps).or(every.saved_at);
            Ok(resumed)
        })
    }

    /// Restores the run from one generation of the attached checkpoints, such as the best.
    ///
    /// See [`resume_from`](Self::resume_from) for the rules.
    ///
    /// # Errors
    ///
    /// As [`resume_from`](Self::resume_from), and [`CheckpointError::NotAttached`] without
    /// [`with_checkpoints`](Self::with_checkpoints).
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
    /// let mut trainer = trainer.with_checkpoints(CheckpointEvery::steps(100, Checkpoints::open(&path)?)?);
    /// if let Some(best) = trainer.checkpoints().and_then(Checkpoints::best) {
    ///     trainer.resume_generation(best)?;
    /// }
    /// trainer.run(&mut [])?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn resume_generation(&mut self, generation: u64) -> Result<Resumed, Error> {
        self.with_attached(|trainer, every| {
            let resumed = trainer.resume_from(&mut every.checkpoints, generation)?;
            every.saved_at = Some(resumed.environment_steps);
            Ok(resumed)
        })
    }

    fn with_attached<T>(
        &mut self,
        resume: impl FnOnce(&mut Self, &mut CheckpointEvery<A>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut attached = self.checkpoints.take().ok_or(CheckpointError::NotAttached)?;
        let resumed = resume(self, &mut attached.every);
        self.checkpoints = Some(attached);
        resumed
    }
}

impl<E: Environment, A: Agent> Trainer<E, A> {
    /// Returns the directory of the attached checkpoints.
    pub fn checkpoints(&self) -> Option<&Checkpoints> {
        self.checkpoints.as_ref().map(|attached| &attached.every.checkpoints)
    }

    /// Returns an error, before the first step, if checkpoints are attached and the run cannot be saved to them.
    pub(super) fn begin_saving(&self) -> Result<SaveTimer, Error> {
        self.checkpoints.as_ref().map_or(Ok(()), |attached| (attached.check)(self))?;
        // Environments have more state in mid-episode, and optimizers after an update.
        Ok(SaveTimer { before: self.environment_steps(), untried: [true, self.updates() == 0] })
    }

    /// Saves after a step, if a save is due. Ends the run if it was interrupted.
    pub(super) fn save_if_due(&mut self, timer: &mut SaveTimer) -> Result<ControlFlow<()>, Error> {
        let Some(Attached { every, check, .. }) = &self.checkpoints else { return Ok(ControlFlow::Continue(())) };
        if timer.untried[0] || (timer.untried[1] && self.updates() > 0) {
            check(self)?;
            timer.untried = [false, self.updates() == 0];
        }
        let now = self.environment_steps();
        let due = every.is_due(timer.before, now);
        timer.before = now;
        if due || every.is_interrupted() {
            self.save_attached()?;
        }
        let interrupted = self.checkpoints.as_ref().is_some_and(|attached| attached.every.is_interrupted());
        Ok(if interrupted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Saves the end of a run, unless it is saved already.
    pub(super) fn save_end(&mut self) -> Result<(), Error> {
        match &self.checkpoints {
            Some(attached) if attached.every.saved_at != Some(self.environment_steps()) => self.save_attached(),
            _ => Ok(()),
        }
    }

    fn save_attached(&mut self) -> Result<(), Error> {
        let Some(mut attached) = self.checkpoints.take() else { return Ok(()) };
        let score = attached.every.score(&self.agent).transpose();
        // A policy that cannot be scored is no reason to lose the steps that have led to it.
        let saved = (attached.save)(self, &mut attached.every.checkpoints, *score.as_ref().unwrap_or(&None));
        if saved.is_ok() {
            attached.every.saved_at = Some(self.environment_steps());
        }
        self.checkpoints = Some(attached);
        saved?;
        score.map(drop)
    }
}
