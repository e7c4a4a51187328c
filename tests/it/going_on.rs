//! How a run goes on that is begun again: with episodes that begin anew, from an older generation, with other settings, or not at all.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::small_run::agent as small_ddpg;
use actor_critic::checkpoint::CheckpointError;
use actor_critic::noise::OrnsteinUhlenbeckConfig;
use actor_critic::prelude::*;
use actor_critic::state::{State, StateError};
use actor_critic::train::{EpisodeHistory, Evaluation, ObserverError, RunInfo, StepReport};
use actor_critic::train::{StopAt, StopAtEvaluation, StopWithoutImprovement, TimeBudget};

type SmallDdpg = crate::small_run::SmallAgent;

fn limited(steps: usize) -> TimeLimit<Pendulum> {
    TimeLimit::new(Pendulum::default(), NonZeroUsize::new(steps).unwrap())
}

fn ddpg(config: &DdpgConfig) -> SmallDdpg {
    small_ddpg(4, config, Seed(0))
}

/// A run of so many steps in all, that learns from its 16th.
fn by_steps(steps: usize) -> TrainerConfig {
    let config = TrainerConfig::new(usize::MAX).with_environment_steps(Some(steps));
    config.with_batch_size(4).with_warmup_steps(8).with_learning_starts(16).with_replay_capacity(2_000)
}

/// Two environments whose episodes never end together.
fn two(config: &TrainerConfig) -> Trainer<TimeLimit<Pendulum>, SmallDdpg> {
    Trainer::with_environments(vec![limited(97), limited(101)], ddpg(&DdpgConfig::new()), config, Seed(0)).unwrap()
}

fn every(steps: usize, folder: &tempfile::TempDir) -> CheckpointEvery<SmallDdpg> {
    CheckpointEvery::steps(steps, Checkpoints::open(folder.path()).unwrap()).unwrap()
}

fn generations<E: Environment>(trainer: &Trainer<E, SmallDdpg>) -> Vec<u64> {
    trainer.checkpoints().unwrap().generations().unwrap()
}

/// Sets the flag of a handler of Ctrl-C after so many environment steps.
struct CtrlC(usize, Arc<AtomicBool>);

impl Observer for CtrlC {
    fn on_step(&mut self, step: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        self.1.store(step.environment_steps >= self.0, Ordering::Relaxed);
        Ok(ControlFlow::Continue(()))
    }
}

#[test]
fn environments_that_restart_are_saved_on_time_and_when_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let config = by_steps(900);
    let error = two(&config).with_checkpoints(every(100, &folder)).run(&mut []).unwrap_err();
    assert!(matches!(error, Error::Checkpoint(CheckpointError::MidEpisode)), "{error}");

    let checkpoints = every(100, &folder);
    let mut ctrl_c = CtrlC(330, checkpoints.interrupt_flag());
    let mut first = two(&config).with_restarted_episodes().with_checkpoints(checkpoints);
    first.run(&mut [&mut ctrl_c]).unwrap();
    assert_eq!(first.environment_steps(), 330);
    assert_eq!(generations(&first), [1, 2, 3], "of 100, 200, 300 and 330 steps");
    // Its directory is free for the next one, and the trainer is there to be compared.
    let elsewhere = tempfile::tempdir().unwrap();
    let first = first.with_checkpoints(every(100, &elsewhere));

    let mut second = two(&config).with_restarted_episodes().with_checkpoints(every(100, &folder));
    let resumed = second.resume_newest().unwrap().unwrap();
    assert_eq!((resumed.environment_steps, resumed.restarted_episodes, resumed.skipped.len()), (330, 2, 0));
    assert_eq!((second.history(), second.replay().len(), second.updates()), (first.history(), 330, first.updates()));
    assert_eq!(second.agent().save_state().unwrap(), first.agent().save_state().unwrap());
    second.run(&mut []).unwrap();
    assert_eq!((second.environment_steps(), first.environment_steps()), (900, 330));
    // Whole episodes only, and what follows is no continuation of what was given up.
    assert!(second.history().iter().all(|episode| [97, 101].contains(&episode.steps)));
    // A run that is over is not saved again.
    let newest = generations(&second);
    second.run(&mut []).unwrap();
    assert_eq!(generations(&second), newest);
}

#[test]
fn saving_does_not_disturb_a_run_whose_episodes_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (saved, mut alone) = (two(&by_steps(400)).with_restarted_episodes(), two(&by_steps(400)));
    let mut saved = saved.with_checkpoints(every(50, &folder));
    saved.run(&mut []).unwrap();
    alone.run(&mut []).unwrap();
    assert_eq!(saved.history(), alone.history());
    assert_eq!(saved.agent().save_state().unwrap(), alone.agent().save_state().unwrap());
}

