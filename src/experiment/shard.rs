//! A share of the cells, for one of several machines.

use std::fmt;
use std::str::FromStr;

use super::ExperimentError;

/// One of n equal shares of an experiment: every n-th cell in canonical order, from the i-th on.
///
/// The cells of a share depend on the grid alone, so n independent machines run every cell once. Seeds
/// vary fastest, so every share gets some of each algorithm and task.
///
/// # Examples
///
/// ```
/// use actor_critic::experiment::Shard;
///
/// let shard: Shard = "2/8".parse()?; // counted from 0
/// assert_eq!(shard, Shard::new(2, 8)?);
/// assert_eq!(shard.to_string(), "2/8");
/// # Ok::<(), actor_critic::experiment::ExperimentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// The only share, with every cell.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Makes the share number `index`, counted from 0, of `count`.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Shard`] unless `index` is below `count`.
    pub fn new(index: usize, count: usize) -> Result<Self, ExperimentError> {
        if index >= count {
            return Err(ExperimentError::Shard { index, count });
        }
        Ok(Self { index, count })
    }

    /// Returns whether a place in canonical order, counted from 0, is in this share.
    pub(super) fn contains(&self, place: usize) -> bool {
        place % self.count == self.index
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = ExperimentError;

    fn from_str(text: &str) -> Result<Self, ExperimentError> {
        let number = |digits: &str| digits.parse().ok();
        let numbers = text.split_once('/').and_then(|(index, count)| Some((number(index)?, number(count)?)));
        let (index, count) = numbers.ok_or_else(|| ExperimentError::ShardText { text: text.to_owned() })?;
        Self::new(index, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_share_is_an_error_that_shows_the_form() {
        let message = |text: &str| text.parse::<Shard>().unwrap_err().to_string();
        for text in ["", "3", "/8", "0/", "a/8", "-1/8", "0/8/2", "0 / 8"] {
            assert_eq!(message(text), format!("a shard must be of the form i/n, such as 0/8, got {text:?}"));
        }
        assert_eq!(message("8/8"), "a shard i/n must have i below n, since the first is 0/n, got 8/8");
        assert_eq!(message("0/0"), "a shard i/n must have i below n, since the first is 0/n, got 0/0");
    }

    proptest::proptest! {
        #[test]
        fn every_place_is_in_exactly_one_share(place: usize, count in 1_usize..100) {
            let shares = (0..count).filter(|&index| Shard::new(index, count).unwrap().contains(place)).count();
            proptest::prop_assert_eq!(shares, 1);
        }

        #[test]
        fn a_share_reads_back_as_itself(index: usize, more in 1_usize..1000) {
            let shard = Shard::new(index, index.saturating_add(more));
            if let Ok(shard) = shard {
                proptest::prop_assert_eq!(shard.to_string().parse::<Shard>().unwrap(), shard);
            }
        }
    }
}
