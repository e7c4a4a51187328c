//! A checkpoint whose files are damaged, mixed up or another run's is refused with the reason, and nothing has changed.

use crate::small_run;
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::small_run::{
    AGENT, MANIFEST, MANIFEST_DIGEST, REPLAY, SmallTrainer, TRAINER, config, generation, stepped, trainer,
};
use actor_critic::checkpoint::CheckpointError;
use actor_critic::env::MountainCarContinuous;
use actor_critic::nn::{DeterministicActorConfig, QNetworkConfig};
use actor_critic::prelude::*;
use actor_critic::state::{State, StateError};

const FILES: [&str; 5] = [MANIFEST, MANIFEST_DIGEST, AGENT, TRAINER, REPLAY];

/// Returns whether `trainer` found generations and none that is whole.
fn none_is_intact(trainer: &mut SmallTrainer, checkpoints: &mut Checkpoints) -> bool {
    matches!(trainer.resume(checkpoints), Err(Error::Checkpoint(CheckpointError::NoneIntact { .. })))
}

/// Prints the bits of all that `trainer` does next, learning included.
fn future<E: Environment, A: Agent + SaveState>(trainer: &mut Trainer<E, A>) -> String {
    let reports: Vec<_> = (0..6).map(|_| trainer.step().unwrap().clone()).collect();
    format!("{reports:?} {:?}", trainer.agent().save_state().unwrap())
}

/// Requires `make` to refuse the directory with a text that contains `expected`, and to go on as one that never saw it.
fn assert_refused<E, A>(make: impl Fn() -> Trainer<E, A>, directory: &Path, expected: &str)
where
    E: Environment,
    A: Agent + SaveState,
{
    let (mut refusing, mut untouched) = (make(), make());
    let error = refusing.resume(&mut Checkpoints::open(directory).unwrap()).unwrap_err().to_string();
    assert!(error.contains(expected), "`{error}` should contain `{expected}`");
    assert_eq!(future(&mut refusing), future(&mut untouched), "{expected}");
}

#[test]
fn a_flipped_bit_in_any_byte_is_detected() {
    let folder = tempfile::tempdir().unwrap();
    small_run::save(folder.path());
    let (mut trainer, mut checkpoints) = (trainer(), Checkpoints::open(folder.path()).unwrap());
    let (mut flips, mut detected) = (0, 0);
    for path in FILES.map(|file| generation(folder.path(), 0).join(file)) {
        let content = fs::read(&path).unwrap();
        let mut file = OpenOptions::new().write(true).open(&path).unwrap();
        let mut put = |index: usize, byte: u8| {
            file.seek(SeekFrom::Start(index as u64)).unwrap();
            file.write_all(&[byte]).unwrap();
        };
        for (index, &byte) in content.iter().enumerate() {
            let patterns: &[u8] = if index % 8 == 0 { &[0x01, 0xff] } else { &[0x01] };
            for pattern in patterns {
                put(index, byte ^ pattern);
                flips += 1;
                detected += usize::from(none_is_intact(&mut trainer, &mut checkpoints));
            }
            put(index, byte);
        }
        println!("{}: {} bytes", path.file_name().unwrap().display(), content.len());
    }
    println!("{detected} of {flips} flips detected");
    assert_eq!(detected, flips);
    assert_eq!(trainer.resume(&mut checkpoints).unwrap().unwrap().environment_steps, 5);
}

#[test]
fn a_file_that_ends_early_is_detected_at_every_length() {
    let folder = tempfile::tempdir().unwrap();
    small_run::save(folder.path());
    let (mut trainer, mut checkpoints) = (trainer(), Checkpoints::open(folder.path()).unwrap());
    let (mut cuts, mut detected) = (0, 0);
    for path in FILES.map(|file| generation(folder.path(), 0).join(file)) {
        let content = fs::read(&path).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        for length in (0..content.len()).rev() {
            file.set_len(length as u64).unwrap();
            cuts += 1;
            detected += usize::from(none_is_intact(&mut trainer, &mut checkpoints));
        }
        fs::write(&path, content).unwrap();
    }
    println!("{detected} of {cuts} cuts detected");
    assert_eq!(detected, cuts);
    assert_eq!(trainer.resume(&mut checkpoints).unwrap().unwrap().environment_steps, 5);
}

