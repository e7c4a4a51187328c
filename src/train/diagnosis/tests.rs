use super::*;
use crate::train::episode::summary_for_tests;
use crate::train::{AgentInfo, EpisodeHistory, TrainerConfig};

const SAC: &[&str] = &["critic_loss", "actor_loss", "entropy", "temperature", "temperature_loss"];

/// A run that is healthy but for what a test plants in it.
struct Run {
    diagnosis: Diagnosis,
    steps: usize,
    episodes: usize,
}

impl Run {
    fn new(normalizes: Normalizes) -> Self {
        let mut diagnosis = Diagnosis::new();
        let config = TrainerConfig::new(1);
        let agent = AgentInfo { normalizes, ..AgentInfo::for_tests() };
        let run = RunInfo {
            config: &config,
            metric_names: SAC,
            agent,
            history: &EpisodeHistory::default(),
            evaluations: &[],
        };
        diagnosis.on_start(&run).unwrap();
        Self { diagnosis, steps: 0, episodes: 0 }
    }

    /// Takes 1,000 steps, each as `plant` changes a healthy one.
    fn steps(mut self, plant: impl Fn(f64, &mut StepReport)) -> Self {
        for i in 0..1_000_usize {
            self.steps += 1;
            let wave = (self.steps as f32 * 0.7).sin();
            let taken = EnvironmentStep {
                environment: 0,
                action: vec![0.9 * wave],
                observation: vec![3.0 * wave],
                reward: -1.0 - wave,
                terminated: false,
                truncated: false,
            };
            let metrics = Some(vec![0.1, 20.0, -0.9, 0.5, 0.5_f64.ln() * 0.1]);
            let environments = vec![taken];
            let mut report =
                StepReport { environment_steps: self.steps, environments, metrics, ..StepReport::default() };
            plant(i as f64 / 1_000.0, &mut report);
            assert!(self.diagnosis.on_step(&report).unwrap().is_continue());
        }
        self
    }

    /// Ends 20 episodes within the last 1,000 steps, with returns that `returns` gives for a share of them.
    fn episodes(mut self, returns: impl Fn(f64) -> f64, plant: impl Fn(&mut EpisodeSummary)) -> Self {
        for i in 0..20_usize {
            let mut episode = summary_for_tests(self.episodes, returns(i as f64 / 20.0), 0.0);
            episode.environment_steps = self.steps - 1_000 + 50 * (i + 1);
            plant(&mut episode);
            self.episodes += 1;
            assert!(self.diagnosis.on_episode(&episode).unwrap().is_continue());
        }
        self
    }

    fn evaluation(mut self, environment_steps: usize, mean_return: f64) -> Self {
        let evaluation = EvaluationSummary { environment_steps, updates: 0, returns: vec![mean_return] };
        assert!(self.diagnosis.on_evaluation(&evaluation).unwrap().is_continue());
        self
    }

    fn findings(&self) -> Vec<Finding> {
        self.diagnosis.findings()
    }
}

fn run() -> Run {
    Run::new(Normalizes::default())
}

fn healthy(_: f64, _: &mut StepReport) {}

fn rising(share: f64) -> f64 {
    -1_000.0 + 900.0 * share
}

#[test]
fn a_healthy_run_and_one_that_has_hardly_begun_have_no_findings() {
    let whole = run().steps(healthy).episodes(rising, |_| {}).evaluation(500, -600.0).evaluation(1_000, -110.0);
    assert_eq!((whole.findings(), whole.diagnosis.to_string()), (vec![], String::new()));
    assert_eq!(Diagnosis::new().findings(), []);
    assert_eq!(run().findings(), []);
}

#[test]
fn an_axis_that_stays_at_a_bound_is_found_but_not_in_the_warm_up() {
    let stuck = |_: f64, report: &mut StepReport| report.environments[0].action[0] = -0.93;
    let found = run().steps(stuck).findings();
    assert_eq!(found, [Finding::ActionsStuck { axis: 0, bound: -1.0, share: 1.0 }]);
    assert!(found[0].to_string().starts_with("action axis 0 is near its bound -1 in 100 % of the steps"));
    let warm_up = |share, report: &mut StepReport| {
        stuck(share, report);
        report.is_warmup = true;
    };
    assert_eq!(run().steps(warm_up).findings(), []);
    assert_eq!(run().steps(stuck).steps(healthy).findings(), [], "what counts is the second half");
}

#[test]
fn actions_at_both_bounds_are_found_if_the_return_does_not_rise() {
    let saturated = |_: f64, report: &mut StepReport| {
        let action = &mut report.environments[0].action[0];
        *action = action.signum();
    };
    let found = run().steps(saturated).episodes(|_| -1_000.0, |_| {}).findings();
    assert_eq!(found, [Finding::ActionsSaturated { share: 1.0 }]);
    assert_eq!(run().steps(saturated).episodes(rising, |_| {}).findings(), []);
}

#[test]
fn a_temperature_that_grows_while_the_entropy_stays_below_its_target_is_found() {
    let metrics =
        |temperature: f64, entropy: f64| vec![0.1, 20.0, entropy, temperature, temperature.ln() * (entropy + 1.0)];
    let grows = |share: f64, report: &mut StepReport| report.metrics = Some(metrics(1.1 + 20.0 * share, -2.5));
    let found = run().steps(grows).findings();
    let [Finding::EntropyOutOfReach { temperature, entropy, target: Some(target) }] = found[..] else {
        panic!("{found:?}")
    };
    assert!((temperature - 18.6).abs() < 0.1 && (entropy + 2.5).abs() < 1e-9 && (target + 1.0).abs() < 1e-9);
    // Above its target, or growing back to where it was.
    let above = |share: f64, report: &mut StepReport| report.metrics = Some(metrics(1.1 + 20.0 * share, -0.5));
    assert_eq!(run().steps(above).findings(), []);
    let back = |share: f64, report: &mut StepReport| report.metrics = Some(metrics((share - 0.5).abs() + 0.05, -1.5));
    assert_eq!(run().steps(back).findings(), []);
}

