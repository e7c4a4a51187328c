//! Parts of one kernel on several threads.
//!
//! Only what has a result of its own is split, rows of a batch or rows of a gradient, so no sum depends on the number of parts.

/// Multiply-adds that are worth a thread: less takes about as long as waking it. (docs/performance.md has the figures.)
#[cfg(feature = "threads")]
const WORTH_A_THREAD: usize = 6_000_000;

/// Returns into how many parts to split `rows` rows of so many multiply-adds together: 1 without the feature `threads`.
#[cfg(feature = "threads")]
pub(super) fn parts(rows: usize, work: usize) -> usize {
    (work / WORTH_A_THREAD).min(rayon::current_num_threads()).min(rows).max(1)
}

#[cfg(not(feature = "threads"))]
pub(super) fn parts(_: usize, _: usize) -> usize {
    1
}

/// Calls `f` with each part, in threads if there are several.
#[cfg(feature = "threads")]
pub(super) fn for_each<T: Send>(mut parts: Vec<T>, f: impl Fn(T) + Send + Sync) {
    use rayon::iter::{IntoParallelIterator, ParallelIterator};

    if parts.len() > 1 {
        parts.into_par_iter().for_each(f);
    } else if let Some(whole) = parts.pop() {
        f(whole);
    }
}

#[cfg(not(feature = "threads"))]
pub(super) fn for_each<T>(parts: Vec<T>, f: impl Fn(T)) {
    parts.into_iter().for_each(f);
}
