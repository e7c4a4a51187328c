//! Saving a run by hand, and resuming it in another process.

use serde_json::{Map, Value};

use super::env_slot::MidEpisode;
use super::episode::Episode;
use super::history::EpisodeHistory;
use super::run_state::RunState;
use super::{Trainer, TrainerConfig};
use crate::agent::{Agent, Metrics};
use crate::checkpoint::{
    ChangedSetting, CheckpointError, Checkpoints, Generation, Manifest, Skipped, Snapshot, short_type_name,
};
use crate::env::Environment;
use crate::error::Error;
use crate::replay::ReplayBuffer;
use crate::state::{SaveState, State, StateError};

/// Settings that may always change: the length of a run.
const ALWAYS_ALLOWED: [&str; 2] = ["episodes", "environment_steps"];

/// The setting that decides the size of the replay.
const CAPACITY: &str = "replay_capacity";

/// The generation that a run was resumed from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Resumed {
    /// Its number.
    pub generation: u64,
    /// Environment steps that the run had taken.
    pub environment_steps: usize,
    /// Episodes that were running and were not saved. New ones start in their place: see
    /// [`Trainer::with_restarted_episodes`].
    pub restarted_episodes: usize,
    /// Settings that differ from the saved ones. All of them are [allowed](Checkpoints::allow_changed).
    pub changed: Vec<ChangedSetting>,
    /// Newer generations that were damaged, and the reasons. They have been [reported](Checkpoints::on_skipped) too.
    pub skipped: Vec<Skipped>,
}

impl<E: Environment, A: Agent> Trainer<E, A> {
    /// Returns whether the run can be saved now. In the middle of an episode it can only after
    /// [`with_environment_state`](Self::with_environment_state) or [`with_restarted_episodes`](Self::with_restarted_episodes).
    pub fn can_save(&self) -> bool {
        self.can_save_in_mid_episode() || self.collector.slots.iter().all(|slot| slot.observation.is_none())
    }

    pub(super) fn can_save_in_mid_episode(&self) -> bool {
        !matches!(self.collector.mid_episode, MidEpisode::Refused)
    }
}

impl<E: Environment, A: Agent + SaveState> Trainer<E, A> {
    /// Saves everything that the run needs to continue, and returns the number of the new generation.
    ///
    /// Call it in a loop of your own over [`step`](Self::step). After [`with_checkpoints`](Self::with_checkpoints),
    /// [`run`](Self::run) saves by itself. The generation is written to a temporary directory and renamed, so a crash, a full disk or an error
    /// leaves earlier generations intact. Parts of the history and the replay that have not changed since the last
    /// generation are not written again.
    ///
    /// # Errors
    ///
    /// - [`CheckpointError::MidEpisode`] if an episode has not ended and [`can_save`](Self::can_save) is false
    /// - [`CheckpointError::Write`] if a number of the run is not finite
    /// - [`CheckpointError::Io`] if the file system returns an error
    pub fn save(&mut self, checkpoints: &mut Checkpoints) -> Result<u64, Error> {
        self.save_with_score(checkpoints, None)
    }

    /// As [`save`](Self::save), with a score of the policy. The generation with the highest score is kept in addition to the newest ones.
    ///
    /// # Errors
    ///
    /// As [`save`](Self::save).
    pub fn save_with_score(&mut self, checkpoints: &mut Checkpoints, score: Option<f64>) -> Result<u64, Error> {
        if !self.can_save() {
            return Err(CheckpointError::MidEpisode.into());
        }
        if let Some(score) = score.filter(|score| !score.is_finite()) {
            return Err(StateError::NonFinite { name: "score".to_owned(), index: 0, value: score }.into());
        }
        let agent = self.agent.save_state()?;
        let manifest = Manifest {
            agent: short_type_name::<A>(),
            environment: short_type_name::<E>(),
            agent_config: agent_config(&agent),
            trainer_config: as_json(&self.config),
            environment_steps: self.environment_steps() as u64,
            updates: self.updates() as u64,
            score,
            ..Manifest::new(self.replay.transitions().replay_form())
        };
        let trainer = self.run_state()?;
        let (history, replay) = (&mut self.history.episodes, self.replay.transitions_mut());
        Ok(checkpoints.write(Snapshot { manifest, agent, trainer, history, replay })?)
    }

