//! When a run is saved, and which of its checkpoints are kept.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

fn every(steps: usize, folder: &Path) -> CheckpointEvery<Agents> {
    CheckpointEvery::steps(steps, Checkpoints::open(folder).unwrap()).unwrap()
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
    let every = CheckpointEvery::steps(50, checkpoints).unwrap();
    let every = every.keep_best(move |_: &Agents| Ok(scores.next().unwrap()));
    let mut saved = trainer(2).with_environment_state().with_checkpoints(every);
    saved.run(&mut []).unwrap();
    // Eight saves; of two that are best, the later one, which is among the newest two.
    let checkpoints = saved.checkpoints().unwrap();
    assert_eq!(checkpoints.generations().unwrap(), [6, 7]);
    assert_eq!((checkpoints.best(), steps(checkpoints)), (Some(6), vec![350, 400]));
    drop(saved);

    // The scores are read back with the directory.
    let checkpoints = Checkpoints::open(folder.path()).unwrap().keep(1);
    assert_eq!(checkpoints.best(), Some(6));
    let mut checkpoints = checkpoints;
    let mut trainer = trainer(2).with_environment_state();
    trainer.resume(&mut checkpoints).unwrap();
    trainer.save(&mut checkpoints).unwrap();
    assert_eq!(checkpoints.generations().unwrap(), [6, 8], "the best, and the newest");
}

#[test]
fn an_environment_that_cannot_be_saved_is_refused_before_the_first_step() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = trainer(3).with_checkpoints(every(150, folder.path()));
    let error = first.run(&mut []).unwrap_err().to_string();
    assert_eq!(
        error,
        "a checkpoint in the middle of an episode needs an environment that saves its state: implement `SaveState` for it and call \
         `Trainer::with_environment_state`; or call `Trainer::with_restarted_episodes`, and a resumed run starts new episodes \
         instead of the running ones"
    );
    assert_eq!((first.environment_steps(), first.checkpoints().unwrap().generations().unwrap()), (0, vec![]));
    drop(first);

    // By hand it can be saved between episodes, and nowhere else.
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    let mut first = trainer(4);
    first.step().unwrap();
    assert!(!first.can_save());
    let error = first.save(&mut checkpoints).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("a checkpoint in the middle of an episode needs an environment that saves its state")
    );
    assert_eq!(checkpoints.generations().unwrap(), [0_u64; 0]);
    (0..199).for_each(|_| _ = first.step().unwrap());
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

    let checkpoints = every(1_000, folder.path());
    let interrupt = checkpoints.interrupt_flag();
    let mut first = trainer(2).with_environment_state().with_checkpoints(checkpoints);
    first.step().unwrap();
    interrupt.store(true, Ordering::Relaxed);
    assert_eq!(first.run(&mut []).unwrap(), []);
    assert!(interrupt.load(Ordering::Relaxed));
    assert_eq!((first.environment_steps(), steps(first.checkpoints().unwrap())), (2, vec![2]));
    drop(first);

    let begin = |episodes| trainer(episodes).with_environment_state().with_checkpoints(every(1_000, folder.path()));
    let mut second = begin(2);
    assert_eq!(second.resume_newest().unwrap().unwrap().environment_steps, 2);
    assert_eq!(second.run(&mut []).unwrap(), episodes);
    drop(second);

    // A run that is over stays over, and is not saved again; with more episodes it goes on.
    let mut third = begin(2);
    assert_eq!(third.resume_newest().unwrap().unwrap().environment_steps, 400);
    assert_eq!(third.run(&mut []).unwrap(), []);
    let saved = steps(third.checkpoints().unwrap());
    assert_eq!((saved, third.history()), (vec![2, 400], &episodes.iter().cloned().collect()));
    drop(third);
    let mut longer = begin(3);
    longer.resume_newest().unwrap();
    assert_eq!(longer.run(&mut []).unwrap().len(), 1);
}

#[test]
fn one_flag_interrupts_several_runs() {
    let (folders, interrupt) = ([(); 2].map(|()| tempfile::tempdir().unwrap()), Arc::new(AtomicBool::new(false)));
    let mut runs = folders.each_ref().map(|folder| {
        let checkpoints = every(1_000, folder.path()).with_interrupt_flag(Arc::clone(&interrupt));
        assert!(Arc::ptr_eq(&checkpoints.interrupt_flag(), &interrupt));
        trainer(2).with_environment_state().with_checkpoints(checkpoints)
    });
    interrupt.store(true, Ordering::Relaxed);
    for run in &mut runs {
        assert_eq!(run.run(&mut []).unwrap(), []);
        assert_eq!((run.environment_steps(), steps(run.checkpoints().unwrap())), (1, vec![1]));
    }
}

#[test]
fn a_trainer_with_checkpoints_can_be_sent_to_a_thread() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = every(150, folder.path()).keep_best(|_: &Agents| Ok(0.0));
    let mut trainer = trainer(1).with_environment_state().with_checkpoints(checkpoints);
    let trainer = std::thread::spawn(move || trainer.run(&mut []).map(|_| trainer)).join().unwrap().unwrap();
    assert_eq!(steps(trainer.checkpoints().unwrap()), [150, 200]);
}

#[test]
fn a_trainer_without_checkpoints_says_that_they_are_missing() {
    let mut trainer = trainer(1);
    assert!(trainer.checkpoints().is_none());
    let error = trainer.resume_newest().unwrap_err().to_string();
    assert_eq!(error, "the trainer has no checkpoints: attach them by `Trainer::with_checkpoints`");
    assert_eq!(trainer.resume_generation(0).unwrap_err().to_string(), error);
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
    (0..1_200).for_each(|_| _ = trainer.step().unwrap());
    trainer.save(&mut checkpoints).unwrap();
    // Three hundred more, which overwrite rows of the first part.
    (0..300).for_each(|_| _ = trainer.step().unwrap());
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
