//! Environments as servers.

use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc::channel;

use super::{assert_same_episode, bytes, fake, hello, observation, served_pendulum};
use actor_critic::env::remote::protocol::{Answer, FailureCode, FrameReader, Request};
use actor_critic::env::remote::{Listener, RemoteEnvironment, RemoteError, RemoteOptions, serve};
use actor_critic::env::{AcrobotSwingUp, MountainCarContinuous, Render, RescaleAction};
use actor_critic::prelude::*;

const SECRET: &str = "correct horse battery";

#[test]
fn the_contract_holds_over_tcp_and_over_a_unix_socket() {
    check_environment(&mut served_pendulum()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", folder.path().join("socket").display());
    let listener = Listener::bind(&address).unwrap();
    assert_eq!(listener.address(), address);
    std::thread::spawn(move || listener.serve_one(&mut MountainCarContinuous::v0()));
    check_environment(&mut RemoteEnvironment::connect(&address).unwrap()).unwrap();
}

#[test]
fn a_socket_file_is_removed_with_its_listener() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let address = format!("unix:{}", path.display());
    let listener = Listener::bind(&address).unwrap();
    let error = Listener::bind(&address).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{address} must be free to listen at: ")), "{error}");
    assert!(path.exists());
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn episodes_are_those_of_the_environment() {
    let mut remote = served_pendulum();
    for seed in [0, 7, u64::MAX] {
        assert_same_episode(&mut remote, &mut Pendulum::v1(), seed);
    }
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let address = listener.address();
    std::thread::spawn(move || listener.serve_one(&mut AcrobotSwingUp::standard()));
    let mut remote = RescaleAction::to_unit(RemoteEnvironment::connect(&address).unwrap()).unwrap();
    assert_same_episode(&mut remote, &mut RescaleAction::to_unit(AcrobotSwingUp::standard()).unwrap(), 3);
}

#[test]
fn only_trainers_with_the_secret_are_served() {
    let listener = Listener::bind_with_secret("127.0.0.1:0", SECRET).unwrap().with_name("pendulum");
    let address = listener.address();
    let (sender, outcomes) = channel();
    std::thread::spawn(move || {
        for _ in 0..3 {
            sender.send(listener.serve_one(&mut Pendulum::v1())).unwrap();
        }
    });
    let connect = |secret: &str| RemoteEnvironment::connect_with(&address, RemoteOptions::new().with_secret(secret));
    for wrong in ["", "another horse battery"] {
        let error = connect(wrong).unwrap_err().to_string();
        let rule = "must have the same shared secret as the trainer; set it on both sides";
        assert_eq!(error, format!("{address} {rule}"));
        assert!(matches!(outcomes.recv().unwrap(), Err(RemoteError::SecretRefused { .. })));
    }
    let mut env = connect(SECRET).unwrap();
    assert_same_episode(&mut env, &mut Pendulum::v1(), 1);
    drop(env);
    outcomes.recv().unwrap().unwrap();
    assert!(!format!("{:?}", RemoteOptions::new().with_secret(SECRET)).contains("horse"));
}

#[test]
fn beyond_this_machine_both_sides_ask_for_a_secret() {
    let rule = "an address outside this machine needs a shared secret, got 0.0.0.0:0 without one; set it on both sides, or use \
                127.0.0.1 and a tunnel";
    assert_eq!(Listener::bind("0.0.0.0:0").unwrap_err().to_string(), rule);
    assert_eq!(RemoteEnvironment::connect("0.0.0.0:0").unwrap_err().to_string(), rule);
    Listener::bind_with_secret("0.0.0.0:0", SECRET).unwrap();
    let error = Listener::bind_with_secret("0.0.0.0:0", "short").unwrap_err();
    assert_eq!(error.to_string(), "a shared secret must have at least 16 bytes, got 5");
}

#[test]
fn pictures_cross_if_asked_and_a_server_without_says_so() {
    let picture = Answer::Picture { width: 2, height: 1, pixels: vec![255, 0, 0, 0, 0, 0] };
    let answers = [hello(), observation(), picture].iter().map(bytes).collect();
    let options = RemoteOptions::new().with_pictures(true);
    let mut env = RemoteEnvironment::connect_with(&fake(vec![answers]), options.clone()).unwrap();
    assert_eq!(env.render(), None);
    env.reset(0).unwrap();
    let svg = env.render().unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("<path fill=\"#000\" d=\"M1 0h1v1h-1z\"/>"), "{svg}");

    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let address = listener.address();
    std::thread::spawn(move || listener.serve_one(&mut Pendulum::v1()));
    let error = RemoteEnvironment::connect_with(&address, options).unwrap().reset(0).unwrap_err().to_string();
    assert!(error.ends_with(" did not understand a picture: this server draws no pictures"), "{error}");
}

/// Sends bytes as a trainer, and returns what the server answers until it hangs up.
fn send(address: &str, bytes: &[u8]) -> Vec<Answer> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut reader = FrameReader::new();
    std::iter::from_fn(|| Some(Answer::parse(reader.read(&mut stream).ok()?).unwrap())).collect()
}

fn requests(requests: &[Request]) -> Vec<u8> {
    let mut out = Vec::new();
    requests.iter().for_each(|request| request.put(&mut out));
    out
}

#[test]
fn a_trainer_that_misbehaves_is_told_so_and_does_not_end_the_service() {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let address = listener.address();
    std::thread::spawn(move || serve(&mut Pendulum::v1(), &listener));
    let hello = Request::Hello { secret: String::new() };
    let step = |action: &[f32]| Request::Step { action: action.to_vec() };

    let refusal = |answers: &[Answer]| match answers.last() {
        Some(Answer::Failure { code, report }) => (*code, report.clone()),
        other => panic!("no refusal: {other:?}"),
    };
    let not_understood = |report: &str| (FailureCode::NotUnderstood, report.to_owned());
    let early = send(&address, &requests(&[hello.clone(), step(&[0.0])]));
    assert_eq!(
        refusal(&early),
        not_understood("a step must follow a reset, and must not follow the end of an episode")
    );
    let twice = send(&address, &requests(&[hello.clone(), hello.clone()]));
    assert_eq!(refusal(&twice), not_understood("a hello must come first, and once"));
    let uninvited = send(&address, &requests(&[Request::Reset { seed: 0 }]));
    assert!(refusal(&uninvited).1.starts_with("the answer must be a trainer's hello, got a reset"));
    let wide = send(&address, &requests(&[hello.clone(), Request::Reset { seed: 0 }, step(&[0.0, 0.0])]));
    assert_eq!(
        refusal(&wide),
        (FailureCode::Failed, "action must have 1 component, one per axis of the action space, got 2".to_owned())
    );
    let mut garbage = requests(&[hello]);
    garbage.extend(b"\x01\0\0\0\0\0\0\0R!");
    let garbage = send(&address, &garbage);
    assert_eq!(refusal(&garbage), not_understood("the body of a reset must have 8 more bytes at this place, got 1"));
    assert_eq!(send(&address, b"GET / HTTP/1.1\r\n\r\n"), []);
    assert_eq!(send(&address, b""), []);

    assert_same_episode(&mut RemoteEnvironment::connect(&address).unwrap(), &mut Pendulum::v1(), 2);
}
