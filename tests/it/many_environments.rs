//! Several environments at once: what each of them sees, what is stored, and how many updates follow.

use crate::fixture;
use actor_critic::agent::{ActError, Agent, AgentError, DdpgMetrics, Update};
use actor_critic::nn::{DeterministicActor, DeterministicActorConfig, QNetwork, QNetworkConfig};
use actor_critic::noise::OrnsteinUhlenbeckConfig;
use actor_critic::prelude::*;
use actor_critic::replay::{PrioritizedReplay, PrioritizedReplayConfig};
use actor_critic::train::Schedule;

/// Seed, first observation, actions and steps of an episode.
#[derive(Debug, Clone, PartialEq)]
struct Log {
    seed: u64,
    first: Vec<f32>,
    steps: Vec<(Vec<f32>, Step)>,
}

/// An environment that remembers everything.
struct Logged {
    env: TimeLimit<Pendulum>,
    episodes: Vec<Log>,
    /// Steps in all, until it fails once.
    fails_at: Option<usize>,
    steps: usize,
}

fn logged(limit: usize, fails_at: Option<usize>) -> Logged {
    let env = TimeLimit::new(Pendulum::default(), limit.try_into().unwrap());
    Logged { env, episodes: Vec::new(), fails_at, steps: 0 }
}

impl Environment for Logged {
    fn observation_space(&self) -> &BoxSpace {
        self.env.observation_space()
    }

    fn action_space(&self) -> &BoxSpace {
        self.env.action_space()
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let first = self.env.reset(seed)?;
        self.episodes.push(Log { seed, first: first.clone(), steps: Vec::new() });
        Ok(first)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        self.steps += 1;
        if self.fails_at == Some(self.steps) {
            return Err(EnvironmentError::other("the cable broke"));
        }
        let step = self.env.step(action)?;
        let episode = self.episodes.last_mut().unwrap();
        episode.steps.push((action.to_vec(), step.clone()));
        Ok(step)
    }
}

type SmallDdpg = Ddpg<DeterministicActor, QNetwork>;

fn agent(device: &Device, config: &DdpgConfig, seed: Seed) -> SmallDdpg {
    let spaces = Spaces::of(&Pendulum::v1()).unwrap();
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![16]);
    let critic = QNetworkConfig::new().with_hidden_dims(vec![16]);
    let actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), device).unwrap();
    let critic = critic.init(&spaces, &mut seed.stream(Stream::CriticWeights), device).unwrap();
    Ddpg::new(actor, critic, &spaces, config, device, seed).unwrap()
}

fn config(episodes: usize) -> TrainerConfig {
    TrainerConfig::new(episodes).with_batch_size(8).with_learning_starts(24).with_warmup_steps(16)
}

/// Trains in environments whose episodes end at different times.
fn trained(device: &Device, environments: usize, config: &TrainerConfig) -> Trainer<Logged, SmallDdpg> {
    let environments = (0..environments).map(|i| logged(11 + 3 * i, None)).collect();
    let agent = agent(device, &DdpgConfig::new(), Seed(1));
    let mut trainer = Trainer::with_environments(environments, agent, config, Seed(1)).unwrap();
    trainer.run(&mut []).unwrap();
    trainer
}

#[test]
fn each_environment_goes_the_way_it_would_go_alone() {
    for device in fixture::devices() {
        for environments in [1, 8] {
            let trainer = trained(&device, environments, &config(30));
            let mut seeds = Vec::new();
            for (i, env) in trainer.environments().enumerate() {
                for log in &env.episodes {
                    seeds.push(log.seed);
                    let mut alone = TimeLimit::new(Pendulum::default(), (11 + 3 * i).try_into().unwrap());
                    assert_eq!(alone.reset(log.seed).unwrap(), log.first);
                    for (action, step) in &log.steps {
                        assert_eq!(alone.step(action).unwrap(), *step);
                    }
                }
            }
            assert!(trainer.episodes() >= 30);
            let drawn = seeds.len();
            seeds.sort_unstable();
            seeds.dedup();
            assert_eq!(seeds.len(), drawn, "every episode has a seed of its own");
        }
    }
}

