//! Saving a whole run, and going on with it in another process.

use rand::rngs::ChaCha8Rng;
use serde_json::Value;

use super::episode::Episode;
use super::{EpisodeSummary, EvaluationSummary, StepReport, Trainer};
use crate::agent::{Agent, Metrics};
use crate::checkpoint::{CheckpointError, Checkpoints, Manifest, Skipped, Snapshot, short_type_name};
use crate::env::Environment;
use crate::error::Error;
use crate::replay::ReplayBuffer;
use crate::state::{SaveState, State, StateError, expect_same_config};

/// How the state of the environment is saved and loaded, for environments that can.
#[derive(Debug)]
pub(super) struct EnvironmentState<E> {
    save: fn(&E) -> Result<State, StateError>,
    load: fn(&mut E, State) -> Result<(), StateError>,
}

/// What a run was resumed from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Resumed {
    /// Number of the generation.
    pub generation: u64,
    /// Environment steps that the run had taken.
    pub environment_steps: usize,
    /// Newer generations that were not whole, and why.
    pub skipped: Vec<Skipped>,
}

impl<E: Environment + SaveState, A: Agent> Trainer<E, A> {
    /// Lets the run be saved in mid-episode, with the state of its environment.
    #[must_use]
    pub fn with_environment_state(mut self) -> Self {
        self.environment_state = Some(EnvironmentState { save: E::save_state, load: E::load_state });
        self
    }
}

impl<E: Environment, A: Agent> Trainer<E, A> {
    /// Returns whether the run can be saved now: between episodes, or with environments that save their state.
    pub fn can_save(&self) -> bool {
        self.environment_state.is_some() || self.plays.iter().all(|play| play.observation.is_none())
    }
}

impl<E: Environment, A: Agent + SaveState> Trainer<E, A> {
    /// Saves everything that decides how the run goes on; returns the number of the generation.
    ///
    /// It is written to the side and renamed, so that a crash, a full disk or an error leaves the generations before as they
    /// were. Parts of the replay that have not changed since the last generation are not written again.
    ///
    /// # Errors
    ///
    /// - [`CheckpointError::MidEpisode`] if the episode has not ended and [`can_save`](Self::can_save) is false
    /// - [`CheckpointError::Write`] if a number of the run is not finite
    /// - [`CheckpointError::Io`] if the file system refuses
    pub fn save(&mut self, checkpoints: &mut Checkpoints) -> Result<u64, Error> {
        self.save_with_score(checkpoints, None)
    }

