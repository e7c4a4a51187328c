//! A full disk, a directory that cannot be written, and a second writer are errors that leave the earlier generation whole.
//!
//! What a process cannot do to itself is done to this test in another process, as in `tests/it/resume.rs`.

use crate::small_run;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::small_run::{SmallTrainer, generation, stepped, trainer};
use actor_critic::checkpoint::CheckpointError;
use actor_critic::prelude::*;

/// Tells a child process, which is this test again, that it is one, and its directory.
const JOB: &str = "ACTOR_CRITIC_DISK_JOB";

/// Who owns nothing.
const NOBODY: u32 = 65_534;

fn job() -> Option<String> {
    std::env::var(JOB).ok()
}

/// Runs this test in a child process, below the programs `wrapper`, and returns what it printed.
fn child(wrapper: &[&str], test: &str, directory: &Path) -> Output {
    let exe = std::env::current_exe().unwrap();
    let mut words = wrapper.iter().map(AsRef::as_ref).chain([exe.as_os_str()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(["--exact", test, "--nocapture"]).env(JOB, directory).output().unwrap()
}

/// Returns what follows `word` in the lines that have it, of a child that has not failed.
fn printed(output: &Output, word: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().filter_map(|line| Some(line[line.find(word)?..].to_owned())).collect()
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.collect();
    names.sort_unstable();
    names
}

/// Requires a save to fail with `expected` and to leave all as it was: the files, the generation, and the trainer.
fn assert_save_fails(trainer: &mut SmallTrainer, checkpoints: &mut Checkpoints, expected: &str) {
    let before = (entries(checkpoints.directory()), trainer.agent().save_state().unwrap());
    let error = trainer.save(checkpoints).unwrap_err();
    assert!(matches!(&error, Error::Checkpoint(CheckpointError::Io { .. })), "{error:?}");
    assert!(error.to_string().contains(expected), "`{error}` should contain `{expected}`");
    assert_eq!((entries(checkpoints.directory()), trainer.agent().save_state().unwrap()), before);
    let resumed = small_run::trainer().resume(checkpoints).unwrap().unwrap();
    assert_eq!((resumed.generation, resumed.environment_steps, resumed.skipped.len()), (0, 5, 0));
}

/// Requires a save to work, and the run to be resumed from it.
fn assert_save_works(trainer: &mut SmallTrainer, checkpoints: &mut Checkpoints) {
    assert_eq!(trainer.save(checkpoints).unwrap(), 1);
    let mut resuming = small_run::trainer();
    assert_eq!(resuming.resume(checkpoints).unwrap().unwrap().generation, 1);
    assert_eq!(format!("{:?}", resuming.step().unwrap()), format!("{:?}", trainer.step().unwrap()));
}

/// Saves generation 0, and returns the run two steps later, with its replay changed.
fn saved_and_stepped(checkpoints: &mut Checkpoints) -> SmallTrainer {
    let mut trainer = stepped(5);
    trainer.save(checkpoints).unwrap();
    (0..2).for_each(|_| _ = trainer.step().unwrap());
    trainer
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_a_later_save_works() {
    const TEST: &str = "failing_disk::a_file_that_may_not_grow_is_an_error_and_a_later_save_works";
    if let Some(directory) = job() {
        let mut checkpoints = Checkpoints::open(directory).unwrap();
        let mut trainer = trainer();
        trainer.resume(&mut checkpoints).unwrap().unwrap();
        return match trainer.save(&mut checkpoints) {
            Ok(_) => println!("saved"),
            Err(error) => println!("refused {error}"),
        };
    }
    let folder = tempfile::tempdir().unwrap();
    small_run::save(folder.path());
    let before = entries(folder.path());
    let mut refused = 0;
    // The limit is on each file, in KiB: of the longest, and then of the others too.
    for limit in 0.. {
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
        let output = child(&["bash", "-c", &script], TEST, folder.path());
        if !printed(&output, "saved").is_empty() {
            break;
        }
        let [line] = &printed(&output, "refused")[..] else { panic!("{output:?}") };
        assert!(line.contains("cannot write ") && line.contains("File too large"), "{line}");
        assert_eq!(entries(folder.path()), before);
        let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
        assert_eq!(trainer().resume(&mut checkpoints).unwrap().unwrap().skipped.len(), 0);
        refused += 1;
    }
    println!("{refused} limits refused, and the next was enough");
    assert!(refused > 2);
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    assert_eq!(trainer().resume(&mut checkpoints).unwrap().unwrap().generation, 1);
}

#[test]
fn a_full_disk_is_an_error_and_a_later_save_works() {
    const TEST: &str = "failing_disk::a_full_disk_is_an_error_and_a_later_save_works";
    const PAGE: u64 = 4096;
    if let Some(directory) = job() {
        // A page more is left with each save, and a ballast takes the rest.
        let directory = Path::new(&directory);
        let mut checkpoints = Checkpoints::open(directory.join("checkpoints")).unwrap();
        let mut trainer = saved_and_stepped(&mut checkpoints);
        let mut ballast = OpenOptions::new().create_new(true).append(true).open(directory.join("ballast")).unwrap();
        let full = std::iter::repeat_with(|| ballast.write_all(&[0; PAGE as usize])).find_map(Result::err).unwrap();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        for left in 0.. {
            let size = ballast.metadata().unwrap().len();
            match trainer.save(&mut checkpoints) {
                Ok(_) => break,
                Err(_) => assert_save_fails(&mut trainer, &mut checkpoints, "No space left on device"),
            }
            println!("refused with {left} pages left");
            ballast.set_len(size - PAGE).unwrap();
        }
        fs::remove_dir_all(generation(checkpoints.directory(), 1)).unwrap();
        return assert_save_works(&mut trainer, &mut checkpoints);
    }
    let folder = tempfile::tempdir().unwrap();
    // In a namespace of its own, the mount ends with the process.
    let mount =
        |options: &str| format!("mount -t tmpfs -o {options} none {} && exec \"$0\" \"$@\"", folder.path().display());
    let can_mount = Command::new("unshare").args(["-m", "sh", "-c", &mount("size=1m"), "true"]).output();
    if !can_mount.is_ok_and(|output| output.status.success()) {
        return println!("skipped: mounting is not permitted here");
    }
    let output = child(&["unshare", "-m", "sh", "-c", &mount("size=256k")], TEST, folder.path());
    let refused = printed(&output, "refused");
    println!("{} sizes refused, and the next was enough", refused.len());
    // One page for each file at least: agent, trainer, replay, manifest and its digest.
    assert!(refused.len() >= 5);
}

#[test]
fn a_directory_that_may_not_be_written_is_an_error_and_a_later_save_works() {
    const TEST: &str = "failing_disk::a_directory_that_may_not_be_written_is_an_error_and_a_later_save_works";
    if let Some(directory) = job() {
        let directory = Path::new(&directory);
        let mode = |mode| fs::set_permissions(directory, Permissions::from_mode(mode)).unwrap();
        mode(0o555);
        let error = Checkpoints::open(directory).unwrap_err().to_string();
        assert!(error.contains("cannot open ") && error.contains("Permission denied"), "{error}");
        mode(0o755);
        let mut checkpoints = Checkpoints::open(directory).unwrap();
        let mut trainer = saved_and_stepped(&mut checkpoints);
        mode(0o555);
        assert_save_fails(&mut trainer, &mut checkpoints, "Permission denied");
        mode(0o755);
        assert_save_works(&mut trainer, &mut checkpoints);
        // What cannot be read is skipped like what is damaged.
        fs::set_permissions(generation(directory, 1).join(small_run::AGENT), Permissions::from_mode(0o000)).unwrap();
        let resumed = small_run::trainer().resume(&mut checkpoints).unwrap().unwrap();
        assert_eq!(resumed.generation, 0);
        let skipped = resumed.skipped[0].to_string();
        assert_eq!(skipped, "generation 1: agent.safetensors cannot be read: Permission denied (os error 13)");
        return println!("refused");
    }
    // Permissions do not hold root back, so the test goes on as nobody, from where nobody can read it.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let (exe, directory) = (folder.path().join("test"), folder.path().join("checkpoints"));
    // By another process: a program that is open for writing here, or in what another thread starts, cannot be run.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&exe).status().unwrap();
    assert!(copied.success());
    fs::create_dir(&directory).unwrap();
    let mut command = Command::new(exe);
    if chown(&directory, Some(NOBODY), Some(NOBODY)).is_ok() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.args(["--exact", TEST, "--nocapture"]).env(JOB, &directory).current_dir("/").output().unwrap();
    assert_eq!(printed(&output, "refused").len(), 1);
}

#[test]
fn a_directory_that_is_gone_is_an_error_and_what_was_moved_away_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let mut checkpoints = Checkpoints::open(&here).unwrap();
    let mut trainer = saved_and_stepped(&mut checkpoints);
    fs::rename(&here, &there).unwrap();
    let error = trainer.save(&mut checkpoints).unwrap_err().to_string();
    assert_eq!(error, format!("cannot read {}: No such file or directory (os error 2)", here.display()));
    let error = trainer.resume(&mut checkpoints).unwrap_err().to_string();
    assert_eq!(error, format!("cannot read {}: No such file or directory (os error 2)", here.display()));
    drop(checkpoints);
    let mut checkpoints = Checkpoints::open(&there).unwrap();
    assert_eq!(small_run::trainer().resume(&mut checkpoints).unwrap().unwrap().environment_steps, 5);
    assert_save_works(&mut trainer, &mut checkpoints);
}

#[test]
fn a_file_where_the_directory_should_be_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoints");
    fs::write(&path, "").unwrap();
    let error = Checkpoints::open(&path).unwrap_err().to_string();
    assert_eq!(error, format!("cannot create {}: File exists (os error 17)", path.display()));
    let error = Checkpoints::open(path.join("below")).unwrap_err().to_string();
    assert!(error.contains("Not a directory"), "{error}");
}

#[test]
fn a_file_in_the_way_of_a_generation_under_way_is_an_error_and_a_later_save_works() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    let mut trainer = saved_and_stepped(&mut checkpoints);
    fs::write(folder.path().join(".unfinished-00000001"), "").unwrap();
    let error = trainer.save(&mut checkpoints).unwrap_err().to_string();
    assert!(error.contains("File exists"), "{error}");
    assert_save_works(&mut trainer, &mut checkpoints);
}

