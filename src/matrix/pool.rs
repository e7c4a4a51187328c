//! A pool of buffers that are reused instead of returned to the system.
//!
//! A batch of activations or a gradient is larger than an allocator keeps, so a new one costs a page fault
//! for every 4 KiB, more than many operations on it.

use std::cell::RefCell;

/// Buffers that a thread keeps. An update of two critics and an actor uses fewer at a time.
const KEPT: usize = 64;

thread_local! {
    static POOL: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Returns `len` numbers with arbitrary old values.
pub(crate) fn take(len: usize) -> Vec<f32> {
    let used = POOL.with_borrow_mut(|pool| {
        let found = pool.iter().rposition(|buffer| buffer.len() == len)?;
        Some(pool.remove(found))
    });
    used.unwrap_or_else(|| vec![0.0; len])
}

/// Keeps a buffer for reuse; drops the oldest if there are too many.
pub(crate) fn recycle(buffer: Vec<f32>) {
    // During the exit of a thread the pool may be gone, and the buffer goes with it.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() == KEPT {
            pool.remove(0);
        }
        pool.push(buffer);
    });
}

/// A buffer that returns to the pool of the thread that drops it.
#[derive(Debug)]
pub(crate) struct Buffer(Vec<f32>);

impl Buffer {
    pub(crate) fn new(len: usize) -> Self {
        Self(take(len))
    }

    /// Copies numbers.
    pub(crate) fn copy_of(values: &[f32]) -> Self {
        let mut buffer = Self::new(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// Takes the buffer out of the pool.
    pub(crate) fn into_vec(mut self) -> Vec<f32> {
        std::mem::take(&mut self.0)
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::copy_of(self)
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(values: Vec<f32>) -> Self {
        Self(values)
    }
}

impl std::ops::Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            recycle(std::mem::take(&mut self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_the_next_of_its_length() {
        let mut first = Buffer::new(1234);
        first[7] = 3.0;
        let address = first.as_ptr();
        drop(first);
        assert_eq!(take(1235).len(), 1235);
        let second = take(1234);
        assert_eq!((second.as_ptr(), second[7]), (address, 3.0));
    }

    #[test]
    fn the_pool_keeps_a_bounded_number() {
        for len in 0..3 * KEPT {
            recycle(vec![0.0; len]);
        }
        assert_eq!(POOL.with_borrow(Vec::len), KEPT);
        assert_eq!(POOL.with_borrow(|pool| pool[KEPT - 1].len()), 3 * KEPT - 1);
    }
}
