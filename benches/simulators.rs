//! What a step in another process costs: microseconds over the simulator's own, and eight of them at once.
//!
//! `cargo bench --bench simulators`, and with every process on one core `taskset -c 0 cargo bench --bench simulators`
//!
//! The rows of Python need Gymnasium in `python3`, or in the Python of `ACTOR_CRITIC_PYTHON`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use actor_critic::env::remote::{Gymnasium, Listener, RemoteEnvironment, RemoteOptions, serve_parent};
use actor_critic::prelude::*;

/// Tells a process of this program to be a simulator.
const JOB: &str = "simulate";

const STEPS: usize = 20_000;

/// An environment of half a cheetah's size that computes nothing.
struct Empty(BoxSpace, BoxSpace);

impl Empty {
    fn new() -> Self {
        Self(BoxSpace::unbounded(17).unwrap(), BoxSpace::symmetric(1.0, 6).unwrap())
    }
}

impl Environment for Empty {
    fn observation_space(&self) -> &BoxSpace {
        &self.0
    }

    fn action_space(&self) -> &BoxSpace {
        &self.1
    }

    fn reset(&mut self, _seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        Ok(vec![0.0; 17])
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        Ok(Step { observation: vec![action[0]; 17], reward: 0.0, terminated: false, truncated: false })
    }
}

/// Times each step in microseconds, and returns them in ascending order.
fn times(env: &mut impl Environment) -> Vec<f64> {
    let action = env.action_space().low().to_vec();
    env.reset(0).unwrap();
    let mut times: Vec<f64> = (0..STEPS)
        .map(|_| {
            let started = Instant::now();
            if black_box(env.step(&action).unwrap()).is_last() {
                env.reset(0).unwrap();
            }
            started.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn row(name: &str, times: &[f64]) {
    println!("| {name} | {:.1} | {:.1} |", times[times.len() / 2], times[times.len() * 99 / 100]);
}

/// Microseconds of a step of Pendulum-v1 inside Python: median and 99 %.
const OWN: &str = "
import gymnasium, numpy, time
env = gymnasium.make('Pendulum-v1')
env.reset(seed=0)
action, times = numpy.array([-2.0], numpy.float32), []
for _ in range(20000):
    start = time.perf_counter()
    *_, truncated, _ = env.step(action)
    times.append(time.perf_counter() - start)
    if truncated:
        env.reset(seed=0)
times.sort()
print(*(1e6 * times[int(share * len(times))] for share in (0.5, 0.99)))
";

/// Steps a second of eight simulators; all at the same time, or one after the other.
fn eight(environments: &mut [RemoteEnvironment], overlapped: bool) -> f64 {
    let (rounds, started) = (200, Instant::now());
    for env in environments.iter_mut() {
        env.reset(0).unwrap();
    }
    for _ in 0..rounds {
        if overlapped {
            environments.iter_mut().for_each(|env| env.begin_step(&[0.5]));
        }
        environments.iter_mut().for_each(|env| drop(env.step(&[0.5]).unwrap()));
    }
    (rounds * environments.len()) as f64 / started.elapsed().as_secs_f64()
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some(JOB) {
        return serve_parent(&mut Empty::new(), "empty").unwrap();
    }
    let program = std::env::current_exe().unwrap();
    let spawn = |active_wait| {
        let options = RemoteOptions::new().with_active_wait(active_wait);
        RemoteEnvironment::spawn(&program, [JOB], options).unwrap()
    };
    println!("| a step | median, µs | p99, µs |\n|---|---|---|");
    row("in this process", &times(&mut Empty::new()));
    row("in a child process", &times(&mut spawn(Duration::ZERO)));
    row("in a child process, waiting actively for 200 µs", &times(&mut spawn(Duration::from_micros(200))));
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let address = listener.address();
    std::thread::spawn(move || listener.serve_one(&mut Empty::new()));
    row("over TCP on loopback", &times(&mut RemoteEnvironment::connect(&address).unwrap()));

    let python = std::env::var("ACTOR_CRITIC_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let own = std::process::Command::new(python).args(["-c", OWN]).output().unwrap();
    let mut pendulum = match Gymnasium::make("Pendulum-v1") {
        Ok(pendulum) => pendulum,
        Err(error) => return println!("\nno rows of Python: {error}"),
    };
    let own: Vec<f64> =
        String::from_utf8(own.stdout).unwrap().split_whitespace().map(|time| time.parse().unwrap()).collect();
    println!("| Pendulum-v1 inside Python | {:.1} | {:.1} |", own[0], own[1]);
    row("Pendulum-v1 through its channel", &times(&mut pendulum));

    let mut environments: Vec<_> = (0..8).map(|_| Gymnasium::make("Pendulum-v1").unwrap()).collect();
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..9 {
        for (overlapped, rates) in [false, true].into_iter().zip(&mut rates) {
            rates.push(eight(&mut environments, overlapped));
        }
    }
    let [one_by_one, overlapped] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    println!("\n| eight Pendulum-v1 in Python | steps/s |\n|---|---|");
    println!(
        "| one after the other | {one_by_one:.0} |\n| overlapped | {overlapped:.0} |\n| ratio | {:.2} |",
        overlapped / one_by_one
    );
}
