//! The same task in other units is learned the same: to the bit where the change of units is exact in binary, and by the same numbers
//! elsewhere. `docs/units.md` says what is promised, and `examples/units.rs` measures what is learned.

use actor_critic::env::{RescaleAction, ScaleReward};
use actor_critic::nn::{ActionBounds, ActionUnits, GaussianActorConfig, QNetworkConfig, StochasticActor};
use actor_critic::prelude::*;
use proptest::prelude::*;

use crate::fixture;

/// The pendulum with the unit of each quantity multiplied by a factor.
fn pendulum(action: f32, reward: f32) -> impl Environment {
    let space = BoxSpace::symmetric(action, 1).unwrap();
    ScaleReward::new(RescaleAction::new(Pendulum::v1(), space).unwrap(), reward.into()).unwrap()
}

/// Everything that a run has brought: returns, metrics and the greedy actions, the unit of action and reward divided out.
fn run<C: AgentConfig>(config: &C, (action, reward): (f32, f32)) -> (Vec<u64>, Vec<u32>) {
    let device = fixture::devices().remove(0);
    let env = pendulum(action, reward);
    let agent = config.init_with(&[16, 16], &Spaces::of(&env).unwrap(), &device, Seed(3)).unwrap();
    let schedule = TrainerConfig::new(2).with_batch_size(16).with_warmup_steps(40).with_learning_starts(40);
    let mut trainer = Trainer::new(env, agent, &schedule, Seed(3)).unwrap();
    trainer.run(&mut []).unwrap();
    let returns = trainer.history().iter().map(|episode| (episode.episode_return / f64::from(reward)).to_bits());
    let observations: Vec<[f32; 3]> = (0..20).map(|i| [(i as f32).cos(), (i as f32).sin(), i as f32 - 10.0]).collect();
    let observations: Vec<&[f32]> = observations.iter().map(|observation| &observation[..]).collect();
    let actions = trainer.agent().act(&observations).unwrap();
    (returns.collect(), actions.concat().into_iter().map(|a| (a / action).to_bits()).collect())
}

fn sac(scale_rewards: bool) -> SacConfig {
    SacConfig::new().with_scale_rewards(scale_rewards).with_actor_learning_rate(1e-3).with_critic_learning_rate(1e-3)
}

#[test]
fn actions_in_other_dyadic_units_give_the_same_run_to_the_bit() {
    for action in [2.0_f32.powi(-20), 0.5, 64.0, 2.0_f32.powi(30)] {
        let units = (action, 1.0);
        assert_eq!(run(&sac(false), units), run(&sac(false), (1.0, 1.0)), "SAC, {action}");
        assert_eq!(run(&Td3Config::new(), units), run(&Td3Config::new(), (1.0, 1.0)), "TD3, {action}");
        assert_eq!(run(&DdpgConfig::new(), units), run(&DdpgConfig::new(), (1.0, 1.0)), "DDPG, {action}");
    }
}

#[test]
fn scaled_rewards_in_other_dyadic_units_give_the_same_run_to_the_bit_and_plain_ones_another() {
    for reward in [2.0_f32.powi(-20), 2.0_f32.powi(16)] {
        let units = (4.0, reward);
        let td3 = Td3Config::new().with_scale_rewards(true);
        let ddpg = DdpgConfig::new().with_scale_rewards(true);
        assert_eq!(run(&sac(true), units), run(&sac(true), (1.0, 1.0)), "SAC, {reward}");
        assert_eq!(run(&td3, units), run(&td3, (1.0, 1.0)), "TD3, {reward}");
        assert_eq!(run(&ddpg, units), run(&ddpg, (1.0, 1.0)), "DDPG, {reward}");
        assert_ne!(run(&sac(false), units).1, run(&sac(false), (1.0, 1.0)).1, "the rewards matter");
    }
}

/// The metrics of the last update of a short run.
fn metrics(reward: f32) -> Vec<f64> {
    let device = fixture::devices().remove(0);
    let env = pendulum(1.0, reward);
    let config = sac(true);
    let agent = config.init_with(&[16], &Spaces::of(&env).unwrap(), &device, Seed(3)).unwrap();
    let schedule = TrainerConfig::new(1).with_batch_size(16).with_warmup_steps(40).with_learning_starts(40);
    let mut trainer = Trainer::new(env, agent, &schedule, Seed(3)).unwrap();
    trainer.run(&mut []).unwrap();
    trainer.history().iter().next().unwrap().metrics.unwrap()
}

