//! Every fault of a simulator, planted, and the error that names it.

use std::process::Command;
use std::time::Duration;

use super::simulator::{is_process, spawn};
use super::{bytes, fake, hello, hello_of, impatient, observation, step};
use actor_critic::env::remote::protocol::{Answer, FailureCode, ProtocolError};
use actor_critic::env::remote::{Gymnasium, RemoteEnvironment, RemoteError, RemoteOptions};
use actor_critic::prelude::*;

/// Connects to a simulator that gives its hello, and then these answers.
fn connected(answers: &[Vec<u8>]) -> RemoteEnvironment {
    let answers = [&[bytes(&hello())], answers].concat();
    RemoteEnvironment::connect(&fake(vec![answers])).unwrap()
}

fn remote(error: EnvironmentError) -> RemoteError {
    match error {
        EnvironmentError::Remote(error) => *error,
        other => panic!("no error of a simulator: {other}"),
    }
}

/// What a protocol error says, without the simulator's address.
fn broken(error: RemoteError) -> (String, ProtocolError) {
    let RemoteError::Protocol { simulator, source } = error else { panic!("no broken protocol: {error}") };
    (simulator, source)
}

#[test]
fn bytes_that_are_no_answer_are_named() {
    let whole = bytes(&step());
    let [mut flags, mut unknown, mut odd] = [whole.clone(), whole.clone(), whole.clone()];
    flags[9 + 8] = 4;
    unknown[8] = b'!';
    odd[0] -= 1;
    let huge = (1_u64 << 63).to_le_bytes().to_vec();
    let text = b"Traceback: printed by accident\n".to_vec();
    let short = [&5_u64.to_le_bytes()[..], b"s12345"].concat();
    let long = [&6_u64.to_le_bytes()[..], b"e", &[0, 0, 0, 0, 0, 7]].concat();
    let picture = [&9_u64.to_le_bytes()[..], b"p", &[2, 0, 0, 0, 1, 0, 0, 0, 255]].concat();
    let no_text = [&6_u64.to_le_bytes()[..], b"e", &[0, 1, 0, 0, 0, 0xff]].concat();
    let faults: [(Vec<u8>, ProtocolError); 11] = [
        (text, ProtocolError::FrameLength { found: u64::from_le_bytes(*b"Tracebac") }),
        ([huge, b"s".to_vec()].concat(), ProtocolError::FrameLength { found: 1 << 63 }),
        (whole[..20].to_vec(), ProtocolError::HalfFrame { expected: 9 + 21, found: 20 }),
        (whole[..3].to_vec(), ProtocolError::HalfFrame { expected: 9, found: 3 }),
        (unknown, ProtocolError::UnknownKind { found: b'!' }),
        (flags, ProtocolError::Flags { found: 4 }),
        (odd, ProtocolError::Numbers { kind: "a step", found: 11 }),
        (short, ProtocolError::BodyTooShort { kind: "a step", needed: 8, found: 5 }),
        (long, ProtocolError::BodyTooLong { kind: "a failure", surplus: 1 }),
        (picture, ProtocolError::Pixels { width: 2, height: 1, found: 1 }),
        (no_text, ProtocolError::Text { kind: "a failure", position: 0 }),
    ];
    for (answer, expected) in faults {
        let mut env = connected(&[bytes(&observation()), answer]);
        env.reset(0).unwrap();
        let (simulator, found) = broken(remote(env.step(&[0.0]).unwrap_err()));
        assert_eq!(found, expected);
        assert!(simulator.starts_with("fake in 127.0.0.1:"), "{simulator}");
        // What follows cannot be understood any more.
        let lost = remote(env.reset(0).unwrap_err());
        assert!(matches!(&lost, RemoteError::Lost { reason, .. } if reason.ends_with(&expected.to_string())), "{lost}");
    }
}

#[test]
fn an_answer_to_something_else_is_named() {
    let mut env = connected(&[bytes(&step())]);
    let (_, error) = broken(remote(env.reset(0).unwrap_err()));
    assert_eq!(
        error.to_string(),
        "the answer must be a first observation, got a step; a simulator sends one answer to each request, in order"
    );
    let mut env = connected(&[bytes(&observation()), [bytes(&step()), bytes(&step())].concat()]);
    env.reset(0).unwrap();
    // The second one may arrive with the first, or when the next request is sent.
    let outcome = env.step(&[0.0]).and_then(|_| env.step(&[0.0])).and_then(|_| env.step(&[0.0]));
    match remote(outcome.unwrap_err()) {
        RemoteError::Protocol { source: ProtocolError::Unasked { bytes }, .. } => assert_eq!(bytes, 30),
        error => assert!(matches!(error, RemoteError::Closed { .. }), "{error}"),
    }
    let (_, error) = broken(RemoteEnvironment::connect(&fake(vec![vec![b"\0\0\0\0\0\0\0\0R".to_vec()]])).unwrap_err());
    assert_eq!(
        error,
        ProtocolError::UnexpectedKind { expected: "one of a simulator", found: "a request of a trainer" }
    );
}

