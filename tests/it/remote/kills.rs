//! Trainers that are killed leave no simulator behind.
//!
//! `ACTOR_CRITIC_KILLS=100 cargo test --release --test it remote::kills -- --nocapture` kills a hundred trainers and a hundred simulators.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::simulator::spawn;
use actor_critic::env::remote::RemoteOptions;
use actor_critic::prelude::*;

const NAME: &str = "remote::kills::a_killed_trainer_leaves_no_simulator_behind";

/// Tells a process that it is a trainer to be killed.
const JOB: &str = "train-until-killed";

/// What a trainer says once its simulators run.
pub const BEGUN: &str = "the trainer has begun";

fn kills() -> usize {
    std::env::var("ACTOR_CRITIC_KILLS").map_or(3, |kills| kills.parse().unwrap())
}

/// Steps two simulators for ever, of which one waits for its next request as a rule.
fn train() {
    let [mut busy, mut idle] = [(); 2].map(|()| spawn("pendulum", RemoteOptions::new()).unwrap());
    println!("{BEGUN}");
    loop {
        idle.reset(0).unwrap();
        busy.reset(0).unwrap();
        while !busy.step(&[0.5]).unwrap().is_last() {}
    }
}

/// Kills a trainer, the process of `command`, once it has begun, and returns whether its simulators have ended.
pub fn leaves_none_behind(command: &mut Command) -> bool {
    let mut trainer = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(trainer.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap() == BEGUN), "the trainer could not begin");
    // Standard error is the simulators' too: it closes when the last of them has ended.
    let mut errors = trainer.stderr.take().unwrap();
    trainer.kill().unwrap();
    trainer.wait().unwrap();
    let (sender, all_ended) = channel();
    std::thread::spawn(move || sender.send(errors.read_to_end(&mut Vec::new())));
    all_ended.recv_timeout(Duration::from_secs(20)).is_ok()
}

#[test]
fn a_killed_trainer_leaves_no_simulator_behind() {
    if std::env::args().any(|argument| argument == JOB) {
        return train();
    }
    for kill in 0..kills() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", NAME, JOB, "--nocapture"]);
        assert!(leaves_none_behind(&mut command), "a simulator outlived its trainer, after kill {kill}");
    }
}

#[test]
fn a_run_goes_on_whichever_simulator_is_killed() {
    let options = RemoteOptions::new().with_restart(true);
    let environments: Vec<_> = (0..2).map(|_| spawn("pendulum", options.clone()).unwrap()).collect();
    let spaces = Spaces::of(&environments[0]).unwrap();
    let agent = SacConfig::new().init(&spaces, &Device::flex(), Seed(3)).unwrap();
    let config = TrainerConfig::new(1_000_000).with_learning_starts(1_000_000).with_warmup_steps(1_000_000);
    let mut trainer = Trainer::with_environments(environments, agent, &config, Seed(3)).unwrap();
    for kill in 0..kills() {
        for _ in 0..7 {
            trainer.step().unwrap();
        }
        let id = trainer.environments().nth(kill % 2).unwrap().process_id().unwrap();
        Command::new("kill").args(["-9", &id.to_string()]).status().unwrap();
        let error = trainer.step().unwrap_err().to_string();
        assert!(
            error.contains(&format!(
                "signal: 9 (SIGKILL); its output is on standard error, in environment {}",
                kill % 2
            )),
            "{error}"
        );
        assert!(!super::simulator::is_process(id));
        assert_eq!(trainer.environment_steps(), (kill + 1) * 15, "the other one has taken its step");
    }
}
