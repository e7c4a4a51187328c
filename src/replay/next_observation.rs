//! The place of the next observation of a transition.

/// The row of the next transition of the same episode, or a place among the last observations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NextObservation(u32);

/// Set for a place among the last observations.
const LAST: u32 = 1 << 31;

impl NextObservation {
    /// Most rows that can be numbered; there are at most as many last observations as rows.
    pub(super) const MAX_ROWS: usize = (LAST - 1) as usize;

    /// The next observation is that of `row`.
    pub(super) fn row(row: usize) -> Self {
        Self(Self::number(row))
    }

    /// The next observation is the last of its episode so far.
    pub(super) fn last(slot: usize) -> Self {
        Self(Self::number(slot) | LAST)
    }

    fn number(index: usize) -> u32 {
        u32::try_from(index)
            .ok()
            .filter(|&index| index < LAST)
            .expect("a replay has fewer rows than next_observations can tell apart")
    }

    /// Returns the place among the last observations, if the next observation is there.
    pub(super) fn last_observation(self) -> Option<usize> {
        (self.0 & LAST != 0).then_some((self.0 & !LAST) as usize)
    }

    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// Returns the next row; call it only for a link to a row.
    pub(super) fn following(self) -> usize {
        debug_assert!(self.0 & LAST == 0, "the next observation is the last one");
        self.0 as usize
    }
}
