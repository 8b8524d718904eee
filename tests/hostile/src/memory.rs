//! A minimal allocator: the default one would be a tenth of a guest's code. It frees only
//! the most recent allocation, which is enough for a call that ends with its instance.

use std::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32::{memory_grow, memory_size},
    ptr::null_mut,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

const MEMORY_PAGE: usize = 64 * 1024;

struct Memory {
    /// The start of free memory; 0 before the first use.
    free: AtomicUsize,
}

#[global_allocator]
static MEMORY: Memory = Memory {
    free: AtomicUsize::new(0),
};

// SAFETY: each allocation is behind all earlier ones, in pages that only this allocator
// uses.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let free = match self.free.load(Relaxed) {
            0 => memory_size::<0>() * MEMORY_PAGE,
            free => free,
        };
        let start = (free + layout.align() - 1) & !(layout.align() - 1);
        let Some(end) = start.checked_add(layout.size()) else {
            return null_mut();
        };
        let has = memory_size::<0>() * MEMORY_PAGE;
        if end > has && memory_grow::<0>((end - has).div_ceil(MEMORY_PAGE)) == usize::MAX {
            return null_mut();
        }
        self.free.store(end, Relaxed);
        start as *mut u8
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if start as usize + layout.size() == self.free.load(Relaxed) {
            self.free.store(start as usize, Relaxed);
        }
    }
}
