//! Exploration noise: one process for each environment.

use rand::rngs::ChaCha8Rng;

use super::saved::Saved;
use crate::matrix::Buffer;
use crate::noise::ActionNoise;
use crate::state::{State, StateError};

/// Limit of processes in a saved state.
const MAX_PROCESSES: usize = 1 << 16;

/// Noise processes of one kind, one for each environment. They share a random stream.
pub(crate) struct Exploration {
    /// One for each environment that the agent has acted in, at least one.
    processes: Vec<Box<dyn ActionNoise>>,
    rng: ChaCha8Rng,
    factor: f64,
}

impl Exploration {
    pub(crate) fn new(process: Box<dyn ActionNoise>, rng: ChaCha8Rng) -> Self {
        Self { processes: vec![process], rng, factor: 1.0 }
    }

    /// Replaces the process. The random stream stays.
    pub(crate) fn replace(&mut self, process: Box<dyn ActionNoise>) {
        self.processes = vec![process];
    }

    pub(crate) fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    pub(crate) fn into_rng(self) -> ChaCha8Rng {
        self.rng
    }

    pub(crate) fn set_factor(&mut self, factor: f64) {
        self.factor = factor;
    }

    /// Draws noise for `numbers / axes` environments, in units of half the width of each action axis.
    pub(crate) fn sample(&mut self, numbers: usize, axes: usize) -> Buffer {
        while self.processes.len() < numbers / axes {
            self.processes.push(self.processes[0].fresh());
        }
        let mut noise = Buffer::new(numbers);
        for (noise, process) in noise.chunks_exact_mut(axes).zip(&mut self.processes) {
            process.sample_into(&mut self.rng, noise);
            noise.iter_mut().for_each(|x| *x *= self.factor as f32);
        }
        noise
    }

    pub(crate) fn end_episode(&mut self, environment: usize) {
        if let Some(process) = self.processes.get_mut(environment) {
            process.end_episode();
        }
    }
}

impl Saved for Exploration {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        let count = self.processes.len();
        if count > MAX_PROCESSES {
            let rule = format!("at most {MAX_PROCESSES}, one for each environment");
            return Err(StateError::invalid("processes", rule, count));
        }
        let mut part = State::new();
        part.put_rng("rng", &self.rng);
        part.put("factor", self.factor);
        let processes: Result<_, _> = self.processes.iter().map(|process| process.save_state()).collect();
        part.put_states("processes", processes?);
        state.put_state(name, part);
        Ok(())
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        let load = |mut state: State| {
            let rng = state.take_rng("rng", &self.rng)?;
            let factor: f64 = state.take("factor")?;
            if factor < 0.0 {
                return Err(StateError::invalid("factor", "at least 0", factor));
            }
            let mut saved = state.take_states("processes")?;
            let count = saved.len();
            if !(1..=MAX_PROCESSES).contains(&count) {
                return Err(StateError::invalid("processes.count", format!("from 1 to {MAX_PROCESSES}"), count));
            }
            let mut processes = Vec::new();
            for _ in 0..count {
                let mut process = self.processes[0].fresh();
                let restored = saved.take_next().and_then(|state| process.load_state(state));
                restored.map_err(|error| error.within("processes"))?;
                processes.push(process);
            }
            state.finish()?;
            Ok(Self { processes, rng, factor })
        };
        load(state.take_state(name)).map_err(|error: StateError| error.within(name))
    }
}
