//! The part `trainer.safetensors` of a checkpoint: counters, random streams, evaluations, and the running episodes.

use rand::rngs::ChaCha8Rng;

use super::env_slot::{EnvSlot, MidEpisode};
use super::episode::Episode;
use super::{EvaluationSummary, Trainer};
use crate::agent::{Agent, Metrics};
use crate::env::Environment;
use crate::state::{State, StateError, States};

/// Largest count that is accepted. No run reaches it, and adding to it does not overflow.
const MAX_COUNT: u64 = 1 << 53;

/// Names of the random streams of a trainer.
const RNGS: [&str; 3] = ["episode_rng", "warmup_rng", "replay_rng"];

/// The state of an environment's episode when the run was saved.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    BetweenEpisodes,
    /// Its episode is running and saved.
    InEpisode,
    /// Its episode is running and not saved: the resumed run starts a new one.
    Restarted,
}

/// The trainer's part of a checkpoint, read and checked, before anything is changed.
pub(super) struct RunState {
    pub(super) environment_steps: usize,
    pub(super) learning_steps: usize,
    pub(super) updates: usize,
    pub(super) rngs: [ChaCha8Rng; 3],
    pub(super) evaluations: Vec<EvaluationSummary>,
    pub(super) replay: State,
    /// For each environment, the saved episode and its newest observation, if one is running.
    pub(super) episodes: Vec<Option<(Episode, Vec<f32>)>>,
    /// The states of the environments with saved episodes.
    pub(super) environments: States,
    /// The environments whose episodes are not saved.
    pub(super) restarted: Vec<usize>,
}

impl<E: Environment, A: Agent> Trainer<E, A> {
    pub(super) fn run_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        state.put("environment_steps", self.environment_steps() as u64);
        state.put("updates", self.updates() as u64);
        for (name, rng) in
            RNGS.into_iter().zip([&self.collector.episode_rng, &self.collector.warmup_rng, &self.updater.replay_rng])
        {
            state.put_rng(name, rng);
        }
        state.put("learning_steps", self.updater.learning_steps as u64);
        state.put_state("evaluations", evaluations_state(&self.history.evaluations));
        state.put_state("replay", self.replay.save_state()?);
        let saved: Vec<&EnvSlot<E>> = match &self.collector.mid_episode {
            MidEpisode::Saved { .. } => self.collector.slots.iter().filter(|slot| slot.observation.is_some()).collect(),
            MidEpisode::Restarted | MidEpisode::Refused => Vec::new(),
        };
        let phases = self.collector.slots.iter().map(|slot| match (&slot.observation, &self.collector.mid_episode) {
            (None, _) => Phase::BetweenEpisodes,
            (Some(_), MidEpisode::Saved { .. }) => Phase::InEpisode,
            (Some(_), _) => Phase::Restarted,
        });
        state.put_array("phases", &[self.collector.slots.len()], phases.map(|phase| phase as u64).collect());
        state.put_state("episodes", episodes_state(&saved, self.spaces().observation().dim(), A::Metrics::NAMES.len()));
        let environments: Result<_, _> = match &self.collector.mid_episode {
            MidEpisode::Saved { save, .. } => saved.iter().map(|slot| save(&slot.env)).collect(),
            MidEpisode::Restarted | MidEpisode::Refused => Ok(Vec::new()),
        };
        state.put_states("environments", environments.map_err(|error| error.within("environment"))?);
        Ok(state)
    }

    pub(super) fn parse_run_state(&self, mut state: State) -> Result<RunState, StateError> {
        let environment_steps = state.take_count("environment_steps")?;
        let updates = state.take_count("updates")?;
        let mut rng = |name, here| state.take_rng(name, here);
        let rngs = [
            rng(RNGS[0], &self.collector.episode_rng)?,
            rng(RNGS[1], &self.collector.warmup_rng)?,
            rng(RNGS[2], &self.updater.replay_rng)?,
        ];
        let evaluations = parse_evaluations(state.take_state("evaluations"), environment_steps, updates);
        let evaluations = evaluations.map_err(|error| error.within("evaluations"))?;
        let learning_steps = state.take_count("learning_steps")?;
        if learning_steps > environment_steps {
            return Err(StateError::invalid("learning_steps", format!("at most {environment_steps}"), learning_steps));
        }
        let replay = state.take_state("replay");
        let phases = parse_phases(state.take_row("phases")?, self.collector.slots.len())?;
        let in_episode = phases.iter().filter(|phase| **phase == Phase::InEpisode).count();
        let dims = (in_episode, self.spaces().observation().dim(), A::Metrics::NAMES.len());
        let episodes = parse_episodes(state.take_state("episodes"), dims).map_err(|error| error.within("episodes"))?;
        let environments = state.take_states("environments")?;
        if environments.len() != in_episode {
            let rule = format!("{in_episode}, one for each running episode");
            return Err(StateError::invalid("environments.count", rule, environments.len()));
        }
        state.finish()?;
        let mut episodes = episodes.into_iter();
        let episodes = phases.iter().map(|&phase| (phase == Phase::InEpisode).then(|| episodes.next()).flatten());
        let episodes = episodes.collect();
        let restarted = (0..phases.len()).filter(|&i| phases[i] == Phase::Restarted).collect();
        Ok(RunState {
            environment_steps,
            learning_steps,
            updates,
            rngs,
            evaluations,
            replay,
            episodes,
            environments,
            restarted,
        })
    }
}