    /// Returns an error if the run cannot be saved at every later step, as far as this can be checked without writing a file.
    pub(super) fn check_can_be_saved(&self) -> Result<(), Error> {
        if !self.can_save_in_mid_episode() {
            return Err(CheckpointError::MidEpisode.into());
        }
        for (part, state) in
            [("the state of the agent", self.agent.save_state()?), ("the state of the run", self.run_state()?)]
        {
            state.to_bytes().map_err(|source| CheckpointError::Write { part: part.to_owned(), source })?;
        }
        Ok(())
    }

    /// Restores the run from the newest intact generation. Returns `None`, and changes nothing, if there is no generation.
    ///
    /// Build the trainer like the saved one: with the same environment, agent, settings and seed.
    /// [`TrainerConfig::episodes`](super::TrainerConfig::episodes) and
    /// [`TrainerConfig::environment_steps`](super::TrainerConfig::environment_steps) may change, and so may the settings
    /// in [`Checkpoints::allow_changed`]. The resumed run continues as the saved one would have, bit for bit, if the settings
    /// are the same and episodes are not [restarted](Self::with_restarted_episodes).
    ///
    /// A damaged newer generation is skipped and [reported](Checkpoints::on_skipped), by default on standard error.
    ///
    /// # Errors
    ///
    /// On an error the trainer is unchanged.
    ///
    /// - [`CheckpointError::NoneIntact`] if there are generations, but each is damaged
    /// - [`CheckpointError::Settings`] if settings differ; it lists all of them
    /// - [`CheckpointError::UnknownSetting`] if a name in [`Checkpoints::allow_changed`] is not a setting
    /// - [`CheckpointError::Differs`] or [`StateError`] if the newest intact generation belongs to another kind of run
    pub fn resume(&mut self, checkpoints: &mut Checkpoints) -> Result<Option<Resumed>, Error> {
        let here = self.settings(checkpoints.allowed())?;
        let Some((generation, skipped)) = checkpoints.read(|manifest| self.accept(manifest, &here))? else {
            return Ok(None);
        };
        self.restore(generation, here, skipped).map(Some)
    }

    /// Restores the run from the generation that you name, such as [`Checkpoints::best`].
    ///
    /// Newer generations stay. The next save gets a higher number than theirs, so the next [`resume`](Self::resume)
    /// continues from that save. Older ones are removed as usual, when there are enough newer ones. If you repeat the
    /// command, call this once, and [`resume`](Self::resume) from then on.
    ///
    /// # Errors
    ///
    /// As [`resume`](Self::resume), and:
    ///
    /// - [`CheckpointError::NoGeneration`] if it does not exist
    /// - [`CheckpointError::Generation`] if it is damaged
    pub fn resume_from(&mut self, checkpoints: &mut Checkpoints, generation: u64) -> Result<Resumed, Error> {
        let here = self.settings(checkpoints.allowed())?;
        let generation = checkpoints.read_generation(generation, |manifest| self.accept(manifest, &here))?;
        self.restore(generation, here, Vec::new())
    }

    fn settings(&self, allowed: &[String]) -> Result<Settings, Error> {
        let state = self.agent.save_state()?;
        let (agent, trainer) = (agent_config(&state), as_json(&self.config));
        let known = || [&agent, &trainer].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
        let known = || known().filter(|name| *name != CAPACITY);
        if let Some(name) = allowed.iter().find(|name| !known().any(|known| known == *name)) {
            let (name, known) = (name.clone(), known().cloned().collect());
            return Err(CheckpointError::UnknownSetting { name, known }.into());
        }
        Ok(Settings { state, agent, trainer, allowed: allowed.to_vec() })
    }

