//! When a run is saved, and which of its checkpoints are kept.

use std::sync::atomic::Ordering;

use actor_critic::nn::{DeterministicActor, DeterministicActorConfig, QNetwork, QNetworkConfig};
use actor_critic::prelude::*;
use serde_json::Value;

type Agents = Ddpg<DeterministicActor, QNetwork>;

fn trainer(episodes: usize) -> Trainer<TimeLimit<Pendulum>, Agents> {
    let (device, seed, env) = (Device::flex(), Seed(0), Pendulum::v1());
    let spaces = Spaces::of(&env).unwrap();
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![4]);
    let critic = QNetworkConfig::new().with_hidden_dims(vec![4]);
    let actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), &device).unwrap();
    let critic = critic.init(&spaces, &mut seed.stream(Stream::CriticWeights), &device).unwrap();
    let agent = Ddpg::new(actor, critic, &spaces, &DdpgConfig::new(), &device, seed).unwrap();
    let config = TrainerConfig::new(episodes).with_batch_size(4).with_warmup_steps(20).with_learning_starts(150);
    Trainer::new(env, agent, &config, seed).unwrap()
}

fn manifest(checkpoints: &Checkpoints, generation: u64) -> Value {
    let text = std::fs::read_to_string(checkpoints.path(generation).join("manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn steps(checkpoints: &Checkpoints) -> Vec<u64> {
    let generations = checkpoints.generations().unwrap();
    let steps = |&generation: &u64| manifest(checkpoints, generation)["environment_steps"].as_u64().unwrap();
    generations.iter().map(steps).collect()
}

#[test]
fn the_newest_generations_and_the_best_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::open(folder.path()).unwrap().keep(2);
    let mut scores = [-3.0, -1.0, -2.0, -5.0, -4.0, -6.0, -1.0, -9.0].into_iter();
    let mut schedule = CheckpointEvery::steps(50, checkpoints).unwrap();
    schedule = schedule.keep_best(move |_: &mut Agents| Ok(scores.next().unwrap()));
    let mut trainer = trainer(2).with_environment_state();
    schedule.run(&mut trainer, &mut []).unwrap();
    // Eight saves; of two that are best, the later one, which is among the newest two.
    let checkpoints = schedule.checkpoints();
    assert_eq!(checkpoints.generations().unwrap(), [6, 7]);
    assert_eq!((checkpoints.best(), steps(checkpoints)), (Some(6), vec![350, 400]));
    drop(schedule);

    // The scores are read back with the directory.
    let checkpoints = Checkpoints::open(folder.path()).unwrap().keep(1);
    assert_eq!(checkpoints.best(), Some(6));
    let mut checkpoints = checkpoints;
    trainer.save(&mut checkpoints).unwrap();
    assert_eq!(checkpoints.generations().unwrap(), [6, 8], "the best, and the newest");
}

#[test]
fn an_environment_that_cannot_be_saved_is_refused_before_the_first_step() {
    let folder = tempfile::tempdir().unwrap();
    let mut schedule = CheckpointEvery::steps(150, Checkpoints::open(folder.path()).unwrap()).unwrap();
    let mut first = trainer(3);
    let error = schedule.run(&mut first, &mut []).unwrap_err().to_string();
    assert_eq!(
        error,
        "a checkpoint in mid-episode needs an environment that saves its state: implement `SaveState` for it and call \
         `Trainer::with_environment_state`; or call `Trainer::with_restarted_episodes`, and a resumed run begins new episodes in \
         place of those under way"
    );
    assert_eq!((first.environment_steps(), schedule.checkpoints().generations().unwrap()), (0, vec![]));
    drop(schedule);

    // By hand it can be saved between episodes, and nowhere else.
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    first = trainer(4);
    first.step().unwrap();
    assert!(!first.can_save());
    let error = first.save(&mut checkpoints).unwrap_err();
    assert!(error.to_string().starts_with("a checkpoint in mid-episode needs an environment that saves its state"));
    assert_eq!(checkpoints.generations().unwrap(), [0_u64; 0]);
    (0..199).for_each(|_| drop(first.step().unwrap()));
    assert!(first.can_save());
    first.save(&mut checkpoints).unwrap();
    let (mut second, mut whole) = (trainer(4), trainer(4));
    second.resume(&mut checkpoints).unwrap().unwrap();
    second.run(&mut []).unwrap();
    whole.run(&mut []).unwrap();
    assert_eq!(second.history(), whole.history());
}

#[test]
fn an_interrupted_run_is_saved_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut reference = trainer(2);
    let episodes = reference.run(&mut []).unwrap();

    let mut first = trainer(2).with_environment_state();
    let mut schedule = CheckpointEvery::steps(1_000, Checkpoints::open(folder.path()).unwrap()).unwrap();
    first.step().unwrap();
    schedule.interrupt_flag().store(true, Ordering::Relaxed);
    assert_eq!(schedule.run(&mut first, &mut []).unwrap(), []);
    assert!(schedule.is_interrupted());
    assert_eq!((first.environment_steps(), steps(schedule.checkpoints())), (2, vec![2]));
    drop(schedule);

    let mut second = trainer(2).with_environment_state();
    let mut schedule = CheckpointEvery::steps(1_000, Checkpoints::open(folder.path()).unwrap()).unwrap();
    assert_eq!(schedule.resume(&mut second).unwrap().unwrap().environment_steps, 2);
    assert_eq!(schedule.run(&mut second, &mut []).unwrap(), episodes);
    drop(schedule);

    // A run that is over stays over, and is not saved again; with more episodes it goes on.
    let mut schedule = CheckpointEvery::steps(1_000, Checkpoints::open(folder.path()).unwrap()).unwrap();
    let mut third = trainer(2).with_environment_state();
    assert_eq!(schedule.resume(&mut third).unwrap().unwrap().environment_steps, 400);
    assert_eq!(schedule.run(&mut third, &mut []).unwrap(), []);
    assert_eq!((steps(schedule.checkpoints()), third.history()), (vec![2, 400], &episodes.iter().cloned().collect()));
    let mut longer = trainer(3).with_environment_state();
    schedule.resume(&mut longer).unwrap();
    assert_eq!(schedule.run(&mut longer, &mut []).unwrap().len(), 1);
}

