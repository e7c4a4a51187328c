//! What a training step takes from the heap: nothing beyond what the environment answers.

use std::ops::ControlFlow;

use crate::allocation_counter::allocations_of;
use crate::fixture;
use actor_critic::agent::{ActError, AgentError, ExplorationNoise, Metrics, NetworksConfig, Update};
use actor_critic::burn::tensor::Device;
use actor_critic::nn::Activation;
use actor_critic::policy::Act;
use actor_critic::prelude::*;
use actor_critic::replay::{PrioritizedReplay, PrioritizedReplayConfig};
use actor_critic::train::{ObserverError, StepReport};

/// Pushes with the same torque for ever, learns nothing, and allocates nothing.
struct Constant {
    spaces: Spaces,
    device: Device,
}

#[derive(Debug)]
struct Sum(f64);

impl Metrics for Sum {
    const NAMES: &'static [&'static str] = &["sum", "twice"];

    fn values(&self) -> impl Iterator<Item = f64> {
        [self.0, 2.0 * self.0].into_iter()
    }
}

impl Act for Constant {
    fn spaces(&self) -> &Spaces {
        &self.spaces
    }

    fn act(&self, _: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        panic!("evaluations ask for one action in the memory of the caller")
    }

    fn act_into(&self, _: &[f32], action: &mut [f32]) -> Result<(), ActError> {
        action.fill(0.5);
        Ok(())
    }
}

impl Agent for Constant {
    type Metrics = Sum;

    fn device(&self) -> &Device {
        &self.device
    }

    fn explore(&mut self, _: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        panic!("the trainer asks for actions in its own memory")
    }

    fn explore_into(&mut self, _: &[f32], actions: &mut [f32]) -> Result<(), ActError> {
        actions.fill(0.5);
        Ok(())
    }

    fn discount(&self) -> f64 {
        0.99
    }

    fn update(&mut self, batch: &Batch) -> Result<Update<Sum>, AgentError> {
        // One allocation of the agent's own, if a prioritized replay needs it.
        let td_errors = batch.weights().map(<[f32]>::to_vec);
        Ok(Update { metrics: Sum(batch.rewards().iter().copied().map(f64::from).sum()), td_errors })
    }
}

/// Steps before anything is counted, in each environment: the warm-up, and the first batches.
const BEFORE: usize = 60;
/// Steps that are counted, of the same episode.
const COUNTED: usize = 100;

fn config() -> TrainerConfig {
    // The ring is full, and so overwrites, from the middle of what is counted.
    TrainerConfig::new(10).with_batch_size(16).with_learning_starts(32).with_warmup_steps(20).with_replay_capacity(100)
}

fn trainer(environments: usize, config: &TrainerConfig) -> Trainer<TimeLimit<Pendulum>, Constant> {
    let environments: Vec<_> = (0..environments).map(|_| Pendulum::v1()).collect();
    let (spaces, device) = (Spaces::of(&environments[0]).unwrap(), fixture::devices().remove(0));
    Trainer::with_environments(environments, Constant { spaces, device }, config, Seed(0)).unwrap()
}

/// Counts what the steps of an environment alone allocate.
fn of_the_environment() -> usize {
    let mut env = Pendulum::v1();
    env.reset(0).unwrap();
    allocations_of(|| (0..COUNTED).for_each(|_| drop(env.step(&[0.5]).unwrap())))
}

/// Counts what the steps of a trainer allocate.
fn of_the_trainer<A: Agent>(mut trainer: Trainer<TimeLimit<Pendulum>, A>) -> usize {
    (0..BEFORE).for_each(|_| _ = trainer.step().unwrap());
    let updates = trainer.updates();
    let count = allocations_of(|| (0..COUNTED).for_each(|_| _ = trainer.step().unwrap()));
    assert!(trainer.updates() >= updates + COUNTED, "each step had an update");
    count
}

#[test]
fn the_counter_counts_allocations_and_growth_of_this_thread_only() {
    let mut kept = Vec::with_capacity(1);
    kept.push(1_u64);
    assert_eq!(allocations_of(|| ()), 0);
    assert_eq!(allocations_of(|| kept.push(2)), 1);
    assert_eq!(allocations_of(|| drop(vec![0_u8; 100])), 1);
    // Starting a thread takes some; what it does is not counted.
    let elsewhere = allocations_of(|| {
        std::thread::scope(|scope| {
            scope.spawn(|| (0..1_000).for_each(|i| drop(vec![i; 10])));
        });
    });
    assert!(elsewhere < 100, "{elsewhere}");
}