#[test]
fn generations_that_are_mixed_are_detected_unless_the_files_are_equal() {
    // With steps between the two generations, and without: then agent, trainer and replay are equal, byte for byte.
    for steps_between in [2, 0] {
        let folder = tempfile::tempdir().unwrap();
        let mut trainer = stepped(5);
        let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
        trainer.save(&mut checkpoints).unwrap();
        (0..steps_between).for_each(|_| _ = trainer.step().unwrap());
        trainer.save(&mut checkpoints).unwrap();
        let read = |number| FILES.map(|file| fs::read(generation(folder.path(), number).join(file)).unwrap());
        let (other, newest) = (read(0), read(1));
        fs::remove_dir_all(generation(folder.path(), 0)).unwrap();

        let (mut detected, mut equal) = (0, 0);
        for subset in 1..(1_u32 << FILES.len()) {
            let taken = |index: usize| subset & 1 << index != 0;
            for (index, file) in FILES.into_iter().enumerate() {
                let content = if taken(index) { &other[index] } else { &newest[index] };
                fs::write(generation(folder.path(), 1).join(file), content).unwrap();
            }
            let same = (0..FILES.len()).all(|index| !taken(index) || other[index] == newest[index]);
            let refused = none_is_intact(&mut small_run::trainer(), &mut checkpoints);
            assert_eq!(refused, !same, "files {subset:05b} of {FILES:?} from the other generation");
            detected += usize::from(refused);
            equal += usize::from(same);
        }
        println!("{detected} mixtures detected, {equal} were no mixture");
        assert_eq!((detected, equal), if steps_between == 0 { (24, 7) } else { (31, 0) });
    }
}

#[test]
fn a_damaged_generation_is_skipped_for_the_one_before_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = stepped(5);
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    trainer.save(&mut checkpoints).unwrap();
    let expected = future(&mut trainer);
    for _ in 0..2 {
        trainer.step().unwrap();
        trainer.save(&mut checkpoints).unwrap();
    }
    let path = generation(folder.path(), 1).join(AGENT);
    let mut content = fs::read(&path).unwrap();
    let whole = small_run::sha256(&content);
    *content.last_mut().unwrap() ^= 0x10;
    fs::write(&path, &content).unwrap();
    fs::remove_file(generation(folder.path(), 2).join(TRAINER)).unwrap();

    let reported = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&reported);
    checkpoints = checkpoints.on_skipped(move |skipped| told.lock().unwrap().push(skipped.to_string()));
    let mut resuming = small_run::trainer();
    let resumed = resuming.resume(&mut checkpoints).unwrap().unwrap();
    let skipped: Vec<_> = resumed.skipped.iter().map(ToString::to_string).collect();
    assert_eq!((resumed.generation, resumed.environment_steps), (0, 5));
    assert_eq!(
        skipped,
        [
            "generation 2: trainer.safetensors cannot be read: No such file or directory (os error 2)".to_owned(),
            format!(
                "generation 1: agent.safetensors is damaged: its SHA-256 must be {whole}, got {}",
                small_run::sha256(&content)
            ),
        ]
    );
    assert_eq!(*reported.lock().unwrap(), skipped);
    assert_eq!(future(&mut resuming), expected);
    let error = resuming.resume_from(&mut checkpoints, 1).unwrap_err().to_string();
    assert_eq!(error, format!("the checkpoint cannot be used: {}", skipped[1]));
}

/// Something done to generation 0, and part of the text with which it is refused.
type Case = (&'static str, fn(&Path), &'static str);

/// Moves a file of the generation out of the directory and returns where it was and where it is.
fn take_out(generation: &Path, file: &str) -> (PathBuf, PathBuf) {
    let (here, outside) = (generation.join(file), generation.parent().unwrap().join("outside"));
    fs::rename(&here, &outside).unwrap();
    (here, outside)
}

