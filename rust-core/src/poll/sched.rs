// SPDX-License-Identifier: GPL-2.0

//! Which source to look at next.
//!
//! A look costs the wait a little, and a borrow costs two exchanges, so sources
//! earn their place:
//!
//! ```text
//!            hit()                 hit(), missed()
//!   Cold -----------> Hot     Cold, Dead -----------> Hot
//!   Hot  --[HOT_MISSES waits without a hit]----> Cold
//!   Cold --[COLD_MISSES waits without a hit]---> Dead
//! ```
//!
//! A source is slow if the softirqs after its hits took long lately, see
//! [`Sched::took`].
//!
//! Hot sources are looked at each turn, one cold source every [`COLD_TURNS`]
//! turns, dead ones never: they stay on interrupts. An interrupt that breaks
//! into the wait is a hit that the poller missed, and brings a source back.
//!
//! # Invariants
//!
//! - Every operation but [`Sched::add`] takes constant time, whatever the
//!   number of sources.
//! - A present source is in the ring of its heat, and in no other.
//! - `owned[..owned_len]` holds each owned source once.
//! - `until_cold` is 0 if there are no hot sources.

/// Sources on one CPU. A slot is a byte, so that no index can be out of range.
pub const MAX_SOURCES: usize = 256;

/// A hot source that had no hit in this many waits in a row is cold.
pub const HOT_MISSES: u8 = 8;
/// A cold source that had no hit in this many waits in a row is dead.
pub const COLD_MISSES: u8 = 64;
/// Turns over the hot sources for each look at a cold one.
pub const COLD_TURNS: u8 = 16;

/// Softirqs that take longer than this are slow, in microseconds. Other rings that are
/// borrowed are not looked at for so long.
pub const SLOW_US: u16 = 100;

/// A source's place on its CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub u8);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
enum Heat {
    #[default]
    Absent,
    Dead,
    Cold,
    Hot,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    heat: Heat,
    owned: bool,
    /// Had a hit since it was judged.
    hit: bool,
    /// Waits in a row in which it was owned without a hit.
    misses: u8,
    /// What a hit took at the worst lately, in microseconds.
    took_us: u16,
    next: u8,
    prev: u8,
}

/// The sources of one heat, in the order in which they come up.
#[derive(Clone, Copy, Default)]
struct Ring {
    head: u8,
    len: u16,
}

/// The sources of one CPU.
pub struct Sched {
    entries: [Entry; MAX_SOURCES],
    owned: [u8; MAX_SOURCES],
    owned_len: u16,
    hot: Ring,
    cold: Ring,
    /// Looks at hot sources before the next at a cold one.
    until_cold: u16,
}

impl Sched {
    /// Adds a source, cold. Returns `None` if there is no room.
    pub fn add(&mut self) -> Option<Slot> {
        let place = self.entries.iter().position(|e| e.heat == Heat::Absent)?;
        let slot = Slot(place as u8);

        let entry = self.entry(slot);
        entry.hit = false;
        entry.took_us = 0;
        self.set_heat(slot, Heat::Cold);
        Some(slot)
    }

    /// Removes a source, which must not be owned.
    pub fn remove(&mut self, slot: Slot) {
        self.set_heat(slot, Heat::Absent);
    }

    /// Starts a wait: a turn begins.
    pub fn begin(&mut self) {
        self.until_cold = self.hot_turns();
    }

    /// Whether any source deserves a look.
    pub fn has_next(&self) -> bool {
        self.hot.len != 0 || self.cold.len != 0
    }

    /// The next source to look at, if [`Sched::has_next`].
    #[inline]
    pub fn next_source(&mut self) -> Slot {
        if self.until_cold == 0 {
            return self.end_turns();
        }
        self.until_cold -= 1;
        Self::rotate(&mut self.hot, &self.entries)
    }

    /// Hot sources had their turns: a cold one is next, if there is any.
    #[cold]
    #[inline(never)]
    fn end_turns(&mut self) -> Slot {
        self.until_cold = self.hot_turns();
        if self.cold.len != 0 {
            return Self::rotate(&mut self.cold, &self.entries);
        }
        self.until_cold = self.until_cold.saturating_sub(1);
        Self::rotate(&mut self.hot, &self.entries)
    }

    /// The poller owns `slot` from now on.
    #[inline]
    pub fn own(&mut self, slot: Slot) {
        if !self.entry(slot).owned {
            self.add_owned(slot);
        }
    }

    #[cold]
    #[inline(never)]
    fn add_owned(&mut self, slot: Slot) {
        let entry = self.entry(slot);
        if entry.heat == Heat::Absent {
            return;
        }
        entry.owned = true;
        self.owned[usize::from(self.owned_len as u8)] = slot.0;
        self.owned_len += 1;
    }

    /// A source that the poller owns, if any: the one to hand back next.
    pub fn any_owned(&self) -> Option<Slot> {
        let last = self.owned_len.checked_sub(1)?;
        Some(Slot(self.owned[usize::from(last as u8)]))
    }

