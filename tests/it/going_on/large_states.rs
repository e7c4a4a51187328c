//! Many environments, long histories, and states that cannot be saved.

use actor_critic::noise::OrnsteinUhlenbeckConfig;
use actor_critic::prelude::*;
use actor_critic::state::{State, StateError};
use actor_critic::train::EpisodeHistory;

use super::{by_steps, ddpg, every, limited};

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
