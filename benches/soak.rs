//! A soak: a million actions and two hundred thousand updates of SAC and of DDPG, which must not cost memory or speed.
//!
//! `cargo bench --bench soak` takes minutes; `-- --actions 20000 --updates 4000` is a short form. It ends with an error if an
//! agent takes 5 MiB more at the end than after the first tenth, or if the speed of its loop has drifted by 5 %. It
//! reads `/proc/self/statm`, so it needs Linux.
//!
//! A shared machine does not keep its speed to 5 % over minutes, so speed is not compared with what it was then. In the first
//! and in the last tenth, the agent takes turns with one that was made at the beginning of that tenth, and each pair of turns
//! gives one ratio of times. A turn is one update with its actions: shorter than what a scheduler gives to others, so that few
//! pairs are interrupted and the median does not see them. The median ratio of the first tenth, where both are young, is 1 but
//! for the order of turns; what it gains by the last is age.

mod harness;

use std::process::ExitCode;
use std::time::Instant;

use actor_critic::agent::Agent;
use actor_critic::prelude::*;
use actor_critic::rand::rngs::ChaCha8Rng;
use actor_critic::replay::Batch;
use clap::Parser;

/// Few numbers, so that what is not arithmetic counts.
const WIDTH: usize = 32;
const BATCH: usize = 64;
const REPLAY: usize = 10_000;

const MAX_GROWTH: f64 = 5.0;
const MAX_DRIFT: f64 = 0.05;

#[derive(Parser)]
#[command(about = "Memory and speed of SAC and DDPG over a long run")]
struct Cli {
    /// Actions of each agent
    #[arg(long, default_value_t = 1_000_000)]
    actions: usize,
    /// Updates of each agent
    #[arg(long, default_value_t = 200_000)]
    updates: usize,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// An agent in its world, which does what a trainer does, from a full replay on.
struct Life<A> {
    agent: A,
    env: TimeLimit<Pendulum>,
    observation: Vec<f32>,
    episodes: u64,
    replay: ReplayBuffer,
    batch: Batch,
    rng: ChaCha8Rng,
    actions_per_update: usize,
}

impl<A: Agent> Life<A> {
    fn new(agent: A, cli: &Cli) -> Self {
        let mut env = Pendulum::v1();
        Self {
            agent,
            observation: env.reset(0).unwrap(),
            env,
            episodes: 0,
            replay: harness::replay(REPLAY),
            batch: Batch::default(),
            rng: harness::SEED.stream(Stream::Replay),
            actions_per_update: cli.actions / cli.updates,
        }
    }

    fn act(&mut self) {
        let action = self.agent.explore(&[&self.observation]).unwrap().concat();
        let step = self.env.step(&action).unwrap();
        self.replay.push(&Transition::new(&self.observation, &action, &step)).unwrap();
        self.observation = if step.is_last() {
            self.agent.end_episode(0);
            self.episodes += 1;
            self.env.reset(self.episodes).unwrap()
        } else {
            step.observation
        };
    }

    fn update(&mut self) {
        self.replay.sample_into(BATCH, 0.99, &mut self.rng, &mut self.batch).unwrap();
        self.agent.update(&self.batch).unwrap();
    }

    /// Acts and learns; returns the seconds that it took.
    fn turn(&mut self) -> f64 {
        let start = Instant::now();
        for _ in 0..self.actions_per_update {
            self.act();
        }
        self.update();
        start.elapsed().as_secs_f64()
    }
}

/// A tenth of a run.
struct Tenth {
    /// Median of the seconds of a turn.
    seconds: f64,
    /// Median of the seconds of a turn, over those of a turn of an agent that was made at the beginning of the tenth.
    aged: f64,
}

impl Tenth {
    fn of<A: Agent>(life: &mut Life<A>, mut young: Life<A>, cli: &Cli) -> Self {
        let (seconds, ratios) = (0..cli.updates / 10)
            .map(|_| {
                let seconds = life.turn();
                (seconds, seconds / young.turn())
            })
            .unzip();
        Self { seconds: median(seconds), aged: median(ratios) }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs one agent, prints what it took, and returns whether that is within bounds.
fn soak<A: Agent>(name: &str, agent: impl Fn() -> A, cli: &Cli) -> bool {
    let born = || Life::new(agent(), cli);
    let mut life = born();
    let first = Tenth::of(&mut life, born(), cli);
    let settled = harness::resident();
    for _ in cli.updates / 10..cli.updates - cli.updates / 10 {
        life.turn();
    }
    let last = Tenth::of(&mut life, born(), cli);
    let end = harness::resident();

    let (growth, drift) = (end - settled, last.aged / first.aged - 1.0);
    let speed = |tenth: &Tenth| 1.0 / tenth.seconds;
    println!(
        "{name} … {settled:.1} MiB after the first tenth, {end:.1} at the end … {:.0} and {:.0} updates a second with {} \
         actions each in the first and the last tenth … {:+.1} % of time by age",
        speed(&first),
        speed(&last),
        life.actions_per_update,
        100.0 * drift,
    );
    growth <= MAX_GROWTH && drift.abs() <= MAX_DRIFT
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.updates < 10 || cli.actions < cli.updates {
        eprintln!("a soak needs at least 10 updates, and an action for each");
        return ExitCode::FAILURE;
    }
    let sac = soak("sac-32-batch-64", || harness::sac(WIDTH), &cli);
    let ddpg = soak("ddpg-32-batch-64", || harness::ddpg(WIDTH), &cli);
    if sac && ddpg {
        return ExitCode::SUCCESS;
    }
    eprintln!("memory may grow by {MAX_GROWTH} MiB, and speed drift by {:.0} %", 100.0 * MAX_DRIFT);
    ExitCode::FAILURE
}
