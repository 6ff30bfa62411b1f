//! Memory for a library that ends the process where it gets none: rustls does.
//!
//! While [`guarded`] runs, what the system refuses comes from a reserve, and the caller is told: it gives up what it was doing, and
//! with that the reserve is free again. What is given back meanwhile is wiped: there are keys in it.
//!
//! Only a library that C programs link has this allocator (feature `reserve`): a Rust program brings its own.

/// Runs this; None where it was refused memory. What it has made is dropped then.
#[cfg(all(feature = "tls", not(feature = "reserve")))]
pub fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    Some(run())
}

/// Whether it was refused memory already: then it need not go on.
#[cfg(all(feature = "tls", not(feature = "reserve")))]
pub fn is_refused() -> bool {
    false
}

/// Runs a function of the program, which [`guarded`] is not for, within it or not.
#[cfg(not(feature = "reserve"))]
pub fn unguarded<T>(run: impl FnOnce() -> T) -> T {
    run()
}

/// In the child of a fork: what other threads of the parent were doing has ended.
#[cfg(not(feature = "reserve"))]
pub fn forget_guarded() {}

#[cfg(feature = "reserve")]
pub use allocator::{forget_guarded, guarded, is_refused, unguarded};

#[cfg(feature = "reserve")]
mod allocator {
    use core::alloc::Layout;
    use core::cell::UnsafeCell;
    use core::ptr;
    use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::alloc::{GlobalAlloc, System};

    use super::super::system::{give_way, thread_number};

    /// The reserve: for what is done at most until [`is_refused`] is asked. That is one message of a handshake, whose 64 KB are kept
    /// several times over.
    const SIZE: usize = 512 * 1024;

    /// The alignment of what is in it.
    const ALIGN: usize = 64;

    /// Threads that may run [`guarded`] at the same time; a further one waits.
    const THREADS: usize = 16;

    /// Stands for a thread that runs a function of the program within [`guarded`]. No thread has this number.
    const OUTSIDE: usize = 1;

    /// A thread that runs [`guarded`].
    struct Guarded {
        /// Its number, or [`OUTSIDE`]; 0: nobody.
        thread: AtomicUsize,
        /// It was refused memory.
        refused: AtomicBool,
    }

    static GUARDED: [Guarded; THREADS] = [const {
        Guarded {
            thread: AtomicUsize::new(0),
            refused: AtomicBool::new(false),
        }
    }; THREADS];

    /// How many of them there are: while there is none, nothing is wiped and nobody is looked for.
    static RUNNING: AtomicUsize = AtomicUsize::new(0);