#[test]
fn a_second_writer_is_refused_until_the_first_has_ended_however_it_ends() {
    const TEST: &str = "failing_disk::a_second_writer_is_refused_until_the_first_has_ended_however_it_ends";
    if let Some(directory) = job() {
        let _checkpoints = Checkpoints::open(directory).unwrap();
        println!("held");
        std::io::stdin().lines().for_each(drop);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    small_run::save(folder.path());
    let expected =
        format!("{} is in use by another writer; give each run a directory of its own", folder.path().display());
    let assert_locked = || {
        let error = Checkpoints::open(folder.path()).unwrap_err();
        assert!(matches!(error, CheckpointError::Locked { .. }));
        assert_eq!(error.to_string(), expected);
    };
    let assert_resumes = || {
        let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
        assert_eq!(trainer().resume(&mut checkpoints).unwrap().unwrap().generation, 0);
    };

    let first = Checkpoints::open(folder.path()).unwrap();
    assert_locked();
    drop(first);
    assert_resumes();

    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(JOB, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("held")));
    assert_locked();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_resumes();
}

#[test]
fn a_directory_is_free_at_once_while_other_threads_start_programs() {
    let folder = tempfile::tempdir().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Between its start and its own code a program has every file of this one open, the lock too.
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                Command::new("true").status().unwrap();
            }
        });
        let refused = (0..2_000).filter(|_| Checkpoints::open(folder.path()).is_err()).count();
        done.store(true, Ordering::Relaxed);
        assert_eq!(refused, 0);
    });
}