#[test]
fn noise_and_replay_know_that_an_episode_was_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let noise = OrnsteinUhlenbeckConfig::new().with_reset_each_episode(true);
    let config = DdpgConfig::new().with_noise(NoiseConfig::OrnsteinUhlenbeck(noise));
    let make = || Trainer::new(limited(50), ddpg(&config), &by_steps(30).with_warmup_steps(0), Seed(0)).unwrap();
    let mut first = make().with_restarted_episodes();
    first.run(&mut []).unwrap();
    first.save(&mut Checkpoints::open(folder.path()).unwrap()).unwrap();
    let mut second = make().with_restarted_episodes();
    second.resume(&mut Checkpoints::open(folder.path()).unwrap()).unwrap();
    let displacement = |trainer: &Trainer<_, SmallDdpg>| {
        trainer.agent().save_state().unwrap().take_array::<f64>("exploration.processes.rows.x", &[1, 1]).unwrap()[0]
    };
    assert_ne!(displacement(&first), 0.0);
    assert_eq!(displacement(&second), 0.0);
    let last = second.replay().get(29).unwrap();
    assert_eq!(last.next_observation, first.replay().get(29).unwrap().next_observation);
}

#[test]
fn a_checkpoint_with_states_can_be_taken_up_without_them_and_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    let mut saved = two(&by_steps(60)).with_environment_state();
    saved.run(&mut []).unwrap();
    saved.save(&mut checkpoints).unwrap();
    let mut restarting = two(&by_steps(90)).with_restarted_episodes();
    assert_eq!(restarting.resume(&mut checkpoints).unwrap().unwrap().restarted_episodes, 2);
    restarting.run(&mut []).unwrap();
    restarting.save(&mut checkpoints).unwrap();
    let mut exact = two(&by_steps(120)).with_environment_state();
    let resumed = exact.resume(&mut checkpoints).unwrap().unwrap();
    assert_eq!((resumed.environment_steps, resumed.restarted_episodes), (90, 2));
    exact.run(&mut []).unwrap();
    let error = two(&by_steps(120)).resume_from(&mut checkpoints, 0).unwrap_err();
    assert!(matches!(error, Error::Checkpoint(CheckpointError::MidEpisode)), "{error}");
}

#[test]
fn the_end_of_a_run_in_mid_episode_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let config = by_steps(40);
    let make = || Trainer::new(limited(300), ddpg(&DdpgConfig::new()), &config, Seed(0)).unwrap();
    make().with_restarted_episodes().with_checkpoints(every(1_000, &folder)).run(&mut []).unwrap();
    let mut resumed = make().with_restarted_episodes().with_checkpoints(every(1_000, &folder));
    assert_eq!(resumed.resume_newest().unwrap().unwrap().environment_steps, 40);

    // One that was over before anything saves it, too.
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = make().with_environment_state();
    trainer.run(&mut []).unwrap();
    let mut trainer = trainer.with_checkpoints(every(1_000, &folder));
    trainer.run(&mut []).unwrap();
    assert_eq!(generations(&trainer), [0]);
}