    /// The entry of this thread.
    fn mine() -> Option<&'static Guarded> {
        if RUNNING.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let number = thread_number();
        GUARDED.iter().find(|one| one.thread.load(Ordering::Relaxed) == number)
    }

    /// Runs this; None where it was refused memory. What it has made is dropped then.
    pub fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
        /// Ends it, even in a panic.
        struct Entry(&'static Guarded);
        impl Drop for Entry {
            fn drop(&mut self) {
                // In the child of a fork it is nobody's any more.
                if self.0.thread.swap(0, Ordering::Release) != 0 {
                    RUNNING.fetch_sub(1, Ordering::Relaxed);
                }
            }
        }
        if mine().is_some() {
            // Within another one, which tells.
            return Some(run());
        }
        let number = thread_number();
        let free = |one: &&Guarded| {
            let taken = one
                .thread
                .compare_exchange(0, number, Ordering::Acquire, Ordering::Relaxed);
            taken.is_ok()
        };
        let entry = loop {
            match GUARDED.iter().find(free) {
                Some(entry) => break entry,
                None => give_way(),
            }
        };
        entry.refused.store(false, Ordering::Relaxed);
        RUNNING.fetch_add(1, Ordering::Relaxed);
        let entry = Entry(entry);
        let made = run();
        if entry.0.refused.load(Ordering::Relaxed) {
            drop(made);
            return None;
        }
        Some(made)
    }

    /// Whether this thread runs [`guarded`], and was refused memory already: then it need not go on.
    pub fn is_refused() -> bool {
        mine().is_some_and(|mine| mine.refused.load(Ordering::Relaxed))
    }

    /// Runs a function of the program, which [`guarded`] is not for: what it has the library make is to last.
    pub fn unguarded<T>(run: impl FnOnce() -> T) -> T {
        /// Ends it, even in a panic.
        struct Outside(&'static Guarded, usize);
        impl Drop for Outside {
            fn drop(&mut self) {
                let Self(entry, number) = *self;
                // In the child of a fork it is nobody's any more.
                let _ = entry
                    .thread
                    .compare_exchange(OUTSIDE, number, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
        let _outside = mine().map(|entry| Outside(entry, entry.thread.swap(OUTSIDE, Ordering::Relaxed)));
        run()
    }

    /// In the child of a fork: what other threads of the parent were doing has ended. What they had of the reserve is lost.
    pub fn forget_guarded() {
        for one in &GUARDED {
            one.thread.store(0, Ordering::Relaxed);
        }
        RUNNING.store(0, Ordering::Relaxed);
        RESERVE.busy.store(false, Ordering::Relaxed);
    }

    /// Where a piece of this size ends in the reserve; None where there is no room for it.
    fn end_of(place: usize, size: usize) -> Option<usize> {
        let size = size.checked_next_multiple_of(ALIGN)?;
        place.checked_add(size).filter(|end| *end <= SIZE)
    }

    /// Memory that is given from its beginning on. The last piece is free when it is given back, all the others when nobody has one
    /// any more.
    struct Reserve {
        octets: UnsafeCell<Octets>,
        /// A thread changes the numbers below.
        busy: AtomicBool,
        used: AtomicUsize,
        /// Pieces that were given.
        pieces: AtomicUsize,
    }

    /// They are reached by their address only.
    #[repr(align(64))]
    struct Octets(#[allow(dead_code)] [u8; SIZE]);

    // SAFETY: pieces do not overlap, and each is its owner's.
    unsafe impl Sync for Reserve {}

    static RESERVE: Reserve = Reserve {
        octets: UnsafeCell::new(Octets([0; SIZE])),
        busy: AtomicBool::new(false),
        used: AtomicUsize::new(0),
        pieces: AtomicUsize::new(0),
    };

    impl Reserve {
        fn alone<T>(&self, run: impl FnOnce() -> T) -> T {
            while self.busy.swap(true, Ordering::Acquire) {
                give_way();
            }
            let result = run();
            self.busy.store(false, Ordering::Release);
            result
        }

        fn take(&self, layout: Layout) -> *mut u8 {
            if layout.align() > ALIGN {
                return ptr::null_mut();
            }
            self.alone(|| {
                let used = self.used.load(Ordering::Relaxed);
                let Some(end) = end_of(used, layout.size()) else {
                    return ptr::null_mut();
                };
                self.used.store(end, Ordering::Relaxed);
                self.pieces.fetch_add(1, Ordering::Relaxed);
                // SAFETY: within the octets.
                unsafe { self.octets.get().cast::<u8>().add(used) }
            })
        }

        /// Where a piece begins in it; None where it is none of these.
        fn place_of(&self, piece: *mut u8) -> Option<usize> {
            let from = self.octets.get().cast::<u8>();
            let place = piece.addr().wrapping_sub(from.addr());
            (place < SIZE).then_some(place)
        }

        /// Changes the size of the piece that was given last, where it is that one.
        fn change(&self, piece: *mut u8, layout: Layout, size: usize) -> bool {
            let Some(place) = self.place_of(piece) else {
                return false;
            };
            self.alone(|| {
                let last = end_of(place, layout.size()) == Some(self.used.load(Ordering::Relaxed));
                let end = end_of(place, size).filter(|_| last);
                if let Some(end) = end {
                    self.used.store(end, Ordering::Relaxed);
                }
                end.is_some()
            })
        }

        /// Takes a piece back; false where it is none of these.
        fn give_back(&self, piece: *mut u8, layout: Layout) -> bool {
            let Some(place) = self.place_of(piece) else {
                return false;
            };
            self.alone(|| {
                let used = self.used.load(Ordering::Relaxed);
                if self.pieces.fetch_sub(1, Ordering::Relaxed) == 1 {
                    self.used.store(0, Ordering::Relaxed);
                } else if end_of(place, layout.size()) == Some(used) {
                    self.used.store(place, Ordering::Relaxed);
                }
            });
            true
        }
    }

    /// The system's allocator, with the reserve behind it.
    struct Allocator;

    #[global_allocator]
    static ALLOCATOR: Allocator = Allocator;

    /// What the reserve has, where this thread may have it.
    #[cold]
    fn refused(layout: Layout) -> *mut u8 {
        let Some(mine) = mine() else { return ptr::null_mut() };
        mine.refused.store(true, Ordering::Relaxed);
        RESERVE.take(layout)
    }

    // SAFETY: what is given is the system's, or a piece of the reserve of at least this size and alignment; and goes back there.
    unsafe impl GlobalAlloc for Allocator {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: the caller's promise.
            let given = unsafe { System.alloc(layout) };
            if given.is_null() { refused(layout) } else { given }
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            // SAFETY: the caller's promise.
            let given = unsafe { System.alloc_zeroed(layout) };
            if !given.is_null() {
                return given;
            }
            let given = refused(layout);
            if !given.is_null() {
                // SAFETY: so much was given.
                unsafe { given.write_bytes(0, layout.size()) };
            }
            given
        }

        unsafe fn dealloc(&self, given: *mut u8, layout: Layout) {
            if mine().is_some() {
                // SAFETY: so much was given, and nobody uses it any more.
                unsafe { given.write_bytes(0, layout.size()) };
                core::hint::black_box(given);
            }
            if !RESERVE.give_back(given, layout) {
                // SAFETY: it is the system's.
                unsafe { System.dealloc(given, layout) }
            }
        }

        unsafe fn realloc(&self, given: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            if mine().is_none() && RESERVE.place_of(given).is_none() {
                // SAFETY: it is the system's.
                return unsafe { System.realloc(given, layout, size) };
            }
            if RESERVE.change(given, layout, size) {
                let less = layout.size().saturating_sub(size);
                // SAFETY: these octets were given, and are given no more.
                unsafe { given.wrapping_add(size).write_bytes(0, less) };
                return given;
            }
            // The system's leaves a copy where it moves.
            // SAFETY: the caller's promise: the size is not 0, and not too large for the alignment.
            unsafe {
                let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                if !moved.is_null() {
                    moved.copy_from_nonoverlapping(given, layout.size().min(size));
                    self.dealloc(given, layout);
                }
                moved
            }
        }
    }
}