    /// Checks that a generation belongs to this run, and returns an empty history and an empty replay for it.
    fn accept(&self, manifest: &Manifest, here: &Settings) -> Result<(EpisodeHistory, ReplayBuffer), CheckpointError> {
        let names = [
            ("the agent", &manifest.agent, short_type_name::<A>()),
            ("the environment", &manifest.environment, short_type_name::<E>()),
        ];
        for (what, saved, here) in names {
            if *saved != here {
                return Err(CheckpointError::Differs { what, saved: saved.clone(), here });
            }
        }
        let mut settings = here.changed(manifest);
        settings.retain(|setting| !here.allowed.contains(&setting.name));
        if !settings.is_empty() {
            return Err(CheckpointError::Settings { settings });
        }
        let (saved, here) = (&manifest.replay, self.replay.transitions().replay_form());
        let sizes = |form: &crate::replay::ReplayForm| (form.capacity, form.observation_dim, form.action_dim);
        if sizes(saved) != sizes(&here) {
            let text = |form: &crate::replay::ReplayForm| {
                let (capacity, observation, action) = sizes(form);
                format!("capacity {capacity} (observations of {observation}, actions of {action})")
            };
            return Err(CheckpointError::Differs { what: "a replay of", saved: text(saved), here: text(&here) });
        }
        let (saved, here) = (manifest.metrics, A::Metrics::NAMES.len());
        if saved != here as u64 {
            let text = |metrics: String| format!("{metrics} an episode");
            let (saved, here) = (text(saved.to_string()), text(here.to_string()));
            return Err(CheckpointError::Differs { what: "metrics:", saved, here });
        }
        // The memory for it was there when the trainer was built.
        let replay = self.replay.transitions().emptied();
        let replay = replay.map_err(|error| StateError::invalid("replay", "small enough for memory", error))?;
        Ok((EpisodeHistory::with_metrics(here), replay))
    }

    /// Restores the run from a generation that was read. On an error nothing is changed.
    fn restore(
        &mut self,
        generation: Generation<EpisodeHistory>,
        here: Settings,
        skipped: Vec<Skipped>,
    ) -> Result<Resumed, Error> {
        let Generation { manifest, mut agent, trainer, history, replay, .. } = generation;
        let changed = here.changed(&manifest);
        if !changed.is_empty() {
            agent.replace_settings("config", &here.agent, &here.allowed);
        }
        let mut run = self.parse_run_state(trainer).map_err(|error| error.within("trainer"))?;
        let counts = history.check_counts(run.environment_steps, run.updates);
        counts.map_err(|error| error.within("history"))?;

        // What can fail and changes something comes last. If one of these fails, the ones before are undone.
        let mut before = Vec::new();
        let restored = self.load_environments(&mut run, &mut before).and_then(|()| {
            self.agent.load_state(agent).map_err(|error| error.within("agent"))?;
            let state = std::mem::take(&mut run.replay);
            if let Err(error) = self.replay.load(replay, state) {
                self.agent.load_state(here.state)?;
                return Err(error.within("replay").into());
            }
            Ok(())
        });
        if let Err(error) = restored {
            if let MidEpisode::Saved { load, .. } = self.collector.mid_episode {
                before.into_iter().try_for_each(|(i, state)| load(&mut self.collector.slots[i].env, state))?;
            }
            return Err(error);
        }
        self.history.episodes = history;
        let (environment_steps, restarted_episodes) = (run.environment_steps, run.restarted.len());
        self.restore_counters(run);
        let generation = manifest.generation;
        Ok(Resumed { generation, environment_steps, restarted_episodes, changed, skipped })
    }

    /// Loads the environments whose episodes continue. `before` receives their old states, to undo it.
    fn load_environments(&mut self, run: &mut RunState, before: &mut Vec<(usize, State)>) -> Result<(), Error> {
        for (i, (slot, episode)) in self.collector.slots.iter_mut().zip(&mut run.episodes).enumerate() {
            if episode.is_none() {
                continue;
            }
            let state = run.environments.take_next().map_err(|error| error.within("trainer.environments"))?;
            match &self.collector.mid_episode {
                MidEpisode::Refused => return Err(CheckpointError::MidEpisode.into()),
                MidEpisode::Restarted => {
                    *episode = None;
                    run.restarted.push(i);
                }
                MidEpisode::Saved { save, load } => {
                    before.push((i, save(&slot.env)?));
                    load(&mut slot.env, state).map_err(|error| error.within("environment"))?;
                }
            }
        }
        Ok(())
    }