#[test]
fn four_thousand_environments_are_saved_and_go_on_bit_for_bit() {
    const N: usize = 4_096;
    let noise = NoiseConfig::OrnsteinUhlenbeck(OrnsteinUhlenbeckConfig::new());
    let make = |steps: usize| {
        let environments = (0..N).map(|i| limited(2 + i % 3)).collect();
        let config = by_steps(steps * N).with_replay_capacity(4 * N).with_updates_per_step(1e-3);
        let agent = ddpg(&DdpgConfig::new().with_noise(noise.clone()));
        Trainer::with_environments(environments, agent, &config, Seed(0)).unwrap().with_environment_state()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut whole = make(5);
    whole.run(&mut []).unwrap();
    make(3).with_checkpoints(every(2 * N, &folder)).run(&mut []).unwrap();
    let mut second = make(5).with_checkpoints(every(2 * N, &folder));
    assert_eq!(second.resume_newest().unwrap().unwrap().environment_steps, 3 * N);
    second.run(&mut []).unwrap();
    assert_eq!(second.history(), whole.history());
    assert!(second.agent().save_state().unwrap() == whole.agent().save_state().unwrap());
}

/// A pendulum with a state that is too long for a file, because it has a name for each number, or that cannot be saved at all.
struct Unsavable(TimeLimit<Pendulum>, Option<usize>);

impl Environment for Unsavable {
    fn observation_space(&self) -> &BoxSpace {
        self.0.observation_space()
    }

    fn action_space(&self) -> &BoxSpace {
        self.0.action_space()
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.0.reset(seed)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        self.0.step(action)
    }
}

impl SaveState for Unsavable {
    fn save_state(&self) -> Result<State, StateError> {
        let Some(names) = self.1 else {
            return Err(StateError::Unsupported { name: "simulator".into(), reason: "it is another process" });
        };
        let mut state = State::new();
        (0..names).for_each(|i| state.put(&format!("number_{i}"), 0.0));
        Ok(state)
    }

    fn load_state(&mut self, _: State) -> Result<(), StateError> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_saved_is_refused_at_once_with_the_cause() {
    let refused = |names| {
        let folder = tempfile::tempdir().unwrap();
        let env = Unsavable(limited(300), names);
        let trainer = Trainer::new(env, ddpg(&DdpgConfig::new()), &by_steps(900), Seed(0)).unwrap();
        let mut trainer = trainer.with_environment_state().with_checkpoints(every(500, &folder));
        let error = trainer.run(&mut []).unwrap_err().to_string();
        (trainer.environment_steps(), error)
    };
    let (steps, error) = refused(Some(5_000));
    assert!(
        error.starts_with("the state of the run cannot be written: the header must be at most 262144 bytes long, got "),
        "{error}"
    );
    assert!(steps <= 1, "found after {steps} steps");
    let (steps, error) = refused(None);
    assert_eq!(error, "`environment.simulator` cannot be saved: it is another process");
    assert!(steps <= 1, "found after {steps} steps");
}

#[test]
fn a_run_goes_on_from_its_best_generation() {
    let folder = tempfile::tempdir().unwrap();
    let make = |steps| two(&by_steps(steps)).with_environment_state();
    let mut score = 0.0;
    let checkpoints = Checkpoints::open(folder.path()).unwrap().keep(1);
    let scored = CheckpointEvery::steps(50, checkpoints).unwrap().keep_best(move |_: &SmallDdpg| {
        score -= 1.0;
        Ok(score)
    });
    let mut first = make(200).with_checkpoints(scored);
    first.run(&mut []).unwrap();
    assert_eq!((first.checkpoints().unwrap().best(), generations(&first)), (Some(0), vec![0, 3]));
    drop(first);

    let mut whole = make(200);
    whole.run(&mut []).unwrap();
    let mut trainer = make(200).with_checkpoints(every(1_000, &folder));
    let best = trainer.checkpoints().unwrap().best().unwrap();
    assert_eq!(trainer.resume_generation(best).unwrap().environment_steps, 50);
    assert_eq!(generations(&trainer), [0, 3], "nothing is removed by going back");
    trainer.run(&mut []).unwrap();
    assert_eq!(trainer.history(), whole.history());
    // The other branch is older now, and a plain resume takes up this one.
    assert_eq!(generations(&trainer), [0, 3, 4]);
    drop(trainer);
    let mut trainer = make(200).with_checkpoints(every(1_000, &folder));
    assert_eq!(trainer.resume_newest().unwrap().unwrap().generation, 4);

    let error = trainer.resume_generation(2).unwrap_err().to_string();
    assert_eq!(error, format!("there is no generation 2 in {}, only [0, 3, 4]", folder.path().display()));
}

#[test]
fn settings_that_may_differ_are_named_and_all_others_refused() {
    let folder = tempfile::tempdir().unwrap();
    let make = |config: DdpgConfig, schedule: &TrainerConfig| {
        Trainer::new(limited(50), ddpg(&config), schedule, Seed(0)).unwrap().with_environment_state()
    };
    let normalized = || DdpgConfig::new().with_normalize_observations(true);
    let mut saved = make(normalized(), &by_steps(60));
    saved.run(&mut []).unwrap();
    saved.save(&mut Checkpoints::open(folder.path()).unwrap()).unwrap();

    let fine = normalized().with_actor_learning_rate(1e-5).with_tau(0.5).with_discount(0.5);
    let schedule = by_steps(90).with_batch_size(8).with_n_step(2).with_average_window(3);
    let open = || Checkpoints::open(folder.path()).unwrap();
    let error = make(fine.clone(), &schedule).resume(&mut open()).unwrap_err().to_string();
    assert_eq!(
        error,
        "the checkpoint was made with other settings: actor_learning_rate: 0.001 then, 0.00001 now; discount: 0.99 then, 0.5 now; \
         tau: 0.005 then, 0.5 now; average_window: 100 then, 3 now; batch_size: 4 then, 8 now; n_step: 1 then, 2 now; \
         restore the old values, or name the settings in `Checkpoints::allow_changed` to continue with the new values"
    );
    // What is not named stays refused, and is the only thing that is.
    let some = ["actor_learning_rate", "tau", "average_window", "batch_size", "n_step"];
    let error = make(fine.clone(), &schedule).resume(&mut open().allow_changed(some)).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "the checkpoint was made with other settings: discount: 0.99 then, 0.5 now; restore the old values"
        ),
        "{error}"
    );

    let mut allowed = open().allow_changed(some).allow_changed(["discount"]);
    let mut tuned = make(fine.clone(), &schedule);
    let resumed = tuned.resume(&mut allowed).unwrap().unwrap();
    let changed: Vec<_> = resumed.changed.iter().map(|setting| setting.name.as_str()).collect();
    assert_eq!(changed, ["actor_learning_rate", "discount", "tau", "average_window", "batch_size", "n_step"]);
    // Everything was taken along, and the settings are the new ones.
    assert_eq!((tuned.agent().config(), tuned.config()), (&fine, &schedule));
    let without_config = |trainer: &Trainer<_, SmallDdpg>| {
        let mut state = trainer.agent().save_state().unwrap();
        state.take_text("config").unwrap();
        state
    };
    assert_eq!(without_config(&tuned), without_config(&saved));
    let observation = [0.5, -0.5, 3.0];
    let action = |agent: &mut SmallDdpg| agent.act(&[&observation]).unwrap();
    assert_eq!(action(tuned.agent_mut()), action(saved.agent_mut()));
    tuned.run(&mut []).unwrap();
    tuned.save(&mut allowed).unwrap();
    drop(allowed);

    // The same command again: there is nothing left that differs.
    let resumed = make(fine, &schedule).resume(&mut open().allow_changed(some).allow_changed(["discount"]));
    assert_eq!(resumed.unwrap().unwrap().changed, []);
}