#[test]
fn the_replay_holds_every_step_and_the_last_observation_of_each_episode() {
    let device = fixture::devices().remove(0);
    let trainer = trained(&device, 3, &config(20));
    assert_eq!(trainer.replay().len(), trainer.environment_steps());
    // Stored in the order of the environments, one step of each after another.
    let mut ways: Vec<_> = (trainer.environments())
        .map(|env| {
            env.episodes.iter().flat_map(|log| {
                let before = std::iter::once(&log.first).chain(log.steps.iter().map(|(_, step)| &step.observation));
                before.zip(&log.steps)
            })
        })
        .collect();
    let mut age = 0;
    while let Some(stored) = trainer.replay().get(age) {
        let (before, (action, step)) = ways[age % 3].next().unwrap();
        assert_eq!(stored, Transition::new(before, action, step), "transition {age}");
        assert!(!stored.terminated, "a pendulum is cut off, and never at its end");
        age += 1;
    }
    assert_eq!(age, trainer.environment_steps());
}

#[test]
fn summaries_are_those_of_the_environments() {
    let device = fixture::devices().remove(0);
    let trainer = trained(&device, 4, &config(20));
    let mut returns: Vec<(usize, f64)> = (trainer.environments())
        .flat_map(|env| &env.episodes)
        .filter(|log| log.steps.last().is_some_and(|(_, step)| step.is_last()))
        .map(|log| (log.steps.len(), log.steps.iter().map(|(_, step)| f64::from(step.reward)).sum()))
        .collect();
    let mut told: Vec<_> = trainer.history().iter().map(|episode| (episode.steps, episode.episode_return)).collect();
    returns.sort_by(|a, b| a.1.total_cmp(&b.1));
    told.sort_by(|a, b| a.1.total_cmp(&b.1));
    assert_eq!(told, returns);
}

#[test]
fn updates_are_counted_by_environment_steps() {
    let device = fixture::devices().remove(0);
    for (ratio, count) in [(1.0, 1), (1.0, 4), (0.25, 4), (0.1, 3), (0.3, 4), (2.5, 2)] {
        let environments = (0..count).map(|i| logged(11 + 3 * i, None)).collect();
        let agent = agent(&device, &DdpgConfig::new(), Seed(1));
        let config = config(99).with_updates_per_step(ratio);
        let mut trainer = Trainer::with_environments(environments, agent, &config, Seed(1)).unwrap();
        // Learning starts with the step of all environments that brings the replay to 24.
        let before = (24_usize.div_ceil(count) - 1) * count;
        for _ in 0..40 {
            trainer.step().unwrap();
            let learning = trainer.environment_steps().saturating_sub(before);
            assert_eq!(
                trainer.updates(),
                (learning as f64 * ratio).floor() as usize,
                "{ratio} × {count} at {learning}"
            );
        }
        assert!(trainer.updates() > 0);
    }
}

#[test]
fn each_environment_has_noise_of_its_own() {
    let device = fixture::devices().remove(0);
    let noise = OrnsteinUhlenbeckConfig::new().with_reset_each_episode(true);
    let config = DdpgConfig::new().with_noise(NoiseConfig::OrnsteinUhlenbeck(noise));
    let mut agent = agent(&device, &config, Seed(3));
    let observation = [1.0, 0.0, 0.0];
    let greedy = agent.act(&[&observation]).unwrap()[0][0];
    let mut displaced = |n| {
        let actions = agent.explore(&vec![&observation[..]; n]).unwrap();
        let displacements = actions.iter().map(|action| action[0] - greedy).collect::<Vec<_>>();
        agent.end_episode(0);
        displacements
    };
    let steps: Vec<Vec<f32>> = (0..200).map(|_| displaced(3)).collect();
    let moved = |environment: usize| {
        let moves = steps.windows(2).map(|pair| (pair[1][environment] - pair[0][environment]).abs());
        moves.sum::<f32>() / 199.0
    };
    // The first begins at 0 every step; the other two wander, each for itself, with a variance of σ² / (2 θ − θ²) = 3.6 σ².
    let spread = |environment: usize| steps.iter().map(|step| step[environment].powi(2)).sum::<f32>();
    assert!(spread(0) < 0.5 * spread(1) && spread(0) < 0.5 * spread(2));
    assert!(moved(1) > 0.0 && steps.iter().all(|step| step[1] != step[2]));
}

