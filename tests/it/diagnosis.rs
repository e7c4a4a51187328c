//! The diagnosis finds what was planted in a run, and nothing in a healthy one.

use crate::small_run;
use std::ops::ControlFlow;

use actor_critic::agent::LearnedTemperatureConfig;
use actor_critic::env::ScaleReward;
use actor_critic::prelude::*;
use actor_critic::preset::{Preset, Task};
use actor_critic::report::RunReport;
use actor_critic::train::{Evaluation, Finding, ObserverError, StepReport};

/// Notes the bits of a run.
#[derive(Default)]
struct Bits(Vec<(usize, Vec<u64>)>);

impl Observer for Bits {
    fn on_step(&mut self, step: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        let numbers = step.metrics.iter().flatten().map(|value| value.to_bits());
        let actions = step.environments.iter().flat_map(|taken| &taken.action).map(|value| value.to_bits().into());
        self.0.push((step.updates, numbers.chain(actions).collect()));
        Ok(ControlFlow::Continue(()))
    }
}

fn healthy<C: AgentConfig + 'static>(mut preset: Preset<C>)
where
    C::Agent: SaveState,
{
    preset.trainer_config.environment_steps = Some(3_000);
    let judge = |agent: &C::Agent| evaluate(agent, &mut Pendulum::v1(), 1_000..1_010);
    let mut trainer =
        preset.trainer(&Device::flex(), Seed(0)).unwrap().with_evaluation(EvaluateEvery::steps(500, judge).unwrap());
    let mut diagnosis = Diagnosis::new();
    trainer.run(&mut [&mut diagnosis]).unwrap();
    assert_eq!(diagnosis.findings(), []);
}

#[test]
fn short_runs_of_the_recommended_settings_are_healthy() {
    healthy(Preset::recommended(Task::Pendulum));
    healthy(Preset::recommended_td3(Task::Pendulum));
    healthy(Preset::recommended_ddpg(Task::Pendulum));
}

#[test]
fn a_run_has_the_same_bits_with_a_diagnosis() {
    let bits = |watched: bool| {
        let (mut bits, mut diagnosis) = (Bits::default(), Diagnosis::new());
        let observers: &mut [&mut dyn Observer] =
            if watched { &mut [&mut bits, &mut diagnosis] } else { &mut [&mut bits] };
        small_run::trainer().run(observers).unwrap();
        bits.0
    };
    assert_eq!(bits(true), bits(false));
}

/// The pendulum with other numbers, as `change` makes them of each step.
struct Changed(TimeLimit<Pendulum>, fn(Step) -> Step, Spaces);

impl Changed {
    fn new(change: fn(Step) -> Step) -> Self {
        let env = Pendulum::v1();
        let action = env.action_space().clone();
        Self(env, change, Spaces::new(BoxSpace::unbounded(3).unwrap(), action).unwrap())
    }
}

impl Environment for Changed {
    fn observation_space(&self) -> &BoxSpace {
        self.2.observation()
    }

    fn action_space(&self) -> &BoxSpace {
        self.2.action()
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.0.reset(seed)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        Ok((self.1)(self.0.step(action)?))
    }
}

fn schedule(steps: usize) -> TrainerConfig {
    TrainerConfig::steps(steps).with_batch_size(16).with_warmup_steps(100)
}

fn ddpg(spaces: &Spaces, config: &DdpgConfig) -> impl Agent + use<> {
    config.init_with(&[16], spaces, &Device::flex(), Seed(0)).unwrap()
}

fn diagnose<E: Environment, A: Agent>(mut trainer: Trainer<E, A>) -> Vec<Finding> {
    let mut diagnosis = Diagnosis::new();
    // Some of what is planted ends the run by an error, and that is when a diagnosis is wanted.
    let _ = trainer.run(&mut [&mut diagnosis]);
    diagnosis.findings()
}

