// SPDX-License-Identifier: GPL-2.0

//! The gate: two owners of one device's event suppression.
//!
//! A queue's events are *wanted* by its driver and *paused* by the poller, and
//! the two run on different CPUs without a common lock. One atomic word says
//! what each of them decided:
//!
//! ```text
//!  31          16 15      7    6      5      4      3      2       1      0
//! +--------------+--------+------+------+-------+------+--------+-------+------+
//! | event index  | unused | TOLD | LATE | AGAIN | BUSY | POLLER | WANTS | OPEN |
//! +--------------+--------+------+------+-------+------+--------+-------+------+
//! ```
//!
//! The device may interrupt if `WANTS && !POLLER`. The event index is the one
//! that the driver asked for last (virtio's `used_event` or `off_wrap`).
//!
//! ```text
//!               look() takes over, if WANTS
//!   driver owns ---------------------------> poller owns
//!               <---------------------------
//!                 hand_back() publishes
//! ```
//!
//! # Invariants
//!
//! - Whoever owns the ring's event suppression is the only one to write it:
//!   the poller while `POLLER` is set, the driver otherwise. The one exception
//!   is a driver that saw `POLLER` clear and writes late; it writes the index
//!   that the word holds, so that the write can cause an interrupt too many
//!   but never one too few.
//! - `POLLER` is cleared only by a compare-and-exchange against the very word
//!   whose event index was published before it. No stale index survives.
//! - `hand_back()` looks at the ring after it published, and reports work that
//!   came while nobody would have been told.
//! - The word says nothing (`WANTS` is clear) until the driver's first
//!   enable under an open gate; the poller does not take over before that.
//! - A handler never runs twice at once: see [`handler_enter`].
//! - An event is told once, as an interrupt is: a driver that does not act on
//!   it (a network interface that is down, say) is not hit again and again.
//!   `hand_back()` alone tells it once more, for it cannot know.
//!
//! The driver is one logical thread per queue, as virtio demands of
//! everything but `virtqueue_disable_cb()`. The poller is one CPU at a time.

/// The gate is in use; driver and handler must come by here.
const OPEN: u32 = 1 << 0;
/// The driver wants events.
const WANTS: u32 = 1 << 1;
/// The poller owns the event suppression.
const POLLER: u32 = 1 << 2;
/// The handler is running.
const BUSY: u32 = 1 << 3;
/// The handler must run once more: it was called while it was running.
const AGAIN: u32 = 1 << 4;
/// A hit did work for which the device may still send an interrupt.
const LATE: u32 = 1 << 5;
/// The driver was told of the event at this index.
const TOLD: u32 = 1 << 6;

const INDEX_SHIFT: u32 = 16;
const INDEX: u32 = 0xffff << INDEX_SHIFT;

/// The atomic word of a gate.
///
/// The kernel implements it with LKMM atomics, the model checker with its own.
pub trait Word {
    /// Reads the word, ordered before everything that follows (acquire).
    fn load(&self) -> u32;

    /// Replaces `old` by `new`, fully ordered on success; on failure returns
    /// what the word held.
    fn cmpxchg(&self, old: u32, new: u32) -> Result<(), u32>;
}

/// The device's side of a gate: its ring.
pub trait Events {
    /// Asks the device not to interrupt. A hint: a device may ignore it.
    fn suppress(&self);

    /// Asks the device to interrupt once it passes `index`. The write must be
    /// ordered before any later read in [`Events::pending`].
    fn publish(&self, index: u16);

    /// Returns whether the device, asked to interrupt at `index`, has done
    /// enough to do so. No barrier of its own: it is called in the spin.
    fn pending(&self, index: u16) -> bool;
}

/// What [`look`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The poller does not own the ring: its driver does not want events now
    /// (NAPI is busy with it, say).
    NotMine,
    /// The poller owns the ring; nothing to do there.
    Nothing,
    /// The poller owns the ring, and the handler has work.
    Work,
}

/// Who writes the ring's event suppression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The gate is closed: the driver, as if there were no gate.
    Unshared,
    /// The driver.
    Driver,
    /// The poller.
    Poller,
}

/// The answer to [`handler_enter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The gate is closed: run the handler; do not call [`handler_exit`].
    Closed,
    /// Run the handler, and again while [`handler_exit`] says so.
    Run,
    /// It is running elsewhere and will run once more. Nothing to do.
    Elsewhere,
}

fn index_of(word: u32) -> u16 {
    (word >> INDEX_SHIFT) as u16
}