#[test]
fn one_that_fails_loses_its_episode_and_no_other_does() {
    let device = fixture::devices().remove(0);
    let environments = (0..3).map(|i| logged(10, (i == 1).then_some(15))).collect();
    let agent = agent(&device, &DdpgConfig::new(), Seed(1));
    let mut trainer = Trainer::with_environments(environments, agent, &config(9), Seed(1)).unwrap();
    let error = trainer.run(&mut []).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the environment failed: the cable broke, in environment 1, at environment step 43 after 21 updates"
    );
    assert_eq!((trainer.environment_steps(), trainer.replay().len()), (44, 44), "the other two have taken their step");
    trainer.run(&mut []).unwrap();
    let episodes: Vec<usize> = trainer.environments().map(|env| env.episodes.len()).collect();
    assert_eq!(episodes, [4, 4, 4]);
    assert_eq!(trainer.episodes(), 9);
}

#[test]
fn episodes_that_end_while_another_environment_fails_are_counted() {
    let device = fixture::devices().remove(0);
    let environments = (0..3).map(|i| logged(10, (i == 1).then_some(10))).collect();
    let agent = agent(&device, &DdpgConfig::new(), Seed(1));
    let mut trainer = Trainer::with_environments(environments, agent, &config(9), Seed(1)).unwrap();
    trainer.run(&mut []).unwrap_err();
    assert_eq!((trainer.environment_steps(), trainer.episodes()), (29, 2));
    // They begin anew, and nothing of the episodes before is counted again.
    trainer.run(&mut []).unwrap();
    assert!(trainer.history().iter().all(|episode| episode.steps == 10));
}

#[test]
fn what_cannot_be_joined_is_refused() {
    let device = fixture::devices().remove(0);
    let agent = || agent(&device, &DdpgConfig::new(), Seed(0));
    let none: Vec<TimeLimit<Pendulum>> = Vec::new();
    let error = Trainer::with_environments(none, agent(), &config(1), Seed(0)).unwrap_err();
    assert_eq!(error.to_string(), "number of environments must be at least 1, got 0");
    let two: Vec<Box<dyn Environment>> =
        vec![Box::new(Pendulum::v1()), Box::new(actor_critic::env::MountainCarContinuous::v0())];
    let error = Trainer::with_environments(two, agent(), &config(1), Seed(0)).err().unwrap();
    assert!(error.to_string().starts_with("agent and environment must have the same spaces"));

    let trainer = || Trainer::new(Pendulum::v1(), agent(), &config(1), Seed(0)).unwrap();
    let error = trainer().with_replay(ReplayBuffer::new(23, 3, 1).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "capacity of the replay must be at least 24, got 23");
    let error = trainer().with_replay(ReplayBuffer::new(24, 2, 1).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "observation must have 3 components, got 2");
}

/// An agent that answers fewer environments than ask.
struct Short(SmallDdpg);

impl Act for Short {
    fn spaces(&self) -> &Spaces {
        self.0.spaces()
    }

    fn act(&self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        self.0.act(observations)
    }
}

impl Agent for Short {
    type Metrics = DdpgMetrics;

    fn device(&self) -> &Device {
        self.0.device()
    }

    fn explore(&mut self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        self.0.explore(&observations[1..])
    }

    fn discount(&self) -> f64 {
        self.0.discount()
    }

    fn update(&mut self, batch: &Batch) -> Result<Update<DdpgMetrics>, AgentError> {
        self.0.update(batch)
    }
}

