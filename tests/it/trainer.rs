//! The loop itself: what is acted on, stored, sampled and counted, seen by an agent that only takes notes.

use crate::fixture;
use actor_critic::agent::{ActError, Agent, AgentError, Metrics, Update};

use actor_critic::env::Starts;
use actor_critic::env::pendulum::PendulumGrid;
use actor_critic::prelude::*;
use actor_critic::train::{RunInfo, StepReport};
use std::num::NonZeroUsize;

/// Counts its own steps: the observation is `[episode, step]`, the reward the step. Odd episodes terminate after four
/// steps, even ones are truncated after three.
struct Counter {
    observations: BoxSpace,
    actions: BoxSpace,
    episode: f32,
    step: f32,
    seeds: Vec<u64>,
}

impl Counter {
    fn new() -> Self {
        Self {
            observations: BoxSpace::unbounded(2).unwrap(),
            actions: BoxSpace::new(vec![-1.0], vec![3.0]).unwrap(),
            episode: -1.0,
            step: 0.0,
            seeds: Vec::new(),
        }
    }
}

impl Environment for Counter {
    fn observation_space(&self) -> &BoxSpace {
        &self.observations
    }

    fn action_space(&self) -> &BoxSpace {
        &self.actions
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.seeds.push(seed);
        (self.episode, self.step) = (self.episode + 1.0, 0.0);
        Ok(vec![self.episode, 0.0])
    }

    fn step(&mut self, _: &[f32]) -> Result<Step, EnvironmentError> {
        self.step += 1.0;
        let odd = self.episode % 2.0 == 1.0;
        Ok(Step {
            observation: vec![self.episode, self.step],
            reward: self.step,
            terminated: odd && self.step == 4.0,
            truncated: !odd && self.step == 3.0,
        })
    }
}

/// Acts with the number of its calls, and takes notes.
struct Notes {
    /// Calls of `update` after which the next one fails.
    fails_after: usize,
    spaces: Spaces,
    device: Device,
    seen: Vec<Vec<f32>>,
    batches: Vec<Vec<f32>>,
    ends: usize,
}

struct Loss(f64);

impl Metrics for Loss {
    const NAMES: &'static [&'static str] = &["loss"];

    fn values(&self) -> impl Iterator<Item = f64> {
        std::iter::once(self.0)
    }
}

impl Act for Notes {
    fn spaces(&self) -> &Spaces {
        &self.spaces
    }

    fn act(&self, _: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        panic!("the trainer learns from exploration")
    }
}

impl Agent for Notes {
    type Metrics = Loss;

    fn device(&self) -> &Device {
        &self.device
    }

    fn explore(&mut self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        self.seen.extend(observations.iter().map(|observation| observation.to_vec()));
        Ok(vec![vec![2.5]; observations.len()])
    }

    fn update(&mut self, batch: &Batch) -> Result<Update<Loss>, AgentError> {
        if self.batches.len() == self.fails_after {
            self.fails_after = usize::MAX;
            return Err(AgentError::Diverged { quantity: "loss", value: f64::NAN });
        }
        self.batches.push(batch.rewards().to_vec());
        Ok(Update { metrics: Loss(self.batches.len() as f64), td_errors: None })
    }

    fn discount(&self) -> f64 {
        0.5
    }

    fn end_episode(&mut self, environment: usize) {
        assert_eq!(environment, 0);
        self.ends += 1;
    }
}

fn trainer(config: &TrainerConfig) -> Trainer<Counter, Notes> {
    let env = Counter::new();
    let spaces = Spaces::of(&env).unwrap();
    let device = fixture::devices().remove(0);
    let agent = Notes { fails_after: usize::MAX, spaces, device, seen: Vec::new(), batches: Vec::new(), ends: 0 };
    Trainer::new(env, agent, config, Seed(0)).unwrap()
}

fn config() -> TrainerConfig {
    TrainerConfig::new(4).with_batch_size(2).with_warmup_steps(5).with_learning_starts(6).with_updates_per_step(3.0)
}

#[test]
fn every_transition_joins_what_was_seen_with_what_came_of_it() {
    let mut trainer = trainer(&config());
    trainer.run(&mut []).unwrap();
    let stored: Vec<(Vec<f32>, Vec<f32>, f32, bool)> = (0..trainer.replay().len())
        .map(|age| {
            let transition = trainer.replay().get(age).unwrap();
            let (now, next) = (transition.observation.to_vec(), transition.next_observation.to_vec());
            (now, next, transition.reward, transition.terminated)
        })
        .collect();
    let mut expected = Vec::new();
    for (episode, steps) in [(0.0, 3), (1.0, 4), (2.0, 3), (3.0, 4)] {
        for step in 0..steps {
            let (now, next) = (step as f32, step as f32 + 1.0);
            // Only the odd episodes terminate; the even ones are cut off, and nobody is told.
            let terminated = steps == 4 && step == 3;
            expected.push((vec![episode, now], vec![episode, next], next, terminated));
        }
    }
    assert_eq!(stored, expected);
}

