//! Environments that others compute: what crosses the channel, and what happens when something goes wrong.

mod faults;
mod frames;
mod gymnasium;
mod kills;
mod languages;
mod mujoco;
mod overlap;
mod resume;
mod serving;
mod simulator;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use actor_critic::env::remote::protocol::{Answer, FrameReader, Hello, Request};
use actor_critic::env::remote::{Listener, RemoteEnvironment, RemoteOptions};
use actor_critic::prelude::*;

/// What one environment says of itself.
fn hello_of(env: &impl Environment, name: &str) -> Hello {
    Hello { name: name.to_owned(), versions: Vec::new(), spaces: Spaces::of(env).unwrap() }
}

fn hello() -> Answer {
    Answer::Hello(Box::new(hello_of(&Pendulum::v1(), "fake")))
}

fn observation() -> Answer {
    Answer::Observation { observation: vec![1.0, 0.0, 0.0] }
}

fn step() -> Answer {
    Answer::Step { reward: -1.0, terminated: false, truncated: false, observation: vec![1.0, 0.0, 0.0] }
}

fn bytes(answer: &Answer) -> Vec<u8> {
    let mut out = Vec::new();
    answer.put(&mut out);
    out
}

/// The trainer's side of a connection to a [`fake`] simulator.
struct Requests {
    stream: TcpStream,
    reader: FrameReader,
}

impl Requests {
    fn new(stream: TcpStream) -> Self {
        Self { stream, reader: FrameReader::new() }
    }

    /// Waits for a request; `None` once the trainer has left.
    fn next(&mut self) -> Option<Request> {
        let frame = self.reader.read(&mut self.stream).ok()?;
        Some(Request::parse(frame).unwrap())
    }

    fn write(&mut self, bytes: &[u8]) {
        // The trainer may have left, which is for it to test.
        drop(self.stream.write_all(bytes));
    }
}

/// Listens with a simulator that sends the answers of one list to the requests of one connection, in order, and then closes it.
fn fake(connections: Vec<Vec<Vec<u8>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for answers in connections {
            let mut requests = Requests::new(listener.accept().unwrap().0);
            for answer in answers {
                requests.next();
                requests.write(&answer);
            }
        }
    });
    address
}

/// Serves a pendulum to one trainer, from a thread.
fn served_pendulum() -> RemoteEnvironment {
    let listener = Listener::bind("127.0.0.1:0").unwrap().with_name("pendulum");
    let address = listener.address();
    std::thread::spawn(move || listener.serve_one(&mut Pendulum::v1()));
    RemoteEnvironment::connect(&address).unwrap()
}

/// Options for a simulator that will not answer in time.
fn impatient() -> RemoteOptions {
    RemoteOptions::new().with_deadline(Duration::from_millis(300))
}

/// Plays one episode of `env` and of `other`, which must give the same bits.
fn assert_same_episode(env: &mut impl Environment, other: &mut impl Environment, seed: u64) {
    let mut rng = Seed(seed).stream(Stream::WarmUp);
    assert_eq!(env.reset(seed).unwrap(), other.reset(seed).unwrap(), "the start of seed {seed}");
    for i in 1.. {
        let action = other.action_space().sample(&mut rng);
        let (step, expected) = (env.step(&action).unwrap(), other.step(&action).unwrap());
        assert_eq!(step, expected, "step {i} of seed {seed}");
        if step.is_last() {
            return;
        }
    }
}