#[test]
fn a_directory_without_a_checkpoint_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(folder.path().join("a/b")).unwrap();
    let mut first = trainer(1);
    assert!(first.resume(&mut checkpoints).unwrap().is_none());
    assert_eq!(first.run(&mut []).unwrap(), trainer(1).run(&mut []).unwrap());
    assert!(CheckpointEvery::<Agents>::steps(0, checkpoints).is_err());
}

#[test]
fn what_has_not_changed_is_not_written_again() {
    // Rows of 8 KB: a part holds 524 of them.
    struct Wide(Spaces, usize);
    impl Environment for Wide {
        fn observation_space(&self) -> &BoxSpace {
            self.0.observation()
        }
        fn action_space(&self) -> &BoxSpace {
            self.0.action()
        }
        fn reset(&mut self, _: u64) -> Result<Vec<f32>, EnvironmentError> {
            self.1 = 0;
            Ok(vec![0.0; 1_000])
        }
        fn step(&mut self, _: &[f32]) -> Result<Step, EnvironmentError> {
            self.1 += 1;
            let observation = vec![self.1 as f32; 1_000];
            Ok(Step { observation, reward: 0.0, terminated: false, truncated: self.1 == 300 })
        }
    }
    let spaces = Spaces::new(BoxSpace::unbounded(1_000).unwrap(), BoxSpace::symmetric(1.0, 1).unwrap()).unwrap();
    let new = || {
        let actor = DeterministicActorConfig::new().with_hidden_dims(vec![4]);
        let critic = QNetworkConfig::new().with_hidden_dims(vec![4]);
        let actor = actor.init(&spaces, &mut Seed(0).stream(Stream::ActorWeights), &Device::flex()).unwrap();
        let critic = critic.init(&spaces, &mut Seed(0).stream(Stream::CriticWeights), &Device::flex()).unwrap();
        let agent = Ddpg::new(actor, critic, &spaces, &DdpgConfig::new(), &Device::flex(), Seed(0)).unwrap();
        let config = TrainerConfig::new(99)
            .with_warmup_steps(9_999)
            .with_replay_capacity(1_200)
            .with_learning_starts(1_200)
            .with_batch_size(2);
        Trainer::new(Wide(spaces.clone(), 0), agent, &config, Seed(0)).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    let mut trainer = new();
    (0..1_200).for_each(|_| drop(trainer.step().unwrap()));
    trainer.save(&mut checkpoints).unwrap();
    // Three hundred more, which overwrite rows of the first part.
    (0..300).for_each(|_| drop(trainer.step().unwrap()));
    let generation = trainer.save(&mut checkpoints).unwrap();

    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let links = |part: &str| std::fs::metadata(checkpoints.path(generation).join(part)).unwrap().nlink();
        let parts = ["replay-00000", "replay-00001"];
        assert_eq!(parts.map(|part| links(&format!("{part}.safetensors"))), [1, 2]);
    }
    assert_eq!(generation, 1);

    let mut resumed = new();
    resumed.resume(&mut checkpoints).unwrap();
    assert_eq!(resumed.replay().len(), 1_200);
    for age in 0..1_200 {
        assert_eq!(resumed.replay().get(age), trainer.replay().get(age), "transition {age}");
    }
    // A run that was resumed knows the parts as well.
    (0..300).for_each(|_| assert_eq!(resumed.step().unwrap(), trainer.step().unwrap()));
    resumed.save(&mut checkpoints).unwrap();
    drop(trainer);
}