    /// As [`save`](Self::save), with what an evaluation of the policy gave; of all generations, the best by that is kept.
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
        let agent_config = agent.text("config").and_then(|config| serde_json::from_str(config).ok());
        let manifest = Manifest {
            agent: short_type_name::<A>(),
            environment: short_type_name::<E>(),
            agent_config: agent_config.unwrap_or(Value::Null),
            trainer_config: self.config_as_json(),
            environment_steps: self.environment_steps as u64,
            updates: self.updates as u64,
            episodes: self.episodes() as u64,
            score,
            ..Manifest::new(self.replay.transitions().replay_form())
        };
        let trainer = self.trainer_state()?;
        let snapshot = Snapshot { manifest, agent, trainer, replay: self.replay.transitions_mut() };
        Ok(checkpoints.write(snapshot)?)
    }

    /// Takes up the newest generation that is whole; `None`, with nothing changed, if there is none at all.
    ///
    /// The trainer must be built as the one that was saved: with the same environment, agent, settings and seed.
    /// [`TrainerConfig::episodes`](super::TrainerConfig::episodes) may be another number. After that it goes on as the other one
    /// would have, bit for bit.
    ///
    /// # Errors
    ///
    /// Nothing has changed then.
    ///
    /// - [`CheckpointError::NoneIntact`] if there are generations, but each is damaged
    /// - [`CheckpointError::Differs`] or [`StateError`] if the newest that is whole belongs to something else
    pub fn resume(&mut self, checkpoints: &mut Checkpoints) -> Result<Option<Resumed>, Error> {
        let Some((generation, skipped)) = checkpoints.read(|manifest| self.accept(manifest))? else { return Ok(None) };
        let loaded = self.parse(generation.trainer).map_err(|error| error.within("trainer"))?;

        // What can fail and changes something comes last, and what has changed is undone if the next fails.
        let Loaded { environment_steps, learning_steps, updates, rngs, history, evaluations, replay, plays } = loaded;
        let mut undo = Vec::new();
        let load_all = || {
            for (play, loaded) in self.plays.iter_mut().zip(&plays) {
                let Some((.., state)) = loaded else { continue };
                let Some(EnvironmentState { save, load }) = &self.environment_state else {
                    return Err(Error::from(CheckpointError::MidEpisode));
                };
                undo.push((*load, save(&play.env)?));
                load(&mut play.env, state.clone()).map_err(|error| error.within("environment"))?;
            }
            let before = self.agent.save_state()?;
            self.agent.load_state(generation.agent).map_err(|error| error.within("agent"))?;
            if let Err(error) = self.replay.load(generation.replay, replay) {
                self.agent.load_state(before)?;
                return Err(error.within("replay").into());
            }
            Ok(())
        };
        if let Err(error) = load_all() {
            let loaded = self.plays.iter_mut().zip(&plays).filter(|(_, loaded)| loaded.is_some());
            for ((load, before), (play, _)) in undo.into_iter().zip(loaded) {
                load(&mut play.env, before)?;
            }
            return Err(error);
        }
        self.untold = StepReport::default();
        [self.episode_rng, self.warmup_rng, self.replay_rng] = rngs;
        (self.environment_steps, self.learning_steps, self.updates) = (environment_steps, learning_steps, updates);
        (self.history.episodes, self.history.evaluations) = (history, evaluations);
        for (play, loaded) in self.plays.iter_mut().zip(plays) {
            (play.episode, play.observation) = match loaded {
                Some((episode, observation, _)) => (episode, Some(observation)),
                None => (Episode::default(), None),
            };
        }
        Ok(Some(Resumed { generation: generation.manifest.generation, environment_steps, skipped }))
    }

    fn config_as_json(&self) -> Value {
        serde_json::to_value(&self.config).expect("a configuration is numbers")
    }

    /// Checks that a generation belongs to this run, and returns an empty replay for it.
    fn accept(&self, manifest: &Manifest) -> Result<ReplayBuffer, CheckpointError> {
        let names = [
            ("the agent", &manifest.agent, short_type_name::<A>()),
            ("the environment", &manifest.environment, short_type_name::<E>()),
        ];
        for (what, saved, here) in names {
            if *saved != here {
                return Err(CheckpointError::Differs { what, saved: saved.clone(), here });
            }
        }
        let (saved, here) = (manifest.trainer_config.to_string(), self.config_as_json().to_string());
        expect_same_config("trainer", &saved, &here, &["episodes", "environment_steps"])?;
        let (saved, here) = (&manifest.replay, self.replay.transitions().replay_form());
        let sizes = |form: &crate::replay::ReplayForm| (form.capacity, form.observation_dim, form.action_dim);
        if sizes(saved) != sizes(&here) {
            let text = |form: &crate::replay::ReplayForm| {
                let (capacity, observation, action) = sizes(form);
                format!("capacity {capacity} (observations of {observation}, actions of {action})")
            };
            return Err(CheckpointError::Differs { what: "a replay of", saved: text(saved), here: text(&here) });
        }
        // The memory for it was there when the trainer was built.
        self.replay
            .transitions()
            .emptied()
            .map_err(|error| StateError::invalid("replay", "small enough for memory", error).into())
    }

    fn trainer_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        state.put("environment_steps", self.environment_steps as u64);
        state.put("updates", self.updates as u64);
        for (name, rng) in RNGS.into_iter().zip([&self.episode_rng, &self.warmup_rng, &self.replay_rng]) {
            state.put_rng(name, rng);
        }
        state.put("learning_steps", self.learning_steps as u64);
        state.put_state("history", self.history_state());
        state.put_state("evaluations", evaluations_state(&self.history.evaluations));
        state.put_state("replay", self.replay.save_state()?);
        state.put("environments", self.plays.len() as u64);
        for (i, play) in self.plays.iter().enumerate() {
            let Some(observation) = &play.observation else { continue };
            let Episode { steps, episode_return, metric_sums, updates } = &play.episode;
            let mut episode = State::new();
            episode.put_array("observation", &[observation.len()], observation.clone());
            episode.put("steps", *steps as u64);
            episode.put("return", *episode_return);
            episode.put_array("metric_sums", &[metric_sums.len()], metric_sums.clone());
            episode.put("updates", *updates as u64);
            state.put_state(&format!("episode_{i}"), episode);
            if let Some(EnvironmentState { save, .. }) = &self.environment_state {
                state.put_state(&format!("environment_{i}"), save(&play.env)?);
            }
        }
        Ok(state)
    }

    fn history_state(&self) -> State {
        let episodes = &self.history.episodes;
        let (n, width) = (episodes.len(), A::Metrics::NAMES.len());
        let counts = |of: fn(&EpisodeSummary) -> u64| episodes.iter().map(of).collect::<Vec<u64>>();
        let mut state = State::new();
        state.put_array("steps", &[n], counts(|episode| episode.steps as u64));
        state.put_array("environment_steps", &[n], counts(|episode| episode.environment_steps as u64));
        state.put_array("updates", &[n], counts(|episode| episode.updates as u64));
        state.put_array("terminated", &[n], counts(|episode| episode.terminated.into()));
        state.put_array("truncated", &[n], counts(|episode| episode.truncated.into()));
        state.put_array("has_metrics", &[n], counts(|episode| episode.metrics.is_some().into()));
        state.put_array("return", &[n], episodes.iter().map(|episode| episode.episode_return).collect());
        state.put_array("average_return", &[n], episodes.iter().map(|episode| episode.average_return).collect());
        let row = |episode: &EpisodeSummary| episode.metrics.clone().unwrap_or_else(|| vec![0.0; width]);
        state.put_array("metrics", &[n, width], episodes.iter().flat_map(row).collect());
        state
    }

    fn parse(&self, mut state: State) -> Result<Loaded, StateError> {
        let environment_steps = state.take_count("environment_steps")?;
        let updates = state.take_count("updates")?;
        let mut rng = |name, here| state.take_rng(name, here);
        let rngs = [rng(RNGS[0], &self.episode_rng)?, rng(RNGS[1], &self.warmup_rng)?, rng(RNGS[2], &self.replay_rng)?];
        let history = parse_history::<A>(state.take_state("history"), environment_steps, updates);
        let history = history.map_err(|error| error.within("history"))?;
        let evaluations = parse_evaluations(state.take_state("evaluations"), environment_steps, updates);
        let evaluations = evaluations.map_err(|error| error.within("evaluations"))?;
        let learning_steps = state.take_count("learning_steps")?;
        if learning_steps > environment_steps {
            return Err(StateError::invalid("learning_steps", format!("at most {environment_steps}"), learning_steps));
        }
        let replay = state.take_state("replay");
        state.expect("environments", self.plays.len() as u64)?;
        let observation_dim = self.agent.spaces().observation().dim();
        let mut plays = Vec::new();
        for i in 0..self.plays.len() {
            let part = format!("episode_{i}");
            let episode = state.take_state(&part);
            if episode.names().next().is_none() {
                plays.push(None);
                continue;
            }
            let episode = parse_episode::<A>(episode, observation_dim).map_err(|error| error.within(&part))?;
            plays.push(Some((episode.0, episode.1, state.take_state(&format!("environment_{i}")))));
        }
        state.finish()?;
        Ok(Loaded { environment_steps, learning_steps, updates, rngs, history, evaluations, replay, plays })
    }
}

