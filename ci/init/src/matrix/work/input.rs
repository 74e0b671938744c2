// SPDX-License-Identifier: GPL-2.0
//! input: a key that the host presses and releases.

use std::io::Read;

use anyhow::{Result, ensure};
use fs_err::File;
use guest_protocol::Ask;

use super::{Counter, Work};
use crate::port::Asker;
use crate::soon::soon;
use crate::virtio::Virtio;

const BATCH: u8 = 100;
/// Number of key events that are requested at once. It is even, which leaves the key as it was
/// found. It fits into the buffer that the kernel keeps for a late reader (EVDEV_MIN_BUFFER_SIZE,
/// two entries for each event). The kernel drops events beyond that.
const BURST: u8 = 20;
/// Time between two events, in us: shorter than a CPU waits before it halts, longer than it takes
/// to handle an event.
const GAP_US: u16 = 2000;

/// Size of struct input_event, in bytes: two words of time, then type, code and value.
const EVENT: usize = 24;
const EV_KEY: u16 = 1;
const KEY_A: u16 = 30;
/// Value of an event by which the kernel repeats a key that is held.
const REPEATED: i32 = 2;

pub struct Type {
    events: File,
    asker: Asker,
}

impl Type {
    pub fn open(virtio: &Virtio, asker: &Asker) -> Result<Type> {
        let node = soon(|| {
            let input = virtio.child("input", "input")?;
            virtio.child(&format!("input/{input}"), "event")
        })?;
        let path = format!("/dev/input/{node}");
        Ok(Type {
            events: soon(|| Ok(File::open(&path)?))?,
            asker: asker.clone(),
        })
    }

    /// Waits for the next change of a key. Returns the key, and whether it went down.
    fn key(&mut self) -> Result<(u16, bool)> {
        loop {
            let mut bytes = [0; EVENT];
            self.events.read_exact(&mut bytes)?;
            if let Some(key) = change(&bytes) {
                return Ok(key);
            }
        }
    }
}

impl Work for Type {
    fn batch(&mut self, done: &Counter) -> Result<()> {
        for event in 0..BATCH {
            if event % BURST == 0 {
                self.asker.ask(Ask::Keys {
                    events: BURST,
                    gap_us: GAP_US,
                })?;
            }
            let wanted = (KEY_A, event % 2 == 0);
            let got = self.key()?;
            ensure!(got == wanted, "event {event} is {got:?}, not {wanted:?}");
            done.add(1);
        }
        Ok(())
    }
}

fn change(event: &[u8; EVENT]) -> Option<(u16, bool)> {
    let short = |at: usize| u16::from_ne_bytes([event[at], event[at + 1]]);
    let value = i32::from_ne_bytes([event[20], event[21], event[22], event[23]]);
    (short(16) == EV_KEY && value != REPEATED).then(|| (short(18), value != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_change_count() {
        let event = |kind: u16, value: i32| {
            let mut bytes = [0; EVENT];
            bytes[16..18].copy_from_slice(&kind.to_ne_bytes());
            bytes[18..20].copy_from_slice(&KEY_A.to_ne_bytes());
            bytes[20..].copy_from_slice(&value.to_ne_bytes());
            change(&bytes)
        };
        assert_eq!(event(EV_KEY, 1), Some((KEY_A, true)));
        assert_eq!(event(EV_KEY, 0), Some((KEY_A, false)));
        assert_eq!(event(EV_KEY, REPEATED), None);
        assert_eq!(event(0, 0), None);
    }
}