    /// The source of [`Sched::any_owned`] was given back; `hit` if there was work for
    /// it even then. A wait without a hit counts against it once the wait is `over`.
    pub fn disown(&mut self, hit: bool, over: bool) {
        let Some(slot) = self.any_owned() else { return };
        self.owned_len -= 1;
        self.entry(slot).owned = false;
        if hit {
            self.hit(slot);
        }
        if over {
            self.judge(slot);
        }
    }

    /// Did the wait's looks at `slot` come to anything?
    fn judge(&mut self, slot: Slot) {
        let entry = self.entry(slot);

        if core::mem::take(&mut entry.hit) {
            return;
        }
        entry.misses = entry.misses.saturating_add(1);
        match (entry.heat, entry.misses) {
            (Heat::Hot, HOT_MISSES..) => self.set_heat(slot, Heat::Cold),
            (Heat::Cold, COLD_MISSES..) => self.set_heat(slot, Heat::Dead),
            _ => {}
        }
    }

    /// There was work for `slot`.
    pub fn hit(&mut self, slot: Slot) {
        self.entry(slot).hit = true;
        self.missed(slot);
    }

    /// A hit of `slot` and its softirqs took so many nanoseconds. One that took long
    /// is remembered for some 30 hits, and less the less long it took.
    pub fn took(&mut self, slot: Slot, spent: u64) {
        let spent = u16::try_from(spent / 1000).unwrap_or(u16::MAX);
        let entry = self.entry(slot);

        entry.took_us = spent.max(entry.took_us - entry.took_us / 8);
    }

    /// Whether the softirqs after the next hit of `slot` may take long.
    pub fn is_slow(&self, slot: Slot) -> bool {
        self.entries[usize::from(slot.0)].took_us > SLOW_US
    }

    /// The looks in [`COLD_TURNS`] turns over the hot sources.
    fn hot_turns(&self) -> u16 {
        u16::from(COLD_TURNS) * self.hot.len
    }

    /// An interrupt for `slot`, which was not owned, broke into the wait: it
    /// should have been. Or it had a hit.
    pub fn missed(&mut self, slot: Slot) {
        match self.entry(slot).heat {
            Heat::Absent => {}
            Heat::Hot => self.entry(slot).misses = 0,
            Heat::Cold | Heat::Dead => self.set_heat(slot, Heat::Hot),
        }
    }

    #[inline]
    fn entry(&mut self, slot: Slot) -> &mut Entry {
        &mut self.entries[usize::from(slot.0)]
    }

    fn ring(&mut self, heat: Heat) -> Option<&mut Ring> {
        match heat {
            Heat::Hot => Some(&mut self.hot),
            Heat::Cold => Some(&mut self.cold),
            Heat::Dead | Heat::Absent => None,
        }
    }

    /// Takes the head of a ring that is not empty. It becomes its tail.
    #[inline]
    fn rotate(ring: &mut Ring, entries: &[Entry; MAX_SOURCES]) -> Slot {
        let slot = Slot(ring.head);

        ring.head = entries[usize::from(slot.0)].next;
        slot
    }

    fn set_heat(&mut self, slot: Slot, heat: Heat) {
        let old = self.entry(slot).heat;

        self.unlink(slot, old);
        let entry = self.entry(slot);
        entry.heat = heat;
        entry.misses = 0;
        self.link(slot, heat);
    }

    /// Links `slot` in at the tail of the ring of `heat`.
    fn link(&mut self, slot: Slot, heat: Heat) {
        let Some(ring) = self.ring(heat) else { return };
        let head = if ring.len == 0 { slot } else { Slot(ring.head) };
        ring.head = head.0;
        ring.len += 1;

        let tail = if head == slot {
            slot
        } else {
            Slot(self.entry(head).prev)
        };
        self.entry(slot).next = head.0;
        self.entry(slot).prev = tail.0;
        self.entry(head).prev = slot.0;
        self.entry(tail).next = slot.0;
    }

    fn unlink(&mut self, slot: Slot, heat: Heat) {
        let Entry { next, prev, .. } = *self.entry(slot);
        let Some(ring) = self.ring(heat) else { return };
        ring.len -= 1;
        if ring.head == slot.0 {
            ring.head = next;
        }
        self.entry(Slot(prev)).next = next;
        self.entry(Slot(next)).prev = prev;
        // Fewer hot sources make shorter turns.
        self.until_cold = self.until_cold.min(self.hot_turns());
    }
}

/// No sources. All bytes of it are zero.
impl Default for Sched {
    fn default() -> Self {
        Self {
            entries: [Entry::default(); MAX_SOURCES],
            owned: [0; MAX_SOURCES],
            owned_len: 0,
            hot: Ring::default(),
            cold: Ring::default(),
            until_cold: 0,
        }
    }
}
