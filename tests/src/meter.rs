//! Counts the bytes that a session holds, for law 5, and what it takes to get them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// A global allocator that counts what is allocated and freed while it is told to.
///
/// It counts for each thread apart, so tests can run side by side.
pub struct Counting;

thread_local! {
    static COUNT: Cell<Count> = const { Cell::new(Count::NOTHING) };
}

#[derive(Clone, Copy)]
struct Count {
    is_on: bool,
    live: isize,
    peak: isize,
    allocations: usize,
    allocated: usize,
}

impl Count {
    const NOTHING: Self = Self { is_on: false, live: 0, peak: 0, allocations: 0, allocated: 0 };
}

/// Switches counting on or off.
pub fn switch(is_on: bool) {
    COUNT.set(Count { is_on, ..COUNT.get() });
}

/// Starts again from nothing.
pub fn reset() {
    COUNT.set(Count::NOTHING);
}

/// The bytes allocated and not freed.
#[must_use]
pub fn live() -> isize {
    COUNT.get().live
}

/// The most bytes there ever were.
#[must_use]
pub fn peak() -> isize {
    COUNT.get().peak
}

/// How often something was allocated, or moved to grow.
#[must_use]
pub fn allocations() -> usize {
    COUNT.get().allocations
}

/// The bytes allocated in all, whether they were freed or not.
#[must_use]
pub fn allocated() -> usize {
    COUNT.get().allocated
}

fn count(change: isize) {
    // A thread that ends frees its last things when its counter is gone.
    let _ = COUNT.try_with(|cell| {
        let count = cell.get();
        if count.is_on {
            let live = count.live + change;
            cell.set(Count {
                live,
                peak: count.peak.max(live),
                allocations: count.allocations + usize::from(change > 0),
                allocated: count.allocated + usize::try_from(change).unwrap_or(0),
                ..count
            });
        }
    });
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // Both blocks may exist for a moment.
        count(new_size as isize);
        // SAFETY: as above.
        let moved = unsafe { System.realloc(pointer, layout, new_size) };
        count(-(layout.size() as isize));
        moved
    }
}