    /// Restores counters, random streams and episodes.
    fn restore_counters(&mut self, run: RunState) {
        [self.collector.episode_rng, self.collector.warmup_rng, self.updater.replay_rng] = run.rngs;
        (self.collector.environment_steps, self.updater.learning_steps, self.updater.updates) =
            (run.environment_steps, run.learning_steps, run.updates);
        self.history.evaluations = run.evaluations;
        self.unreported.clear();
        for (slot, episode) in self.collector.slots.iter_mut().zip(run.episodes) {
            (slot.episode, slot.observation) = match episode {
                Some((episode, observation)) => (episode, Some(observation)),
                None => (Episode::default(), None),
            };
        }
        for i in run.restarted {
            self.agent.end_episode(i);
            self.replay.transitions_mut().end_episode(i);
        }
    }
}

/// The settings of the run that resumes.
struct Settings {
    /// State of the agent before the resume.
    state: State,
    agent: Value,
    trainer: Value,
    /// Names of the settings that may differ.
    allowed: Vec<String>,
}

impl Settings {
    /// Returns the settings that differ from those of a generation.
    fn changed(&self, manifest: &Manifest) -> Vec<ChangedSetting> {
        let mut changed = changed_of_agent(&manifest.agent_config, &self.agent, &self.allowed);
        changed.extend(changed_of_trainer(&manifest.trainer_config, &self.trainer));
        changed
    }
}

/// Leaves out settings that the saved agent lacks, unless they may differ: they are newer than the file, and the agent compares them with their
/// defaults when it restores its state.
fn changed_of_agent(saved: &Value, here: &Value, allowed: &[String]) -> Vec<ChangedSetting> {
    let mut changed = changed(saved, here);
    changed.retain(|setting| saved.get(&setting.name).is_some() || allowed.contains(&setting.name));
    changed
}

fn changed_of_trainer(saved: &Value, here: &Value) -> impl Iterator<Item = ChangedSetting> {
    changed(saved, here).into_iter().filter(|setting| !ALWAYS_ALLOWED.contains(&setting.name.as_str()))
}

fn changed(saved: &Value, here: &Value) -> Vec<ChangedSetting> {
    let text = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), Value::to_string);
    let mut names: Vec<&String> = [saved, here].into_iter().filter_map(Value::as_object).flat_map(Map::keys).collect();
    names.sort_unstable();
    names.dedup();
    let differing = names.into_iter().filter(|name| saved.get(name) != here.get(name));
    differing.map(|name| ChangedSetting::new(name.clone(), text(saved.get(name)), text(here.get(name)))).collect()
}

/// Returns the settings of an agent; null if the agent does not return them.
fn agent_config(state: &State) -> Value {
    state.text("config").and_then(|config| serde_json::from_str(config).ok()).unwrap_or(Value::Null)
}

fn as_json(config: &TrainerConfig) -> Value {
    serde_json::to_value(config).expect("a configuration is numbers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_setting_that_is_newer_than_the_file_is_left_to_the_agent() {
        let (saved, here) = (json!({"tau": 0.005}), json!({"tau": 0.005, "policy_delay": 2}));
        assert!(changed_of_agent(&saved, &here, &[]).is_empty());
        let allowed = changed_of_agent(&saved, &here, &["policy_delay".to_owned()]);
        assert_eq!(allowed, [ChangedSetting::new("policy_delay".to_owned(), "absent".to_owned(), "2".to_owned())]);
        // One that is gone, or differs, is named.
        let names = |saved: Value, here: Value| -> Vec<String> {
            changed_of_agent(&saved, &here, &[]).into_iter().map(|setting| setting.name).collect()
        };
        assert_eq!(names(json!({"tau": 0.005, "old": 1}), json!({"tau": 0.01})), ["old", "tau"]);
    }
}