#[test]
fn names_that_are_no_setting_and_settings_that_shape_arrays_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let make = |config: &DdpgConfig, schedule: &TrainerConfig| {
        Trainer::new(limited(50), ddpg(config), schedule, Seed(0)).unwrap().with_environment_state()
    };
    let (plain, schedule) = (DdpgConfig::new().with_normalize_observations(false), by_steps(20));
    let open = || Checkpoints::open(folder.path()).unwrap();
    let unknown =
        |name: &str| make(&plain, &schedule).resume(&mut open().allow_changed([name])).unwrap_err().to_string();
    // Before there is anything to resume, so that it is found on the first day.
    for name in ["learning_rate", "actor_learning_rat", "", "replay_capacity", "trainer.batch_size"] {
        let error = unknown(name);
        let begins = format!("`{name}` is not a setting; the settings of agent and trainer are ");
        assert!(error.starts_with(&begins) && error.contains("actor_learning_rate, "), "{error}");
        assert!(error.contains("batch_size") && !error[begins.len()..].contains("replay_capacity"), "{error}");
    }
    let mut saved = make(&plain, &schedule);
    saved.run(&mut []).unwrap();
    saved.save(&mut open()).unwrap();

    let text = |config: &DdpgConfig, name: &str| {
        let mut trainer = make(config, &schedule);
        let error = trainer.resume(&mut open().allow_changed([name])).unwrap_err().to_string();
        assert_eq!((trainer.environment_steps(), trainer.replay().len()), (0, 0), "nothing has changed");
        error
    };
    let error = text(&plain.clone().with_normalize_observations(true), "normalize_observations");
    assert_eq!(error, "`agent.boundary.observations.count` is missing from the state");
    let noise = NoiseConfig::OrnsteinUhlenbeck(OrnsteinUhlenbeckConfig::new().with_volatility(9.0));
    let error = text(&plain.clone().with_noise(noise), "noise");
    assert!(error.starts_with("`agent.exploration.processes."), "{error}");
}