#[test]
fn an_entropy_target_that_no_policy_reaches_is_found() {
    let env = Pendulum::v1();
    let temperature = LearnedTemperatureConfig::new().with_learning_rate(1e-2).with_target_entropy(Some(9.0));
    let config = SacConfig::new().with_temperature(TemperatureConfig::Learned(temperature));
    let agent = config.init_with(&[16], &Spaces::of(&env).unwrap(), &Device::flex(), Seed(0)).unwrap();
    let found = diagnose(Trainer::new(env, agent, &schedule(1_500), Seed(0)).unwrap());
    let target = found.iter().find_map(|finding| match finding {
        Finding::EntropyOutOfReach { target, .. } => *target,
        _ => None,
    });
    assert!((target.expect("the target is out of reach") - 9.0).abs() < 0.01, "{found:?}");
}

#[test]
fn critics_whose_values_run_away_are_found() {
    // Rewards of a thousandth, which steps of 0.1 in the weights drown, and no slow target.
    let env = ScaleReward::new(Pendulum::v1(), 1e-3).unwrap();
    let config = DdpgConfig::new().with_critic_learning_rate(0.1).with_actor_learning_rate(0.1).with_tau(1.0);
    let agent = ddpg(&Spaces::of(&env).unwrap(), &config);
    let found = diagnose(Trainer::new(env, agent, &schedule(1_500), Seed(0)).unwrap());
    assert!(found.iter().any(|finding| matches!(finding, Finding::ValuesRunAway { .. })), "{found:?}");
}

#[test]
fn numbers_far_from_one_and_a_single_outcome_are_found() {
    let found = |change: fn(Step) -> Step| {
        let env = Changed::new(change);
        let agent = ddpg(&Spaces::of(&env).unwrap(), &DdpgConfig::new().with_normalize_observations(false));
        diagnose(Trainer::new(env, agent, &schedule(1_000), Seed(0)).unwrap())
    };
    let large = found(|step| Step { observation: step.observation.iter().map(|x| 1e4 * x).collect(), ..step });
    assert!(large.iter().any(|finding| matches!(finding, Finding::ObservationsOffScale { .. })), "{large:?}");
    let equal = found(|step| Step { reward: 0.0, ..step });
    assert!(matches!(equal[0], Finding::RewardsEqual { reward: 0.0, steps: 1_000 }), "{equal:?}");
    let ended = found(|step| Step { terminated: true, ..step });
    assert!(matches!(ended[0], Finding::EpisodesEndAtOnce { episodes: 1_000, steps: 1 }), "{ended:?}");
}

#[test]
fn the_report_of_a_run_has_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let page = |change: fn(Step) -> Step| {
        let env = Changed::new(change);
        let agent = ddpg(&Spaces::of(&env).unwrap(), &DdpgConfig::new());
        let path = folder.path().join("run.html");
        let mut report = RunReport::new(&path, "a run");
        Trainer::new(env, agent, &schedule(600), Seed(0)).unwrap().run(&mut [&mut report]).unwrap();
        std::fs::read_to_string(path).unwrap()
    };
    let sick = page(|step| Step { reward: 0.0, ..step });
    assert!(sick.contains("Diagnosis") && sick.contains("all 600 rewards are 0, so no action"));
    assert!(!page(|step| step).contains("Diagnosis"));
}

#[test]
fn an_evaluation_in_another_environment_is_found() {
    let env = Pendulum::v1();
    let agent = ddpg(&Spaces::of(&env).unwrap(), &DdpgConfig::new());
    let evaluation = EvaluateEvery::steps(500, |_: &_| Ok(Evaluation { returns: vec![-1e5] })).unwrap();
    let found = diagnose(Trainer::new(env, agent, &schedule(2_000), Seed(0)).unwrap().with_evaluation(evaluation));
    assert!(found.iter().any(|finding| matches!(finding, Finding::EvaluationBelowTraining { .. })), "{found:?}");
}