/// Applies `change` to the word atomically; returns the word before it.
/// `change` returns `None` to leave the word alone.
fn update<W: Word>(word: &W, change: impl Fn(u32) -> Option<u32>) -> u32 {
    let mut old = word.load();
    while let Some(new) = change(old) {
        if word.cmpxchg(old, new).is_ok() {
            break;
        }
        // Not what the cmpxchg found: one that fails orders nothing, and the
        // caller may go by a word that was left alone.
        old = word.load();
    }
    old
}

/// Opens the gate. The poller takes over after the driver's next enable.
pub fn open<W: Word>(word: &W) {
    update(word, |w| Some(w | OPEN));
}

/// Closes the gate; no poller may look at the source any more.
///
/// Returns whether the poller still owned the ring, which is a bug of the
/// caller: the device would stay silent.
pub fn close<W: Word>(word: &W) -> bool {
    // A handler may be running: its bits belong to it.
    update(word, |w| Some(w & (BUSY | AGAIN))) & POLLER != 0
}

/// The driver switches its events off. If [`Owner::Poller`], the device has
/// been told already.
pub fn driver_disable<W: Word>(word: &W) -> Owner {
    owner(update(word, |w| {
        (w & OPEN != 0).then_some(w & !(WANTS | TOLD))
    }))
}

/// The driver switches its events on, from `index` on. If [`Owner::Poller`],
/// the poller tells the device when it hands the ring back.
pub fn driver_enable<W: Word>(word: &W, index: u16) -> Owner {
    let wanted = WANTS | (u32::from(index) << INDEX_SHIFT);

    owner(update(word, |w| {
        (w & OPEN != 0).then_some((w & !(INDEX | TOLD)) | wanted)
    }))
}

fn owner(word: u32) -> Owner {
    if word & OPEN == 0 {
        Owner::Unshared
    } else if word & POLLER != 0 {
        Owner::Poller
    } else {
        Owner::Driver
    }
}

/// The poller looks at a source, and takes it over first where it may.
pub fn look<W: Word, E: Events>(word: &W, events: &E) -> Look {
    let mut seen = word.load();

    if seen & POLLER == 0 {
        if seen & WANTS == 0 || word.cmpxchg(seen, seen | POLLER).is_err() {
            return Look::NotMine;
        }
        seen |= POLLER;
        events.suppress();
    }
    // If the driver gets in between it has news: then look again.
    if seen & (WANTS | TOLD) == WANTS
        && events.pending(index_of(seen))
        && word.cmpxchg(seen, seen | TOLD).is_ok()
    {
        Look::Work
    } else {
        Look::Nothing
    }
}

/// The poller hands a source back to its driver.
///
/// Returns whether there is work that the device may not have told anybody
/// about: the caller must run the handler.
///
/// Each turn of the loop but the last is paid for by a step of the driver,
/// which consumed a buffer or switched its events over in the meantime.
pub fn hand_back<W: Word, E: Events>(word: &W, events: &E) -> bool {
    let mut seen = word.load();

    while seen & POLLER != 0 {
        if seen & WANTS != 0 {
            events.publish(index_of(seen));
        } else {
            events.suppress();
        }
        if word.cmpxchg(seen, seen & !POLLER).is_ok() {
            return seen & WANTS != 0 && events.pending(index_of(seen));
        }
        // As in update(): what is published next must come after what the
        // driver wrote to the ring before it changed the word.
        seen = word.load();
    }
    false
}

/// Whether the poller owns the ring.
pub fn is_polled<W: Word>(word: &W) -> bool {
    word.load() & POLLER != 0
}

/// Before the handler runs, for an interrupt or for a hit (`hit`).
///
/// The interrupt core never runs the handler of one line on two CPUs at once,
/// and drivers rely on it. A hit is not seen by that core, so the gate keeps
/// the promise: the second caller leaves a note and goes.
pub fn handler_enter<W: Word>(word: &W, hit: bool) -> Entry {
    let mark = BUSY | if hit { LATE } else { 0 };
    let old = update(word, |w| {
        (w & OPEN != 0).then_some(if w & BUSY != 0 { w | AGAIN } else { w | mark })
    });

    if old & OPEN == 0 {
        Entry::Closed
    } else if old & BUSY != 0 {
        Entry::Elsewhere
    } else {
        Entry::Run
    }
}

/// After the handler ran. Returns whether it must run once more.
pub fn handler_exit<W: Word>(word: &W) -> bool {
    let old = update(word, |w| {
        Some(w & !if w & AGAIN != 0 { AGAIN } else { BUSY })
    });
    old & AGAIN != 0
}

/// An interrupt found nothing to do. Returns whether a hit explains it: the
/// device sent it before it saw the suppression, or ignores that. One hit
/// explains one such interrupt.
pub fn late_interrupt<W: Word>(word: &W) -> bool {
    update(word, |w| (w & LATE != 0).then_some(w & !LATE)) & LATE != 0
}
