//! Dropout masks of the critics, drawn on the host.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::fused::Members;
use crate::matrix::{Buffer, Place};
use crate::nn::Dropout;

/// Draws dropout masks.
pub(super) struct Masks {
    dropout: Dropout,
    pub(super) rng: ChaCha8Rng,
}

impl Masks {
    pub(super) fn new(dropout: Dropout, rng: ChaCha8Rng) -> Self {
        Self { dropout, rng }
    }

    /// Returns the same dropout with another generator.
    pub(super) fn with_rng(&self, rng: ChaCha8Rng) -> Self {
        Self { dropout: self.dropout, rng }
    }

    /// Draws a mask for n rows for each critic.
    pub(super) fn give(&mut self, members: Members, n: usize, place: &Place) -> Members {
        let masks = (0..members.len()).map(|_| {
            let mut mask = Buffer::new(n * self.dropout.dim);
            fill(&mut mask, self.dropout.probability, &mut self.rng);
            place.matrix(mask, self.dropout.dim)
        });
        let masks = masks.collect();
        members.with_masks(masks)
    }
}

/// Fills a mask. It draws the distances between dropped units, so a small probability needs few draws.
fn fill(mask: &mut [f32], probability: f64, rng: &mut ChaCha8Rng) {
    mask.fill((1.0 / (1.0 - probability)) as f32);
    let log_kept = libm::log1p(-probability);
    let mut next = 0;
    loop {
        // The number of units from `next` on that are kept before the first dropped one: P(≥ k) = (1 − p)ᵏ.
        let uniform: f64 = rng.random();
        let kept = libm::log1p(-uniform) / log_kept;
        if kept >= (mask.len() - next) as f64 {
            return;
        }
        next += kept as usize;
        mask[next] = 0.0;
        next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};

    #[test]
    fn each_number_is_dropped_with_its_probability_and_the_mean_is_one() {
        let mut rng = Seed(0).stream(Stream::Dropout);
        for probability in [0.01, 0.3, 0.9] {
            let mut counts = [0.0; 8];
            let (mut mask, rounds) = ([0.0; 8], 40_000);
            for _ in 0..rounds {
                fill(&mut mask, probability, &mut rng);
                assert!(mask.iter().all(|&x| x == 0.0 || x == (1.0 / (1.0 - probability)) as f32), "{mask:?}");
                counts.iter_mut().zip(mask).filter(|(_, x)| *x == 0.0).for_each(|(count, _)| *count += 1.0);
            }
            // Five standard errors.
            let n = f64::from(rounds);
            let bar = 5.0 * (probability * (1.0 - probability) / n).sqrt();
            assert!(counts.iter().all(|count| (count / n - probability).abs() < bar), "{probability}: {counts:?}");
        }
    }

    #[test]
    fn neighbours_are_dropped_independently() {
        let mut rng = Seed(1).stream(Stream::Dropout);
        let (mut mask, mut both, rounds) = ([0.0; 2], 0, 40_000);
        for _ in 0..rounds {
            fill(&mut mask, 0.3, &mut rng);
            both += i32::from(mask == [0.0, 0.0]);
        }
        let share = f64::from(both) / f64::from(rounds);
        assert!((share - 0.09).abs() < 5.0 * (0.09_f64 * 0.91 / 4e4).sqrt(), "{share}");
    }
}