#[test]
fn a_generation_that_is_not_whole_or_of_another_format_is_refused() {
    let cases: [Case; 7] = [
        (
            "a part under another name",
            |path| fs::rename(path.join(REPLAY), path.join("replay-0.safetensors")).unwrap(),
            "generation 0: replay-00000.safetensors cannot be read: No such file or directory",
        ),
        (
            "another number",
            |path| fs::rename(path, path.with_file_name("generation-00000003")).unwrap(),
            "generation 3: manifest.json must give the generation of its directory, 3, got 0",
        ),
        (
            "a link to a generation",
            |path| {
                let outside = path.with_file_name("outside");
                fs::rename(path, &outside).unwrap();
                symlink(outside, path).unwrap();
            },
            "generation 0: the directory must not be a link",
        ),
        (
            "a file instead of the directory",
            |path| {
                fs::remove_dir_all(path).unwrap();
                fs::write(path, "").unwrap();
            },
            "generation 0: manifest.json cannot be read: Not a directory",
        ),
        (
            "a newer format",
            |path| small_run::edit_manifest(path, |manifest| manifest["format"] = 4.into()),
            "generation 0: manifest.json must have format 3, which this version of the crate reads, got 4, written by version 0.1.0",
        ),
        (
            "a newer format with another layout",
            |path| small_run::replace(path, MANIFEST, br#"{"format": 4, "files": []}"#),
            "generation 0: manifest.json must have format 3, which this version of the crate reads, got 4, written by version unknown",
        ),
        (
            "the last format",
            |path| small_run::replace(path, MANIFEST, br#"{"format": 2, "crate_version": "0.1.0", "episodes": 1}"#),
            "got 2, written by version 0.1.0; finish the run with that version, or start it again in another directory",
        ),
    ];
    for (what, damage, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        small_run::save(folder.path());
        damage(&generation(folder.path(), 0));
        println!("{what}");
        assert_refused(trainer, folder.path(), expected);
    }
}

#[test]
fn files_that_no_manifest_names_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut saved = stepped(5);
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap().keep(1);
    saved.save(&mut checkpoints).unwrap();
    let path = generation(folder.path(), 0);
    // Those of file managers, synchronised folders and editors, and one that looks like a part.
    let names = [
        ".DS_Store",
        "desktop.ini",
        "Thumbs.db",
        "._agent.safetensors",
        ".nfs0001",
        "notes.txt~",
        "history-00000.safetensors",
    ];
    names.iter().for_each(|name| fs::write(path.join(name), "x").unwrap());
    fs::create_dir_all(path.join("@eaDir/more")).unwrap();
    symlink("nowhere", path.join("link")).unwrap();
    let mut resuming = trainer();
    let resumed = resuming.resume(&mut checkpoints).unwrap().unwrap();
    assert_eq!((resumed.environment_steps, resumed.skipped.len()), (5, 0));
    assert_eq!(future(&mut resuming), future(&mut saved));
    // Nor do they keep the generation from being removed when its time has come.
    saved.save(&mut checkpoints).unwrap();
    assert_eq!((checkpoints.generations().unwrap(), path.exists()), (vec![1], false));
}

#[test]
fn anything_but_a_regular_file_is_refused() {
    type Replace = fn(&Path, &str);
    let replacements: [(Replace, &str); 5] = [
        (|path, file| drop(take_out(path, file)), "cannot be read: No such file or directory"),
        (
            |path, file| {
                let (here, outside) = take_out(path, file);
                symlink(outside, here).unwrap();
            },
            "must be a regular file",
        ),
        (
            |path, file| {
                let (here, _) = take_out(path, file);
                symlink(&here, &here).unwrap();
            },
            "must be a regular file",
        ),
        (|path, file| fs::create_dir(take_out(path, file).0).unwrap(), "must be a regular file"),
        (
            |path, file| {
                let (here, _) = take_out(path, file);
                assert!(Command::new("mkfifo").arg(here).status().unwrap().success());
            },
            "must be a regular file",
        ),
    ];
    for file in FILES {
        for (replace, expected) in replacements {
            let folder = tempfile::tempdir().unwrap();
            small_run::save(folder.path());
            replace(&generation(folder.path(), 0), file);
            assert_refused(trainer, folder.path(), &format!("generation 0: {file} {expected}"));
        }
    }
}

#[test]
fn a_lock_that_is_no_file_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("lock");
    let text = || Checkpoints::open(folder.path()).unwrap_err().to_string();
    assert!(Command::new("mkfifo").arg(&lock).status().unwrap().success());
    assert_eq!(text(), format!("cannot open {}: it must be a regular file", lock.display()));
    fs::remove_file(&lock).unwrap();
    symlink("elsewhere", &lock).unwrap();
    assert_eq!(text(), format!("cannot open {}: it must be a regular file", lock.display()));
    assert!(!folder.path().join("elsewhere").exists());
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    assert_eq!(text(), format!("cannot open {}: it must be a regular file", lock.display()));
}