#[test]
fn warm_up_actions_are_random_and_the_agent_sees_everything_after() {
    let mut trainer = trainer(&config());
    trainer.run(&mut []).unwrap();
    let actions: Vec<f32> = (0..14).map(|age| trainer.replay().get(age).unwrap().action[0]).collect();
    assert!(actions[..5].iter().all(|action| (-1.0..=3.0).contains(action) && *action != 2.5));
    assert!(actions[5..].iter().all(|&action| action == 2.5));
    let seen: Vec<[f32; 2]> = trainer.agent().seen.iter().map(|seen| [seen[0], seen[1]]).collect();
    let expected = [[1., 2.], [1., 3.], [2., 0.], [2., 1.], [2., 2.], [3., 0.], [3., 1.], [3., 2.], [3., 3.]];
    assert_eq!(seen, expected);
}

#[test]
fn updates_begin_when_enough_is_stored_and_are_counted() {
    let mut trainer = trainer(&config());
    let reports: Vec<StepReport> = (0..14).map(|_| trainer.step().unwrap().clone()).collect();
    let updates: Vec<usize> = reports.iter().map(|report| report.updates).collect();
    assert_eq!(updates, [0, 0, 0, 0, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27]);
    assert_eq!(reports[4].metrics, None);
    assert_eq!(reports[5].metrics, Some(vec![3.0]));
    assert!(trainer.agent().batches.iter().all(|batch| batch.len() == 2));

    let episodes: Vec<_> = reports.into_iter().flat_map(|report| report.episodes).collect();
    let lengths: Vec<_> = episodes.iter().map(|episode| (episode.steps, episode.episode_return)).collect();
    assert_eq!(lengths, [(3, 6.0), (4, 10.0), (3, 6.0), (4, 10.0)]);
    let ends: Vec<_> = episodes.iter().map(|episode| (episode.terminated, episode.truncated)).collect();
    assert_eq!(ends, [(false, true), (true, false), (false, true), (true, false)]);
    assert_eq!(episodes[3].average_return, 8.0);
    // Updates 1 to 6 fall into the second episode.
    assert_eq!((episodes[0].metrics.clone(), episodes[1].metrics.clone()), (None, Some(vec![3.5])));
    assert_eq!(trainer.agent().ends, 4);
}