#[test]
fn an_agent_that_forgets_an_environment_is_refused() {
    let device = fixture::devices().remove(0);
    let agent = Short(agent(&device, &DdpgConfig::new(), Seed(0)));
    let environments = vec![Pendulum::v1(), Pendulum::v1()];
    let config = config(1).with_warmup_steps(0);
    let mut trainer = Trainer::with_environments(environments, agent, &config, Seed(0)).unwrap();
    let error = trainer.step().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the actor must return shape [2, 1] for 2 observations, got [1, 1], at environment step 1 after 0 updates"
    );
}

/// A run with everything that a checkpoint has to hold.
fn everything(device: &Device) -> Trainer<TimeLimit<Pendulum>, SmallDdpg> {
    let environments = (0..3).map(|i| TimeLimit::new(Pendulum::default(), (17 + 5 * i).try_into().unwrap())).collect();
    let noise = OrnsteinUhlenbeckConfig::new().with_reset_each_episode(false);
    let settings =
        DdpgConfig::new().with_noise(NoiseConfig::OrnsteinUhlenbeck(noise)).with_normalize_observations(true);
    let config = config(40).with_updates_per_step(0.4).with_n_step(3).with_replay_capacity(200);
    let replay =
        PrioritizedReplay::new(ReplayBuffer::new(200, 3, 1).unwrap(), &PrioritizedReplayConfig::new()).unwrap();
    let evaluation = EvaluateEvery::steps(50, |agent: &SmallDdpg| evaluate(agent, &mut Pendulum::v1(), 0..2));
    Trainer::with_environments(environments, agent(device, &settings, Seed(2)), &config, Seed(2))
        .unwrap()
        .with_replay(replay)
        .unwrap()
        .with_schedule(Schedule::linear(1.0, 0.1, 400).unwrap(), SmallDdpg::set_learning_rate_factor)
        .with_schedule(Schedule::cosine(2.0, 0.5, 300).unwrap(), SmallDdpg::set_noise_factor)
        .with_evaluation(evaluation.unwrap())
        .with_environment_state()
}

#[test]
fn a_run_with_everything_goes_on_bit_for_bit() {
    for device in fixture::devices() {
        let mut whole = everything(&device);
        whole.run(&mut []).unwrap();
        for steps in [1, 7, 20, 90, 150] {
            let folder = tempfile::tempdir().unwrap();
            let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
            let mut first = everything(&device);
            (0..steps).for_each(|_| _ = first.step().unwrap());
            first.save(&mut checkpoints).unwrap();
            let mut second = everything(&device);
            second.resume(&mut checkpoints).unwrap().unwrap();
            second.run(&mut []).unwrap();
            assert_eq!(second.history(), whole.history(), "after {steps}");
            assert_eq!(second.evaluations(), whole.evaluations());
            assert!(second.evaluations().len() > 3);
            assert_eq!(
                second.agent().save_state().unwrap().to_bytes().unwrap(),
                whole.agent().save_state().unwrap().to_bytes().unwrap()
            );
        }
    }
}

#[test]
fn a_checkpoint_of_other_environments_is_refused_and_changes_nothing() {
    let device = fixture::devices().remove(0);
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    let mut saved = everything(&device);
    (0..30).for_each(|_| _ = saved.step().unwrap());
    saved.save(&mut checkpoints).unwrap();

    // Without priorities, the last thing that is loaded does not fit.
    let mut other = everything(&device).with_replay(ReplayBuffer::new(200, 3, 1).unwrap()).unwrap();
    let before = other.agent().save_state().unwrap().to_bytes().unwrap();
    let error = other.resume(&mut checkpoints).unwrap_err();
    assert!(error.to_string().contains("replay"), "{error}");
    assert_eq!(other.agent().save_state().unwrap().to_bytes().unwrap(), before);
    assert!(other.environments().all(|env| env.inner().state().is_none()));
    other.run(&mut []).unwrap();
}

#[cfg(feature = "threads")]
#[test]
fn over_threads_every_bit_is_the_same() {
    for device in fixture::devices() {
        let mut alone = everything(&device);
        let mut threaded = everything(&device).over_threads();
        alone.run(&mut []).unwrap();
        threaded.run(&mut []).unwrap();
        assert_eq!(threaded.history(), alone.history());
        assert_eq!(threaded.evaluations(), alone.evaluations());
    }
}
