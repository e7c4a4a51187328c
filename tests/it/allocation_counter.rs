//! An allocator that counts what one thread asks for, while that thread wants it to.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Allocations of this thread since it began to count; `None` while it does not.
    static COUNT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The allocator of the system. [`allocations_of`] is how it is asked.
pub struct AllocationCounter;

/// Returns how often `f` allocates in this thread, or makes an allocation larger.
pub fn allocations_of(f: impl FnOnce()) -> usize {
    COUNT.set(Some(0));
    f();
    COUNT.take().expect("nobody else ends the count of this thread")
}

fn count() {
    COUNT.set(COUNT.get().map(|count| count + 1));
}

// SAFETY: every call is the system's, and nothing here allocates: the thread's counter is constant at first and has no destructor.
unsafe impl GlobalAlloc for AllocationCounter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the same.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