fn parse_phases(phases: Vec<u64>, environments: usize) -> Result<Vec<Phase>, StateError> {
    if phases.len() != environments {
        return Err(StateError::Differs {
            name: "environments".to_owned(),
            saved: phases.len().to_string(),
            here: environments.to_string(),
        });
    }
    let phase = |phase| match phase {
        0 => Ok(Phase::BetweenEpisodes),
        1 => Ok(Phase::InEpisode),
        2 => Ok(Phase::Restarted),
        other => Err(StateError::invalid("phases", "from 0 to 2", other)),
    };
    phases.into_iter().map(phase).collect()
}

/// Returns the running episodes, a row for each.
fn episodes_state<E>(slots: &[&EnvSlot<E>], observation_dim: usize, metrics: usize) -> State {
    let (n, mut state) = (slots.len(), State::new());
    let counts = |of: fn(&Episode) -> usize| slots.iter().map(|slot| of(&slot.episode) as u64).collect();
    let observations = slots.iter().flat_map(|slot| slot.observation.iter().flatten().copied());
    state.put_array("observation", &[n, observation_dim], observations.collect());
    state.put_array("steps", &[n], counts(|episode| episode.steps));
    state.put_array("return", &[n], slots.iter().map(|slot| slot.episode.episode_return).collect());
    state.put_array("updates", &[n], counts(|episode| episode.updates));
    let mut sums = Vec::with_capacity(n * metrics);
    for (i, slot) in slots.iter().enumerate() {
        // Empty until the first update.
        sums.extend_from_slice(&slot.episode.metric_sums);
        sums.resize((i + 1) * metrics, 0.0);
    }
    state.put_array("metric_sums", &[n, metrics], sums);
    state
}

/// Reads the running episodes, with the given sizes of observations and metrics.
fn parse_episodes(
    mut state: State,
    (n, observation_dim, metrics): (usize, usize, usize),
) -> Result<Vec<(Episode, Vec<f32>)>, StateError> {
    let observations: Vec<f32> = state.take_array("observation", &[n, observation_dim])?;
    let mut counts = |name| match state.take_array::<u64>(name, &[n])? {
        counts if counts.iter().all(|&count| count <= MAX_COUNT) => Ok(counts),
        counts => {
            let found = counts.iter().max().unwrap_or(&0);
            Err(StateError::invalid(name, format!("a count of at most {MAX_COUNT}"), found))
        }
    };
    let (steps, updates) = (counts("steps")?, counts("updates")?);
    let returns: Vec<f64> = state.take_array("return", &[n])?;
    let sums: Vec<f64> = state.take_array("metric_sums", &[n, metrics])?;
    state.finish()?;
    let episode = |i: usize| {
        let (steps, updates) = (steps[i] as usize, updates[i] as usize);
        let metric_sums = if updates == 0 { Vec::new() } else { sums[i * metrics..][..metrics].to_vec() };
        let observation = observations[i * observation_dim..][..observation_dim].to_vec();
        (Episode { steps, episode_return: returns[i], metric_sums, updates }, observation)
    };
    Ok((0..n).map(episode).collect())
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

/// Reads the evaluations of a run with that many steps and updates.
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