/// Runs the same command again and again, and returns the steps that the run had each time.
fn repeated(stop: &dyn Fn() -> Box<dyn Observer>) -> [usize; 3] {
    let folder = tempfile::tempdir().unwrap();
    [(); 3].map(|()| {
        let flat = |_: &SmallDdpg| Ok(Evaluation { returns: vec![-1.0] });
        let evaluation = EvaluateEvery::steps(10, flat).unwrap();
        let trainer = Trainer::new(limited(20), ddpg(&DdpgConfig::new()), &by_steps(500), Seed(0)).unwrap();
        let trainer = trainer.with_environment_state().with_evaluation(evaluation);
        let mut trainer = trainer.with_checkpoints(every(10, &folder));
        trainer.resume_newest().unwrap();
        trainer.run(&mut [stop().as_mut()]).unwrap();
        trainer.environment_steps()
    })
}

/// Ends a run after an episode, and knows it.
struct AfterEpisodes(usize);

impl Observer for AfterEpisodes {
    fn is_over(&self, run: &RunInfo<'_>) -> bool {
        run.history.len() >= self.0
    }

    fn on_episode(&mut self, episode: &actor_critic::train::EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        Ok(if episode.episode + 1 >= self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

#[test]
fn a_run_that_was_ended_by_a_rule_does_nothing_when_the_command_is_repeated() {
    assert_eq!(repeated(&|| Box::new(StopWithoutImprovement::new(3, 0.0))), [40; 3]);
    assert_eq!(repeated(&|| Box::new(StopAtEvaluation { threshold: -1.0 })), [10; 3]);
    assert_eq!(repeated(&|| Box::new(StopAt { threshold: f64::NEG_INFINITY, min_episodes: 3 })), [60; 3]);
    assert_eq!(repeated(&|| Box::new(AfterEpisodes(2))), [40; 3]);
    #[cfg(feature = "progress")]
    assert_eq!(repeated(&|| Box::new(Progress::around(AfterEpisodes(2)))), [40; 3], "an observer inside another");
    // Time is counted from when a command begins, so there is time for a step each time.
    assert_eq!(repeated(&|| Box::new(TimeBudget::new(std::time::Duration::ZERO))), [1, 2, 3]);
}

#[test]
fn a_rule_that_asks_for_more_lets_a_run_go_on() {
    let mut trainer = Trainer::new(limited(20), ddpg(&DdpgConfig::new()), &by_steps(100), Seed(0)).unwrap();
    trainer.run(&mut [&mut AfterEpisodes(1)]).unwrap();
    assert_eq!(trainer.run(&mut [&mut AfterEpisodes(1)]).unwrap(), []);
    assert_eq!(trainer.run(&mut [&mut AfterEpisodes(2), &mut AfterEpisodes(3)]).unwrap().len(), 1);
    assert_eq!(trainer.run(&mut []).unwrap().len(), 3);
}

/// Ends every episode after its first step.
struct OneStep(TimeLimit<Pendulum>);

impl Environment for OneStep {
    fn observation_space(&self) -> &BoxSpace {
        self.0.observation_space()
    }

    fn action_space(&self) -> &BoxSpace {
        self.0.action_space()
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.0.reset(seed)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        Ok(Step { terminated: true, ..self.0.step(action)? })
    }
}

#[test]
fn of_a_long_history_only_what_is_new_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let config = by_steps(usize::MAX).with_warmup_steps(usize::MAX).with_learning_starts(2_000);
    let make = || {
        Trainer::new(
            OneStep(limited(9)),
            ddpg(&DdpgConfig::new()),
            &config.clone().with_updates_per_step(1e-4),
            Seed(0),
        )
        .unwrap()
    };
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    let mut saved = make();
    (0..20_000).for_each(|_| _ = saved.step().unwrap());
    saved.save(&mut checkpoints).unwrap();
    (0..10).for_each(|_| _ = saved.step().unwrap());
    let generation = saved.save(&mut checkpoints).unwrap();
    let part = |generation, part: usize| checkpoints.path(generation).join(format!("history-{part:05}.safetensors"));
    assert!(part(generation, 1).exists() && !part(generation, 2).exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let links = |i| std::fs::metadata(part(generation, i)).unwrap().nlink();
        assert_eq!([links(0), links(1)], [2, 1]);
    }
    let mut resumed = make();
    resumed.resume(&mut checkpoints).unwrap();
    assert_eq!((resumed.history(), resumed.history().len()), (saved.history(), 20_010));
    // A run that was resumed knows the parts as well.
    (0..10).for_each(|_| assert_eq!(resumed.step().unwrap(), saved.step().unwrap()));
    let generation = resumed.save(&mut checkpoints).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let part = checkpoints.path(generation).join("history-00000.safetensors");
        assert_eq!(std::fs::metadata(part).unwrap().nlink(), 3);
    }
    assert_eq!(resumed.history(), &saved.history().iter().collect::<EpisodeHistory>());
}