#[test]
fn what_only_looks_like_a_generation_is_not_counted_and_does_not_stop_a_save() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap().keep(1);
    for name in ["generation-7", "generation-+0000007", "generation-000000007", "generation-", "generation-x"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let mut trainer = stepped(5);
    for expected in 0..9 {
        assert_eq!(trainer.save(&mut checkpoints).unwrap(), expected);
        assert_eq!(checkpoints.generations().unwrap(), [expected]);
    }
    // A file or a link of that name is a generation that is not whole, and removed with the others.
    fs::write(generation(folder.path(), 9), "").unwrap();
    symlink(folder.path().join("generation-7"), generation(folder.path(), 10)).unwrap();
    assert_eq!(trainer.save(&mut checkpoints).unwrap(), 11);
    assert_eq!(checkpoints.generations().unwrap(), [11]);
    assert!(folder.path().join("generation-7").is_dir());
    // The last number there is: the next has none, and says so.
    fs::create_dir(folder.path().join(format!("generation-{}", u64::MAX))).unwrap();
    let error = trainer.save(&mut checkpoints).unwrap_err().to_string();
    assert!(error.ends_with("it has the last number there is"), "{error}");
}

/// The pendulum under another name.
struct Renamed(TimeLimit<Pendulum>);

impl Environment for Renamed {
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

impl SaveState for Renamed {
    fn save_state(&self) -> Result<State, StateError> {
        self.0.save_state()
    }

    fn load_state(&mut self, state: State) -> Result<(), StateError> {
        self.0.load_state(state)
    }
}

fn td3<E: Environment>(env: &E) -> Td3<actor_critic::nn::DeterministicActor, actor_critic::nn::QNetwork> {
    let (device, spaces, seed) = (Device::flex(), Spaces::of(env).unwrap(), Seed(0));
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![2]);
    let critic = QNetworkConfig::new().with_hidden_dims(vec![2]);
    let actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), &device).unwrap();
    let mut rng = seed.stream(Stream::CriticWeights);
    let critics = Ensemble::twin(|| critic.init(&spaces, &mut rng, &device)).unwrap();
    Td3::new(actor, critics, &spaces, &Td3Config::new(), &device, seed).unwrap()
}

#[test]
fn the_checkpoint_of_another_run_is_refused_with_both_sides_named() {
    let folder = tempfile::tempdir().unwrap();
    small_run::save(folder.path());
    let with = |agent, config: TrainerConfig, seed| {
        Trainer::new(Pendulum::v1(), agent, &config, seed).unwrap().with_environment_state()
    };
    let small = || small_run::agent(2, &DdpgConfig::new(), Seed(0));
    let refused = |make: &dyn Fn() -> SmallTrainer, expected| assert_refused(make, folder.path(), expected);

    assert_refused(
        || Trainer::new(Pendulum::v1(), td3(&Pendulum::v1()), &config(), Seed(0)).unwrap().with_environment_state(),
        folder.path(),
        "the checkpoint was made with the agent Ddpg<DeterministicActor, QNetwork>, but here it is \
         Td3<DeterministicActor, QNetwork>",
    );
    assert_refused(
        || Trainer::new(Renamed(Pendulum::v1()), small(), &config(), Seed(0)).unwrap().with_environment_state(),
        folder.path(),
        "the checkpoint was made with the environment TimeLimit<Pendulum>, but here it is Renamed",
    );
    assert_refused(
        || {
            let env = MountainCarContinuous::v0();
            let agent = td3(&env);
            Trainer::new(env, agent, &config(), Seed(0)).unwrap().with_environment_state()
        },
        folder.path(),
        "the agent Ddpg<DeterministicActor, QNetwork>, but here it is Td3",
    );
    refused(
        &|| with(small_run::agent(3, &DdpgConfig::new(), Seed(0)), config(), Seed(0)),
        "must have shape [3, 3], got [3, 2]",
    );
    refused(
        &|| with(small_run::agent(2, &DdpgConfig::new().with_actor_learning_rate(0.5), Seed(0)), config(), Seed(0)),
        "the checkpoint was made with other settings: actor_learning_rate: 0.001 then, 0.5 now; restore the old values, or name \
         the settings in `Checkpoints::allow_changed`",
    );
    refused(
        &|| with(small(), config(), Seed(1)),
        "`trainer.episode_rng` was saved by a run with another seed; resume with the seed that the run was started with",
    );
    refused(
        &|| with(small_run::agent(2, &DdpgConfig::new(), Seed(1)), config(), Seed(0)),
        "`agent.exploration.rng` was saved by a run with another seed",
    );
    refused(&|| with(small(), config().with_replay_capacity(9), Seed(0)), "replay_capacity: 8 then, 9 now");
    refused(&|| with(small(), config().with_batch_size(3), Seed(0)), "batch_size: 2 then, 3 now");
    assert_refused(
        || Trainer::new(Pendulum::v1(), small(), &config(), Seed(0)).unwrap(),
        folder.path(),
        "a checkpoint in the middle of an episode needs an environment that saves its state",
    );
}
