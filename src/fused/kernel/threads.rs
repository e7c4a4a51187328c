//! Splits a kernel over several threads.
//!
//! Only rows of a batch or of a gradient are split. Their results are separate, so no sum depends on the number of
//! parts.

/// Multiply-adds that justify a thread: fewer take about as long as waking it. (docs/performance.md has the figures.)
#[cfg(feature = "threads")]
const WORTH_A_THREAD: usize = 6_000_000;

/// Returns the number of rows in a part, for `rows` rows with `work` multiply-adds together. Without the feature
/// `threads`, all rows.
#[cfg(feature = "threads")]
pub(super) fn share(rows: usize, work: usize) -> usize {
    let parts = (work / WORTH_A_THREAD).min(rayon::current_num_threads()).min(rows).max(1);
    rows.div_ceil(parts).max(1)
}

#[cfg(not(feature = "threads"))]
pub(super) fn share(rows: usize, _: usize) -> usize {
    rows.max(1)
}

/// Calls `f` with each part, on several threads if there are several parts.
#[cfg(feature = "threads")]
pub(super) fn for_each<T: Send>(parts: impl ExactSizeIterator<Item = T>, f: impl Fn(T) + Send + Sync) {
    use rayon::iter::{IntoParallelIterator, ParallelIterator};

    if parts.len() > 1 {
        parts.collect::<Vec<_>>().into_par_iter().for_each(f);
    } else {
        parts.for_each(f);
    }
}

#[cfg(not(feature = "threads"))]
pub(super) fn for_each<T>(parts: impl ExactSizeIterator<Item = T>, f: impl Fn(T)) {
    parts.for_each(f);
}
