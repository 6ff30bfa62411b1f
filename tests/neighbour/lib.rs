//! Another Rust library of the same program, as the compiler makes it: with a standard library of its own, which starts
//! threads, panics in them and catches that; with an allocator of its own, and with ring, which sds-smtp has, too.

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic;
use std::process;
use std::thread;

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};

/// Marks what it gives, and takes nothing else back.
struct Marking;

/// The room for the mark: the alignment that most memory has.
const ROOM: usize = 16;

const MARK: u64 = 0x6E65_6967_6862_6F75;

#[global_allocator]
static ALLOCATOR: Marking = Marking;

/// With room for the mark before it; None where the alignment leaves it none.
fn with_room(layout: Layout) -> Option<Layout> {
    let size = layout.size().checked_add(ROOM)?;
    Layout::from_size_align(size, ROOM)
        .ok()
        .filter(|_| layout.align() <= ROOM)
}

// SAFETY: what is given is the system's, and behind the room for the mark.
unsafe impl GlobalAlloc for Marking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(whole) = with_room(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        };
        // SAFETY: there is room for the mark before what is given.
        unsafe {
            let from = System.alloc(whole);
            if from.is_null() {
                return from;
            }
            from.cast::<u64>().write(MARK);
            from.add(ROOM)
        }
    }

    unsafe fn dealloc(&self, given: *mut u8, layout: Layout) {
        let Some(whole) = with_room(layout) else {
            // SAFETY: it was given above.
            return unsafe { System.dealloc(given, layout) };
        };
        // SAFETY: there is the mark, where it was given above. Else it is another allocator's, and all is lost.
        unsafe {
            let from = given.sub(ROOM);
            if from.cast::<u64>().read() != MARK {
                process::abort();
            }
            from.cast::<u64>().write(0);
            System.dealloc(from, whole);
        }
    }
}

/// Panics where the table is too short.
fn entry(table: &[u32], at: usize) -> u32 {
    table[at]
}

/// Whether ring's results are those of FIPS 180 ("abc") and of the first test case of GCM's specification.
fn is_right() -> bool {
    let hash = digest(&SHA256, b"abc");
    let Ok(key) = UnboundKey::new(&AES_128_GCM, &[0; 16]) else {
        return false;
    };
    let tag =
        LessSafeKey::new(key).seal_in_place_separate_tag(Nonce::assume_unique_for_key([0; 12]), Aad::empty(), &mut []);
    let sealed = tag.is_ok_and(|tag| {
        tag.as_ref()
            .starts_with(&[0x58, 0xE2, 0xFC, 0xCE, 0xFA, 0x7E, 0x30, 0x61])
    });
    hash.as_ref()
        .starts_with(&[0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA])
        && sealed
}

/// Starts so many threads; each of them looks behind the end of a table, catches the panic, asks ring, and then has another panic
/// end it. Returns how many of them did all of that.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour_works(threads: u32) -> u32 {
    // The words of a panic go nowhere.
    panic::set_hook(Box::new(|_| {}));
    let started: Vec<_> = (0..threads)
        .map(|number| {
            thread::spawn(move || {
                let table: Vec<u32> = (0..number).collect();
                let caught = panic::catch_unwind(|| entry(&table, table.len())).is_err();
                assert!(!caught || !is_right(), "seen by the one who joins this thread");
            })
        })
        .collect();
    let seen = started.into_iter().map(|thread| thread.join().is_err());
    u32::try_from(seen.filter(|seen| *seen).count()).unwrap_or(0)
}