#[test]
fn reported_numbers_are_in_the_units_of_the_environment() {
    let (plain, scaled) = (metrics(1.0), metrics(1024.0));
    // critic_loss, actor_loss, entropy, temperature, temperature_loss
    let powers = [2, 1, 0, 1, 0];
    for ((plain, scaled), power) in plain.into_iter().zip(scaled).zip(powers) {
        assert_eq!(scaled / 1024.0_f64.powi(power), plain);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Networks in environment units are those in [−1, 1] behind the map, and densities differ by Σ log(half-range).
    #[test]
    fn environment_units_are_the_map_of_normalised_ones(low in -50.0_f32..50.0, width in 0.01_f32..100.0, seed in 0_u64..1_000) {
        let device = fixture::devices().remove(0);
        let space = BoxSpace::new(vec![low, -1.0], vec![low + width, 3.0]).unwrap();
        let spaces = Spaces::new(BoxSpace::unbounded(2).unwrap(), space.clone()).unwrap();
        let bounds = ActionBounds::new(&space, &device).unwrap();
        let observations = || actor_critic::burn::tensor::Tensor::<2>::from_data([[0.3, -0.8], [1.0, 0.1]], &device);
        let actor = |units| {
            let config = GaussianActorConfig::new().with_hidden_dims(vec![8]).with_density_units(units);
            config.init(&spaces, &mut Seed(seed).stream(Stream::ActorWeights), &device).unwrap()
        };
        let noise = || actor_critic::burn::tensor::Tensor::<2>::from_data([[0.5, -1.0], [0.0, 2.0]], &device);
        let [normalised, environment] = [ActionUnits::Normalized, ActionUnits::Environment].map(|units| actor(units).sample(observations(), noise()));
        prop_assert_eq!(fixture::values(normalised.actions.clone()), fixture::values(environment.actions));
        let log_volume = f64::from(width / 2.0).ln() + 2.0_f64.ln();
        let [a, b] = [normalised.log_probs, environment.log_probs].map(|log_probs| fixture::values(log_probs.unwrap()));
        for (a, b) in a.iter().zip(b) {
            prop_assert!((a - log_volume - b).abs() < 1e-4 * (1.0 + a.abs()), "{} {} {}", a, b, log_volume);
        }
        let mapped = bounds.unscale(bounds.scale(normalised.actions.clone()));
        for (a, b) in fixture::values(mapped).iter().zip(fixture::values(normalised.actions.clone())) {
            prop_assert!((a - b).abs() < 1e-4 * (1.0 + f64::from(low.abs() / width)));
        }
        let critic = |units| {
            let config = QNetworkConfig::new().with_hidden_dims(vec![8]).with_action_units(units);
            config.init(&spaces, &mut Seed(seed).stream(Stream::CriticWeights), &device).unwrap()
        };
        let raw = critic(ActionUnits::Environment).q_value(observations(), normalised.actions.clone());
        let expected = critic(ActionUnits::Normalized).q_value(observations(), bounds.scale(normalised.actions));
        prop_assert_eq!(fixture::values(raw), fixture::values(expected));
    }
}

#[test]
fn settings_may_change_in_a_trained_agent_and_everything_else_stays() {
    let device = fixture::devices().remove(0);
    let env = Pendulum::v1();
    let config = |rate: f64| sac(true).with_actor_learning_rate(rate);
    let agent = config(1e-3).init_with(&[16], &Spaces::of(&env).unwrap(), &device, Seed(1)).unwrap();
    let schedule = TrainerConfig::new(2).with_batch_size(8).with_warmup_steps(20).with_learning_starts(20);
    let mut trainer = Trainer::new(env, agent, &schedule, Seed(1)).unwrap();
    trainer.run(&mut []).unwrap();
    let judge = |agent: &Sac<_, _>| evaluate(agent, &mut Pendulum::v1(), 0..3).unwrap();
    let (_, agent) = trainer.into_parts();
    let (before, temperature) = (judge(&agent), agent.temperature());

    let tuned = agent.with_config(&config(1e-4)).unwrap();
    assert_eq!((judge(&tuned), tuned.temperature()), (before, temperature));
    assert_eq!(tuned.config().actor_learning_rate, 1e-4);

    let error = tuned.with_config(&sac(false)).unwrap_err();
    assert_eq!(error.to_string(), "scale_rewards cannot change after training; train a new agent to change it");
}

/// The tank of `docs/environments.md`: a pump fills it to the level 1, and a tenth leaks out at every step.
struct Tank {
    levels: BoxSpace,
    flows: BoxSpace,
    level: Option<f32>,
}

impl Tank {
    fn new() -> TimeLimit<Self> {
        let levels = BoxSpace::new(vec![0.0], vec![4.0]).unwrap();
        let flows = BoxSpace::new(vec![0.0], vec![0.3]).unwrap();
        TimeLimit::new(Self { levels, flows, level: None }, 60.try_into().unwrap())
    }
}

impl Environment for Tank {
    fn observation_space(&self) -> &BoxSpace {
        &self.levels
    }

    fn action_space(&self) -> &BoxSpace {
        &self.flows
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        Ok(vec![*self.level.insert((seed % 100) as f32 / 100.0)])
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        actor_critic::env::check_action(&self.flows, action)?;
        let level = self.level.ok_or(EnvironmentError::StepBeforeReset)?;
        let level = *self.level.insert(0.9 * level + self.flows.clip(action)[0]);
        Ok(Step { observation: vec![level], reward: -(level - 1.0).powi(2), terminated: false, truncated: false })
    }
}

#[test]
fn the_tank_of_the_documentation_is_learned_with_the_usual_settings() {
    let device = fixture::devices().remove(0);
    let spaces = Spaces::of(&Tank::new()).unwrap();
    let config = SacConfig::new().with_actor_learning_rate(1e-3);
    let agent = config.init_with(&[64, 64], &spaces, &device, Seed(0)).unwrap();
    let schedule = TrainerConfig::steps(8_000).with_batch_size(64).with_warmup_steps(500);
    let mut trainer = Trainer::new(Tank::new(), agent, &schedule, Seed(0)).unwrap();
    trainer.run(&mut []).unwrap();
    // 0.1 too little or too much at every step costs 0.6; the pump turned off costs 50.
    let mean = evaluate(trainer.agent(), &mut Tank::new(), 0..100).unwrap().mean_return();
    assert!(mean > -0.6, "{mean}");
    assert!(trainer.agent().temperature() < 0.5, "{}", trainer.agent().temperature());
}
