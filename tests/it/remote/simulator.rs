//! Simulators that are processes: this test program, started again.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use actor_critic::env::remote::protocol::{Answer, FrameReader};
use actor_critic::env::remote::{RemoteEnvironment, RemoteError, RemoteOptions, serve_parent};
use actor_critic::prelude::*;

const NAME: &str = "remote::simulator::a_process_is_a_simulator";

/// Begins the argument that tells a process of this program what to simulate.
const JOB: &str = "simulate:";

/// The command line of a simulator: a shell throws away what the test runner prints, and becomes this program.
pub fn command(job: &str) -> [String; 7] {
    let program = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    let script = r#"exec "$0" "$@" >/dev/null"#.to_owned();
    [
        "-c".to_owned(),
        script,
        program,
        "--exact".to_owned(),
        NAME.to_owned(),
        format!("{JOB}{job}"),
        "--nocapture".to_owned(),
    ]
}

pub fn spawn(job: &str, options: RemoteOptions) -> Result<RemoteEnvironment, RemoteError> {
    RemoteEnvironment::spawn("sh", command(job), options)
}

/// Simulates until the trainer leaves.
fn simulate(job: &str) {
    match job {
        "pendulum" => serve_parent(&mut Pendulum::v1(), "pendulum").unwrap(),
        "hang" => {
            let mut channel = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
            let mut reader = FrameReader::new();
            reader.read(&mut channel).unwrap();
            let mut out = Vec::new();
            Answer::Hello(Box::new(super::hello_of(&Pendulum::v1(), "stuck"))).put(&mut out);
            std::io::Write::write_all(&mut channel, &out).unwrap();
            // Reads requests for ever, and answers none; not even the end of the channel ends it.
            drop(channel.read_to_end(&mut Vec::new()));
            loop {
                std::thread::park();
            }
        }
        other => panic!("nobody simulates {other}"),
    }
}

#[test]
fn a_process_is_a_simulator() {
    if let Some(job) = std::env::args().find_map(|argument| argument.strip_prefix(JOB).map(str::to_owned)) {
        return simulate(&job);
    }
    let mut env = spawn("pendulum", RemoteOptions::new()).unwrap();
    assert_eq!(env.hello().name, "pendulum");
    assert_eq!(env.hello().versions, [("actor-critic".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    for seed in [0, u64::MAX] {
        super::assert_same_episode(&mut env, &mut Pendulum::v1(), seed);
    }
    // Dropped, it leaves no process behind, not even one that nobody has waited for.
    let id = env.process_id().unwrap();
    drop(env);
    assert!(!is_process(id));
}

/// Returns whether a process of this number runs, or has ended and waits to be reaped.
pub fn is_process(id: u32) -> bool {
    let status =
        std::process::Command::new("kill").args(["-0", &id.to_string()]).stderr(std::process::Stdio::null()).status();
    status.unwrap().success()
}