#[test]
fn every_episode_gets_a_seed_of_its_own_decided_by_the_root() {
    let seeds = || {
        let mut trainer = trainer(&config());
        trainer.run(&mut []).unwrap();
        trainer.env().seeds.clone()
    };
    let first = seeds();
    assert_eq!(first.len(), 4);
    assert_eq!(first.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    assert_eq!(first, seeds());
}

#[test]
fn an_update_that_fails_on_the_last_step_does_not_lose_the_episode() {
    let mut trainer = trainer(&config());
    // The seventh step is the last of the second episode; its updates are the fourth to the sixth.
    trainer.agent_mut().fails_after = 4;
    let error = trainer.run(&mut []).unwrap_err();
    let place = ", at environment step 7 after 4 updates";
    assert_eq!(error.to_string(), format!("loss must be finite, got NaN: training has diverged{place}"));
    assert_eq!((trainer.environment_steps(), trainer.episodes(), trainer.agent().ends), (7, 2, 2));

    let rest = trainer.run(&mut []).unwrap();
    assert_eq!(rest.iter().map(|episode| episode.episode).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(trainer.replay().len(), 14);
}

/// Notes which callbacks came, in order.
#[derive(Default)]
struct Calls(Vec<String>);

impl Observer for Calls {
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), actor_critic::train::ObserverError> {
        self.0.push(format!("start {:?}", run.metric_names));
        Ok(())
    }

    fn on_step(&mut self, step: &StepReport) -> Result<std::ops::ControlFlow<()>, actor_critic::train::ObserverError> {
        self.0.push(format!("step {}", step.environment_steps));
        Ok(std::ops::ControlFlow::Continue(()))
    }

    fn on_episode(
        &mut self,
        episode: &actor_critic::train::EpisodeSummary,
    ) -> Result<std::ops::ControlFlow<()>, actor_critic::train::ObserverError> {
        self.0.push(format!("episode {}", episode.episode));
        Ok(std::ops::ControlFlow::Continue(()))
    }

    fn on_finish(&mut self) -> Result<(), actor_critic::train::ObserverError> {
        self.0.push("finish".to_owned());
        Ok(())
    }
}

#[test]
fn observers_are_told_in_order() {
    let mut calls = Calls::default();
    trainer(&TrainerConfig { episodes: 1, ..config() }).run(&mut [&mut calls]).unwrap();
    assert_eq!(calls.0, ["start [\"loss\"]", "step 1", "step 2", "step 3", "episode 0", "finish"]);
}

#[test]
fn evaluation_is_greedy_and_leaves_the_agents_random_numbers_alone() {
    for device in fixture::devices() {
        let agent = || SacConfig::new().init(&Spaces::of(&Pendulum::v1()).unwrap(), &device, Seed(0)).unwrap();
        let (mut judged, mut left_alone) = (agent(), agent());
        let judge = |agent: &Sac<_, _>| evaluate(agent, &mut Pendulum::v1(), [3, 4]).unwrap();
        let first = judge(&judged);
        assert_eq!(first, judge(&judged));
        assert_ne!(first.returns[0], first.returns[1]);
        assert_eq!(first.regret(-100.0), -100.0 - (first.returns[0] + first.returns[1]) / 2.0);
        let explore = |agent: &mut Sac<_, _>| agent.explore(&[&[1.0, 0.0, 0.0]]).unwrap();
        assert_eq!(explore(&mut judged), explore(&mut left_alone));
    }
}

/// A fixed law that pumps energy and pushes towards upright.
struct Law {
    spaces: Spaces,
}

impl Act for Law {
    fn spaces(&self) -> &Spaces {
        &self.spaces
    }

    fn act(&self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        let [[cos, sin, speed]] = observations else { panic!("one observation of Pendulum at a time") };
        let torque = if *cos > 0.9 { -10.0 * sin - 2.0 * speed } else { 2.0 * speed.signum() };
        Ok(vec![vec![torque.clamp(-2.0, 2.0)]])
    }
}

#[test]
fn the_grid_of_starts_is_evaluated_one_whole_episode_each() {
    let agent = Law { spaces: Spaces::of(&Pendulum::v1()).unwrap() };
    let found = evaluate(&agent, &mut PendulumGrid::v1(), 0..256).unwrap();

    let mut expected = Vec::new();
    for i in 0..32 {
        for j in 0..8 {
            let pi = std::f64::consts::PI;
            let start = actor_critic::env::pendulum::PendulumState {
                theta: -pi + (f64::from(i) + 0.5) * pi / 16.0,
                theta_dot: -1.0 + (f64::from(j) + 0.5) / 4.0,
            };
            let alone = Starts::new(Pendulum::default(), vec![start], Pendulum::reset_to).unwrap();
            let mut env = TimeLimit::new(alone, NonZeroUsize::new(200).unwrap());
            let mut observation = env.reset(0).unwrap();
            let mut total = 0.0;
            for t in 1..=200 {
                let step = env.step(&agent.act(&[&observation]).unwrap()[0]).unwrap();
                total += f64::from(step.reward);
                assert_eq!(step.is_last(), t == 200);
                observation = step.observation;
            }
            expected.push(total);
        }
    }
    assert_eq!(found.returns.len(), 256);
    for (found, expected) in found.returns.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-3, "found {found}, expected {expected}");
    }
    let mean = expected.iter().sum::<f64>() / 256.0;
    assert!((found.mean_return() - mean).abs() < 1e-3 && found.regret(-100.0) == -100.0 - found.mean_return());
}

#[test]
fn an_agent_for_other_spaces_is_not_evaluated() {
    let agent = Law { spaces: Spaces::of(&Counter::new()).unwrap() };
    let error = evaluate(&agent, &mut PendulumGrid::v1(), 0..256).unwrap_err();
    assert!(error.to_string().starts_with("agent and environment must have the same spaces"));
}

#[test]
fn a_boxed_environment_can_be_trained_in() {
    let env: Box<dyn Environment> = Box::new(Counter::new());
    let spaces = Spaces::of(&env).unwrap();
    let device = fixture::devices().remove(0);
    let agent = Notes { fails_after: usize::MAX, spaces, device, seen: Vec::new(), batches: Vec::new(), ends: 0 };
    let mut trainer = Trainer::new(env, agent, &config(), Seed(0)).unwrap();
    assert_eq!(trainer.run(&mut []).unwrap().len(), 4);
}
