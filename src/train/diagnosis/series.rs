//! Summaries of long sequences of numbers in little memory.

/// Most blocks that are kept.
const BLOCKS: usize = 128;

/// A sequence as means of blocks of equal length, in the same memory for a run of any length.
#[derive(Debug, Clone)]
pub(super) struct Series {
    blocks: Vec<f64>,
    block_len: usize,
    sum: f64,
    in_block: usize,
}

impl Default for Series {
    fn default() -> Self {
        Self { blocks: Vec::new(), block_len: 1, sum: 0.0, in_block: 0 }
    }
}

impl Series {
    /// Adds a number; ignores one that is not finite.
    pub(super) fn push(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.sum += value;
        self.in_block += 1;
        if self.in_block == self.block_len {
            self.blocks.push(self.sum / self.block_len as f64);
            (self.sum, self.in_block) = (0.0, 0);
        }
        if self.blocks.len() == BLOCKS {
            self.blocks = self.blocks.chunks(2).map(mean).collect();
            self.block_len *= 2;
        }
    }

    /// Returns how many numbers are in the blocks.
    pub(super) fn len(&self) -> usize {
        self.blocks.len() * self.block_len
    }

    /// Returns the blocks between two shares of the run, such as 0.5 and 1.
    pub(super) fn between(&self, from: f64, to: f64) -> &[f64] {
        // Shares lie in [0, 1], so that the products are indices.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let at = |share: f64| (share * self.blocks.len() as f64) as usize;
        &self.blocks[at(from)..at(to)]
    }

    /// Returns the mean between two shares of the run; NaN if there are no blocks.
    pub(super) fn mean_between(&self, from: f64, to: f64) -> f64 {
        mean(self.between(from, to))
    }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean square, least and greatest of an axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) count: usize,
    squares: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Default for Extent {
    fn default() -> Self {
        Self { count: 0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Extent {
    pub(super) fn push(&mut self, value: f32) {
        let value = f64::from(value);
        self.count += 1;
        self.squares += value * value;
        (self.min, self.max) = (self.min.min(value), self.max.max(value));
    }

    pub(super) fn root_mean_square(&self) -> f64 {
        (self.squares / self.count as f64).sqrt()
    }

    pub(super) fn greatest_magnitude(&self) -> f64 {
        self.max.abs().max(self.min.abs())
    }

    pub(super) fn is_constant(&self) -> bool {
        self.min >= self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_keeps_its_means_in_few_blocks() {
        let mut series = Series::default();
        (0..4_096).for_each(|i| series.push(f64::from(i)));
        series.push(f64::NAN);
        assert_eq!((series.len(), series.blocks.len()), (4_096, 64));
        assert_eq!(series.blocks[..2], [31.5, 95.5]);
        assert_eq!((series.mean_between(0.0, 1.0), series.mean_between(0.5, 1.0)), (2_047.5, 3_071.5));
        assert!(Series::default().mean_between(0.0, 1.0).is_nan());
    }

    #[test]
    fn an_extent_has_magnitude_and_ends() {
        let mut extent = Extent::default();
        [3.0, -5.0, 3.0, -5.0].into_iter().for_each(|x| extent.push(x));
        assert_eq!((extent.root_mean_square(), extent.greatest_magnitude()), (17.0_f64.sqrt(), 5.0));
        assert!(!extent.is_constant());
    }
}
