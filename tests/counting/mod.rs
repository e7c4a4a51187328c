//! An allocator that knows how much is in use.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The allocator of the system, with the bytes in use and the most that there were.
pub struct Counting {
    used: AtomicU64,
    peak: AtomicU64,
}

impl Counting {
    pub const fn new() -> Self {
        Self { used: AtomicU64::new(0), peak: AtomicU64::new(0) }
    }

    /// Returns what `f` gives, and the most bytes that were in use meanwhile beyond those before, in any thread.
    pub fn peak_above_start<T>(&self, f: impl FnOnce() -> T) -> (T, u64) {
        let start = self.used.load(Relaxed);
        self.peak.store(start, Relaxed);
        let value = f();
        (value, self.peak.load(Relaxed).saturating_sub(start))
    }

    fn add(&self, size: usize) {
        let used = self.used.fetch_add(size as u64, Relaxed) + size as u64;
        self.peak.fetch_max(used, Relaxed);
    }

    fn subtract(&self, size: usize) {
        self.used.fetch_sub(size as u64, Relaxed);
    }
}

// SAFETY: every call is the system's, and nothing here allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(pointer, layout) };
        self.subtract(layout.size());
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // As if the new block were there beside the old one, which it may be.
        self.add(size);
        // SAFETY: the caller's promise is the same.
        let moved = unsafe { System.realloc(pointer, layout, size) };
        self.subtract(layout.size());
        moved
    }
}