#[test]
fn a_hello_that_does_not_fit_is_named() {
    let good = bytes(&hello());
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        broken(RemoteEnvironment::connect(&fake(vec![vec![bytes]])).unwrap_err()).1.to_string()
    };
    let (version, name) = (9 + 8, 9 + 12);
    assert_eq!(
        with(version, 2),
        "both sides must speak one version of the protocol, got 2 from the other side and 1 here; update the older one"
    );
    assert_eq!(
        with(9, b'A'),
        "a hello must begin with `acritic\\n`, got `Acritic\\n`; the other side does not speak this protocol"
    );
    assert_eq!(with(name + 8, 65), "a hello must name at most 64 versions, got 65");
    // The lower bound of the first observation axis becomes NaN, then the action axis loses its width.
    let low = name + 8 + 4 + 4;
    let action_high = good.len() - 4;
    let mut bytes = good.clone();
    bytes[low..low + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let (_, error) = broken(RemoteEnvironment::connect(&fake(vec![vec![bytes]])).unwrap_err());
    assert_eq!(
        error.to_string(),
        "the observation space of the simulator is refused: axis 0: low must not be above high, and neither may be NaN, got [NaN, 1]"
    );
    let mut bytes = good.clone();
    bytes[action_high..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    let (_, error) = broken(RemoteEnvironment::connect(&fake(vec![vec![bytes]])).unwrap_err());
    assert!(matches!(error, ProtocolError::Space { space: "action", .. }), "{error}");
}

#[test]
fn numbers_that_nothing_can_be_learned_from_end_the_episode_and_not_the_simulator() {
    let with = |observation: &[f32], reward: f64| {
        bytes(&Answer::Step { reward, terminated: false, truncated: false, observation: observation.to_vec() })
    };
    let first = bytes(&observation());
    let faults = [
        (with(&[1.0, f32::NAN, 0.0], 0.0), "observation must be finite, got NaN on axis 1"),
        (with(&[1.0, 0.0], 0.0), "observation must have 3 components, one per axis of the observation space, got 2"),
        (with(&[1.0, 0.0, 0.0], f64::NAN), "reward must be finite, got NaN"),
        (with(&[1.0, 0.0, 0.0], f64::INFINITY), "reward must be finite, got inf"),
    ];
    for (answer, expected) in faults {
        let mut env = connected(&[first.clone(), answer, first.clone(), bytes(&step())]);
        env.reset(0).unwrap();
        assert_eq!(env.step(&[0.0]).unwrap_err().to_string(), expected);
        assert!(matches!(env.step(&[0.0]), Err(EnvironmentError::StepBeforeReset)));
        env.reset(0).unwrap();
        assert_eq!(env.step(&[0.0]).unwrap().reward, -1.0);
    }
}

#[test]
fn what_a_simulator_reports_is_named_and_leaves_it_usable() {
    let report = "Traceback:\n  ValueError: the leg fell off".to_owned();
    let failure = |code| bytes(&Answer::Failure { code, report: report.clone() });
    let mut env = connected(&[bytes(&observation()), failure(FailureCode::Failed), bytes(&observation())]);
    env.reset(0).unwrap();
    let error = env.step(&[0.0]).unwrap_err().to_string();
    assert!(error.starts_with("fake in 127.0.0.1:"), "{error}");
    assert!(error.ends_with(" failed in a step:\nTraceback:\n  ValueError: the leg fell off"), "{error}");
    env.reset(0).unwrap();

    let mut env = connected(&[failure(FailureCode::NotUnderstood)]);
    let error = env.reset(0).unwrap_err().to_string();
    assert!(error.ends_with(&format!(" did not understand a reset: {report}")), "{error}");
}

#[test]
fn a_simulator_that_closes_is_named_and_is_started_again_only_if_asked() {
    let connection = || vec![bytes(&hello()), bytes(&observation())];
    for restart in [false, true] {
        let options = RemoteOptions::new().with_restart(restart);
        let mut env = RemoteEnvironment::connect_with(&fake(vec![connection(), connection()]), options).unwrap();
        env.reset(0).unwrap();
        let error = env.step(&[0.0]).unwrap_err();
        assert!(error.to_string().ends_with(" closed the connection before it had answered a step"), "{error}");
        assert!(matches!(env.step(&[0.0]), Err(EnvironmentError::StepBeforeReset)));
        match env.reset(0) {
            Ok(observation) => assert!(restart && observation == [1.0, 0.0, 0.0]),
            Err(error) => {
                let text = error.to_string();
                assert!(!restart && text.starts_with("fake was lost earlier (fake in 127.0.0.1:"), "{text}");
                assert!(text.ends_with(") and is not started again; use `with_restart(true)` to restart it"), "{text}");
            }
        }
    }
}

#[test]
fn a_simulator_that_is_another_after_a_restart_is_refused() {
    let before = hello_of(&Pendulum::v1(), "pendulum");
    let named = |name: &str| Answer::Hello(Box::new(hello_of(&Pendulum::v1(), name)));
    let mut versions = before.clone();
    versions.versions = vec![("physics".to_owned(), "2".to_owned())];
    let car = hello_of(&actor_critic::env::MountainCarContinuous::v0(), "pendulum");
    for (now, difference) in [
        (named("cart"), "its name was `pendulum` and is `cart`"),
        (Answer::Hello(Box::new(versions)), "it was pendulum and is pendulum (physics 2)"),
        (Answer::Hello(Box::new(car)), "the observation space has 3 axes before and 2 axes now"),
    ] {
        let address = fake(vec![vec![bytes(&named("pendulum"))], vec![bytes(&now)]]);
        let mut env = RemoteEnvironment::connect_with(&address, RemoteOptions::new().with_restart(true)).unwrap();
        env.reset(0).unwrap_err();
        let error = env.reset(0).unwrap_err().to_string();
        assert_eq!(error, format!("pendulum must be the same after a restart, but {difference}"));
    }
}

#[test]
fn a_simulator_that_hangs_is_named_after_the_deadline_and_killed() {
    let options = RemoteOptions::new().with_deadline(Duration::from_secs(3));
    let mut env = spawn("hang", options).unwrap();
    let id = env.process_id().unwrap();
    let error = env.reset(0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "stuck in sh must answer a reset within 3 s, and did not; if it is slow, set a longer deadline"
    );
    assert!(!is_process(id));
    assert_eq!(env.process_id(), None);
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_named_after_the_deadline() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let error = RemoteEnvironment::connect_with(&address, impatient()).unwrap_err();
    assert!(matches!(error, RemoteError::Deadline { request: "the first hello", .. }), "{error}");
}

#[test]
fn a_simulator_that_is_killed_is_named_with_the_signal_and_started_again() {
    let mut env = spawn("pendulum", RemoteOptions::new().with_restart(true)).unwrap();
    for begin_first in [true, false] {
        env.reset(0).unwrap();
        let id = env.process_id().unwrap();
        Command::new("kill").args(["-9", &id.to_string()]).status().unwrap();
        if begin_first {
            env.begin_step(&[0.5]);
        }
        let error = remote(env.step(&[0.5]).unwrap_err());
        let RemoteError::Died { simulator, request, status } = &error else { panic!("{error}") };
        assert_eq!((simulator.as_str(), *request), ("pendulum in sh", "a step"));
        assert!(status.starts_with("signal: 9"), "{status}");
        assert!(!is_process(id));
        super::assert_same_episode(&mut env, &mut Pendulum::v1(), 4);
    }
}

#[test]
fn a_program_that_is_not_there_or_ends_at_once_is_named() {
    let error = RemoteEnvironment::spawn("no-such-simulator", [""; 0], RemoteOptions::new()).unwrap_err().to_string();
    let rule = "a simulator must be a program that can be started, got `no-such-simulator`: ";
    assert!(error.starts_with(rule), "{error}");
    let error = RemoteEnvironment::spawn("sh", ["-c", "exit 7"], RemoteOptions::new()).unwrap_err().to_string();
    assert_eq!(
        error,
        "sh ended before it had answered the first hello: exit status: 7; its output is on standard error"
    );
    let error = Gymnasium::new("Pendulum-v1").with_python("no-such-python").start().unwrap_err().to_string();
    assert!(error.starts_with("python must be a program that can be started, got `no-such-python`: "), "{error}");
    assert!(error.ends_with("; install it, or set ACTOR_CRITIC_PYTHON to its path"), "{error}");
}

#[test]
fn an_address_where_nobody_listens_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let error = RemoteEnvironment::connect(&free).unwrap_err().to_string();
    assert!(error.starts_with(&format!("a simulator must listen at {free}: ")), "{error}");
    let error = RemoteEnvironment::connect("unix:/no/such/socket").unwrap_err().to_string();
    assert!(error.starts_with("a simulator must listen at unix:/no/such/socket: "), "{error}");
}

/// A simulator that answers its first request with a failure of this code.
fn python_that_fails(folder: &std::path::Path, code: u8) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let python = folder.join(format!("python-{code}"));
    // A frame of ten bytes of body: the code, the length of the text, the text.
    let script =
        format!("#!/bin/sh\nprintf '\\012\\0\\0\\0\\0\\0\\0\\0e\\{code:03o}\\005\\0\\0\\0mujoc' >&0\ncat >/dev/null\n");
    std::fs::write(&python, script).unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    python
}

#[test]
fn what_a_python_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (code, expected) in [
        (
            16,
            " needs a Python package that cannot be imported; install it with `python -m pip install`, or set ACTOR_CRITIC_PYTHON to another Python: mujoc",
        ),
        (17, " must be registered with Gymnasium; check the id, or write `module:id` for one of your own: mujoc"),
        (18, " must have boxes of real numbers as spaces; wrap it in an environment with box spaces: mujoc"),
        (99, " failed in the first hello:\nmujoc"),
    ] {
        let python = python_that_fails(folder.path(), code);
        let error = Gymnasium::new("Ant-v5").with_python(&python).start().unwrap_err();
        assert_eq!(error.to_string(), format!("Ant-v5 in {}{expected}", python.display()));
    }
}