#[test]
fn values_beyond_what_the_rewards_allow_are_found_by_value_or_by_error() {
    // Rewards are at most 2 in magnitude, and the entropy adds 0.45 to each: 245 in all.
    let values = |_: f64, report: &mut StepReport| report.metrics.as_mut().unwrap()[1] = -600.0;
    let errors = |_: f64, report: &mut StepReport| report.metrics.as_mut().unwrap()[0] = 600.0 * 600.0;
    for found in [run().steps(values).findings(), run().steps(errors).findings()] {
        let [Finding::ValuesRunAway { value, bound }] = found[..] else { panic!("{found:?}") };
        assert!((value - 600.0).abs() < 1e-9 && (bound - 245.0).abs() < 0.1, "{value} {bound}");
    }
    let within = |_: f64, report: &mut StepReport| report.metrics.as_mut().unwrap()[1] = -400.0;
    assert_eq!(run().steps(within).findings(), []);
}

#[test]
fn magnitudes_far_from_one_are_found_unless_the_agent_normalises() {
    let scaled = |observation: f32, reward: f32| {
        move |_: f64, report: &mut StepReport| {
            report.environments[0].observation[0] *= observation;
            report.environments[0].reward *= reward;
        }
    };
    for (observation, expected) in [(1e3, 3e3 * 0.5_f64.sqrt()), (1e-3, 3e-3)] {
        let found = run().steps(scaled(observation, 1.0)).findings();
        let [Finding::ObservationsOffScale { axis: 0, magnitude }] = found[..] else { panic!("{found:?}") };
        assert!((magnitude / expected - 1.0).abs() < 0.01, "{magnitude} {expected}");
    }
    for reward in [1e3, 1e-4] {
        let found = run().steps(scaled(1.0, reward)).findings();
        let is_scale = |finding: &Finding| matches!(finding, Finding::RewardsOffScale { .. });
        assert!(found.iter().any(is_scale), "{found:?}");
    }
    let normalizes = Normalizes { observations: true, rewards: true };
    assert_eq!(Run::new(normalizes).steps(scaled(1e3, 1e3)).findings(), []);
}

#[test]
fn a_replay_of_one_outcome_is_found() {
    let equal = |reward: f32| move |_: f64, report: &mut StepReport| report.environments[0].reward = reward;
    assert_eq!(run().steps(equal(1.0)).findings(), [Finding::RewardsEqual { reward: 1.0, steps: 1_000 }]);
    // A reward for each step until the end is a task, and nothing at all is none.
    let ends = |episode: &mut EpisodeSummary| episode.terminated = true;
    assert_eq!(run().steps(equal(1.0)).episodes(rising, ends).findings(), []);
    let found = run().steps(equal(0.0)).episodes(|_| 0.0, ends).findings();
    assert_eq!(found, [Finding::RewardsEqual { reward: 0.0, steps: 1_000 }]);

    let blind = |_: f64, report: &mut StepReport| report.environments[0].observation[0] = 5.0;
    assert_eq!(run().steps(blind).findings(), [Finding::ObservationsEqual { steps: 1_000 }]);

    let at_once = |episode: &mut EpisodeSummary| (episode.terminated, episode.steps) = (true, 1);
    let found = run().steps(healthy).episodes(rising, at_once).findings();
    assert_eq!(found, [Finding::EpisodesEndAtOnce { episodes: 20, steps: 1 }]);
}

#[test]
fn evaluation_and_training_that_lie_far_apart_twice_are_found() {
    let trained = || run().steps(healthy).episodes(|share| -100.0 - 20.0 * share, |_| {});
    let text = |run: Run| run.diagnosis.to_string();
    let below = text(trained().evaluation(500, -900.0).evaluation(1_000, -950.0));
    assert!(below.starts_with("- evaluations return -950, far below the -114.5 of training: check"), "{below}");
    let above = text(trained().evaluation(500, 900.0).evaluation(1_000, 950.0));
    assert!(above.starts_with("- evaluations return 950, far above the -114.5 of training: lower"), "{above}");
    assert_eq!(trained().evaluation(500, -900.0).evaluation(1_000, -120.0).findings(), []);
    assert_eq!(trained().evaluation(1_000, -900.0).findings(), [], "once may be chance");
    assert_eq!(trained().evaluation(500, -900.0).evaluation(1_000, 900.0).findings(), []);
}

#[test]
fn a_run_that_goes_on_keeps_what_it_has_seen_and_takes_no_episode_twice() {
    let mut parts = run().steps(healthy).episodes(rising, |_| {});
    let config = TrainerConfig::new(1);
    let history: Vec<_> = (0..20).map(|index| summary_for_tests(index, 0.0, 0.0)).collect();
    let run = RunInfo {
        config: &config,
        metric_names: SAC,
        agent: AgentInfo::for_tests(),
        history: &history.into_iter().collect(),
        evaluations: &[],
    };
    parts.diagnosis.on_start(&run).unwrap();
    assert_eq!((parts.diagnosis.episodes.len(), parts.diagnosis.rewards.count), (20, 1_000));
    assert_eq!(parts.diagnosis.axes[0].near[0].len(), 1_000 / 8 * 8);
}