#[test]
fn a_step_allocates_what_the_environment_does_and_nothing_more() {
    assert_eq!(of_the_environment(), COUNTED, "an observation a step");
    assert_eq!(of_the_trainer(trainer(1, &config())), COUNTED);
}

/// Counts what the steps of a trainer of a bundled agent allocate.
fn of_a_bundled_agent<C: AgentConfig>(config: &C, environments: usize) -> usize {
    let environments: Vec<_> = (0..environments).map(|_| Pendulum::v1()).collect();
    let (spaces, device) = (Spaces::of(&environments[0]).unwrap(), fixture::devices().remove(0));
    let agent = config.init_with(&[16, 16], &spaces, &device, Seed(0)).unwrap();
    of_the_trainer(Trainer::with_environments(environments, agent, &self::config(), Seed(0)).unwrap())
}

/// Also where gradients are clipped, rewards scaled and observations normalised.
#[test]
fn bundled_agents_learn_without_allocating() {
    // Networks that go through burn allocate.
    if !actor_critic::fused::enabled() {
        return;
    }
    let ddpg = DdpgConfig::new().with_max_gradient_norm(Some(1.0));
    assert_eq!(of_a_bundled_agent(&ddpg, 1), COUNTED);
    assert_eq!(of_a_bundled_agent(&Td3Config::new().with_scale_rewards(true), 1), COUNTED);
    assert_eq!(of_a_bundled_agent(&SacConfig::new().with_scale_rewards(true), 1), COUNTED);
    assert_eq!(of_a_bundled_agent(&SacConfig::new(), 3), 3 * COUNTED);
    assert_eq!(of_a_bundled_agent(&SacConfig::tqc().with_exploration_noise(ExplorationNoise::Pink), 1), COUNTED);
    let residual = NetworksConfig::new().with_actor_residual(true).with_critic_residual(true);
    let sac = SacConfig::new().with_networks(residual.with_activation(Activation::Silu));
    assert_eq!(of_a_bundled_agent(&sac, 1), COUNTED);
    let elu = NetworksConfig::new().with_activation(Activation::Elu);
    assert_eq!(of_a_bundled_agent(&DdpgConfig::new().with_networks(elu).with_policy_delay(2), 1), COUNTED);
}

#[test]
fn bundled_policies_act_without_allocating() {
    if !actor_critic::fused::enabled() {
        return;
    }
    let (spaces, device) = (Spaces::of(&Pendulum::v1()).unwrap(), fixture::devices().remove(0));
    let agent = SacConfig::new().init_with(&[16, 16], &spaces, &device, Seed(0)).unwrap();
    let policy = agent.policy().unwrap();
    let mut action = [0.0];
    let mut act = |act: &dyn Act| act.act_into(&[0.1, 0.2, 0.3], &mut action).unwrap();
    [&agent as &dyn Act, &policy].into_iter().for_each(&mut act);
    assert_eq!(allocations_of(|| [&agent as &dyn Act, &policy].into_iter().for_each(act)), 0);
}

#[test]
fn so_do_several_environments_and_returns_of_several_steps() {
    let config = config().with_n_step(3);
    assert_eq!(of_the_trainer(trainer(3, &config)), 3 * COUNTED);
}

#[test]
fn so_does_a_prioritized_replay_beyond_the_errors_of_the_agent() {
    let config = config();
    let replay = ReplayBuffer::new(config.replay_capacity, 3, 1).unwrap();
    let replay = PrioritizedReplay::new(replay, &PrioritizedReplayConfig::new()).unwrap();
    assert_eq!(of_the_trainer(trainer(1, &config).with_replay(replay).unwrap()), 2 * COUNTED);
}

/// Stops the run after so many steps.
struct Steps(usize);

impl Observer for Steps {
    fn on_step(&mut self, _: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        self.0 -= 1;
        Ok(if self.0 == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

#[test]
fn a_run_of_more_steps_allocates_more_for_the_environment_only() {
    let mut trainer = trainer(1, &config());
    trainer.run(&mut [&mut Steps(BEFORE)]).unwrap();
    let mut count = |steps| allocations_of(|| drop(trainer.run(&mut [&mut Steps(steps)]).unwrap()));
    let (few, many) = (count(20), count(90));
    assert_eq!(many - few, 70);
}

#[test]
fn an_evaluation_allocates_nothing_for_its_actions() {
    let policy = trainer(1, &config()).into_parts().1;
    let count = |starts: u64| allocations_of(|| drop(evaluate(&policy, &mut Pendulum::v1(), 0..starts).unwrap()));
    let of_an_episode = allocations_of(|| drop(Pendulum::v1().reset(0).unwrap())) + 200;
    assert_eq!(count(3) - count(2), of_an_episode - allocations_of(|| drop(Pendulum::v1())));
}