/// Names of the random streams of a trainer.
const RNGS: [&str; 3] = ["episode_rng", "warmup_rng", "replay_rng"];

/// What the trainer's part of a checkpoint says, before anything is changed.
struct Loaded {
    environment_steps: usize,
    learning_steps: usize,
    updates: usize,
    rngs: [ChaCha8Rng; 3],
    history: Vec<EpisodeSummary>,
    evaluations: Vec<EvaluationSummary>,
    replay: State,
    /// Of each environment the episode under way, if there is one: so far, what the agent sees, and the environment's state.
    plays: Vec<Option<(Episode, Vec<f32>, State)>>,
}

fn evaluations_state(evaluations: &[EvaluationSummary]) -> State {
    let n = evaluations.len();
    let counts =
        |of: fn(&EvaluationSummary) -> usize| evaluations.iter().map(|each| of(each) as u64).collect::<Vec<_>>();
    let returns: Vec<f64> = evaluations.iter().flat_map(|evaluation| evaluation.returns.iter().copied()).collect();
    let mut state = State::new();
    state.put_array("environment_steps", &[n], counts(|evaluation| evaluation.environment_steps));
    state.put_array("updates", &[n], counts(|evaluation| evaluation.updates));
    state.put_array("episodes", &[n], counts(|evaluation| evaluation.returns.len()));
    state.put_array("returns", &[returns.len()], returns);
    state
}

