//! What the workers share: arguments, and the one line they print.

use std::time::Instant;

/// Observation and action axes of Pendulum-v1.
pub const OBSERVATION: usize = 3;
pub const ACTION: usize = 1;

/// The lab's settings.
pub const REPLAY_CAPACITY: usize = 50_000;
pub const DISCOUNT: f64 = 0.99;
pub const TAU: f64 = 0.005;
pub const TEMPERATURE: f64 = 0.1;
pub const SAC_LEARNING_RATE: f64 = 1e-3;
pub const DDPG_ACTOR_LEARNING_RATE: f64 = 1e-3;
pub const DDPG_CRITIC_LEARNING_RATE: f64 = 2e-3;
pub const LOG_STD: (f32, f32) = (-20.0, 2.0);

/// `WORKER TASK ALGORITHM [--name value]...`
pub struct Args {
    words: Vec<String>,
    options: Vec<(String, String)>,
}

impl Args {
    /// Reads the command line.
    ///
    /// # Panics
    ///
    /// Panics if an option has no value.
    pub fn parse() -> Self {
        let (mut words, mut options) = (Vec::new(), Vec::new());
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.strip_prefix("--") {
                Some(name) => options.push((name.to_owned(), args.next().expect("an option has a value"))),
                None => words.push(arg),
            }
        }
        Self { words, options }
    }

    pub fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", String::as_str)
    }

    pub fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.options.iter().find(|(given, _)| given == name).map_or(default, |(_, value)| value)
    }

    /// Returns a number.
    ///
    /// # Panics
    ///
    /// Panics if it is none.
    pub fn number(&self, name: &str, default: usize) -> usize {
        self.text(name, &default.to_string()).parse().expect("the option is a number")
    }
}

/// Prints the milliseconds of one of `count` calls since `start`.
pub fn report(name: &str, start: Instant, count: usize) {
    println!("RESULT {name} {:.5}", start.elapsed().as_secs_f64() * 1e3 / count as f64);
}
