// SPDX-License-Identifier: GPL-2.0

//! `kernel::sync::atomic` by the host's atomics.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering};

/// The orderings that the root names.
pub mod ordering {
    /// LKMM's acquire.
    pub struct Acquire;
    /// LKMM's fully ordered.
    pub struct Full;
}

/// An atomic `T`.
#[repr(transparent)]
pub struct Atomic<T>(AtomicU32, PhantomData<T>);

impl Atomic<u32> {
    /// An atomic view of `ptr`.
    ///
    /// # Safety
    ///
    /// `ptr` is valid and aligned, and all accesses to it are atomic.
    pub unsafe fn from_ptr<'a>(ptr: *mut u32) -> &'a Self {
        // SAFETY: By the requirements of this function; the layouts are the
        // same.
        unsafe { &*ptr.cast() }
    }

    /// Reads the value.
    pub fn load(&self, _: ordering::Acquire) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// Replaces `old` by `new`, or returns what was there.
    pub fn cmpxchg(&self, old: u32, new: u32, _: ordering::Full) -> Result<u32, u32> {
        self.0
            .compare_exchange(old, new, Ordering::SeqCst, Ordering::Relaxed)
    }
}