/// Reads the evaluations of a run that has taken so many steps and updates.
fn parse_evaluations(
    mut state: State,
    environment_steps: usize,
    updates: usize,
) -> Result<Vec<EvaluationSummary>, StateError> {
    let n = state.shape("environment_steps")?.iter().product();
    let returns: Vec<f64> = state.take_row("returns")?;
    let mut counts = |name, largest: usize| match state.take_array::<u64>(name, &[n])? {
        counts if counts.iter().all(|&count| count <= largest as u64) => Ok(counts),
        counts => Err(StateError::invalid(name, format!("at most {largest}"), counts.iter().max().unwrap_or(&0))),
    };
    let environment_steps = counts("environment_steps", environment_steps)?;
    let updates = counts("updates", updates)?;
    let episodes = counts("episodes", returns.len())?;
    state.finish()?;
    let total: u64 = episodes.iter().sum();
    if total != returns.len() as u64 {
        return Err(StateError::invalid("episodes", format!("{} in all", returns.len()), total));
    }
    let mut returns = returns.into_iter();
    let summary = |i: usize| EvaluationSummary {
        environment_steps: environment_steps[i] as usize,
        updates: updates[i] as usize,
        returns: returns.by_ref().take(episodes[i] as usize).collect(),
    };
    Ok((0..n).map(summary).collect())
}

fn parse_episode<A: Agent>(mut state: State, observation_dim: usize) -> Result<(Episode, Vec<f32>), StateError> {
    let observation = state.take_array("observation", &[observation_dim])?;
    let updates = state.take_count("updates")?;
    // Empty until the first update.
    let width = if updates == 0 { 0 } else { A::Metrics::NAMES.len() };
    let episode = Episode {
        steps: state.take_count("steps")?,
        episode_return: state.take("return")?,
        metric_sums: state.take_array("metric_sums", &[width])?,
        updates,
    };
    state.finish()?;
    Ok((episode, observation))
}

/// Reads the episodes of a run that has taken so many steps and updates.
fn parse_history<A: Agent>(
    mut state: State,
    environment_steps: usize,
    updates: usize,
) -> Result<Vec<EpisodeSummary>, StateError> {
    let n = state.shape("steps")?.iter().product();
    let width = A::Metrics::NAMES.len();
    let mut up_to = |name, largest: u64| {
        let counts = state.take_array::<u64>(name, &[n])?;
        match counts.iter().find(|&&count| count > largest) {
            Some(count) => Err(StateError::invalid(name, format!("at most {largest}"), count)),
            None => Ok(counts),
        }
    };
    let mut counts = |name| up_to(name, environment_steps as u64);
    let (steps, environment_steps) = (counts("steps")?, counts("environment_steps")?);
    let updates = up_to("updates", updates as u64)?;
    let mut flags = |name| up_to(name, 1);
    let (terminated, truncated, has_metrics) = (flags("terminated")?, flags("truncated")?, flags("has_metrics")?);
    let returns: Vec<f64> = state.take_array("return", &[n])?;
    let average_returns: Vec<f64> = state.take_array("average_return", &[n])?;
    let metrics: Vec<f64> = state.take_array("metrics", &[n, width])?;
    state.finish()?;
    let summary = |i: usize| EpisodeSummary {
        episode: i,
        steps: steps[i] as usize,
        episode_return: returns[i],
        average_return: average_returns[i],
        terminated: terminated[i] != 0,
        truncated: truncated[i] != 0,
        environment_steps: environment_steps[i] as usize,
        updates: updates[i] as usize,
        metrics: (has_metrics[i] != 0).then(|| metrics[i * width..][..width].to_vec()),
    };
    Ok((0..n).map(summary).collect())
}
