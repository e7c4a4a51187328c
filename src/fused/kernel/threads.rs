//! Parts of one kernel on several threads.
//!
//! Only rows of a batch or rows of a gradient are split, which have results of their own, so no sum depends on the number of parts.

/// Multiply-adds that are worth a thread: less takes about as long as waking it. (docs/performance.md has the figures.)
#[cfg(feature = "threads")]
const WORTH_A_THREAD: usize = 6_000_000;

/// Returns how many of `rows` rows, of so many multiply-adds together, a part has: all of them without the feature `threads`.
#[cfg(feature = "threads")]
pub(super) fn share(rows: usize, work: usize) -> usize {
    let parts = (work / WORTH_A_THREAD).min(rayon::current_num_threads()).min(rows).max(1);
    rows.div_ceil(parts).max(1)
}

#[cfg(not(feature = "threads"))]
pub(super) fn share(rows: usize, _: usize) -> usize {
    rows.max(1)
}

/// Calls `f` with each part, in threads if there are several.
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
