// SPDX-License-Identifier: GPL-2.0

//! Checks the borrow protocol with loom: the shipped code, in every interleaving and
//! every memory order that loom knows, up to a bound.
//!
//! A model has a device, a driver and a poller, each on a CPU of its own. When it is
//! quiet at the end, [`Queue::check`] must hold. The bounds are in the table of
//! `rust-core/tests/README.md`. [`ring`] explains what loom's driver leaves out.

mod queue;
mod ring;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use queue::{Callback, Poller, Queue};
use ring::Kind;

const KINDS: [Kind; 3] = [Kind::EventIdx, Kind::Flags, Kind::Packed];
const SWITCHES: Callback = Callback::Switches { ahead: 0 };

/// A model and its bounds.
#[derive(Clone, Copy, Debug)]
struct Model {
    kind: Kind,
    callback: Callback,
    start: u16,
    /// See [`ring::Ring`].
    seen: u16,
    batches: &'static [u16],
    looks: u32,
    episodes: u32,
    /// The driver also takes buffers on another CPU, without an interrupt.
    unasked: bool,
    /// Before the poller starts, the device has used a buffer that the driver can take.
    early: bool,
    refused: bool,
    preemptions: usize,
}

const MODEL: Model = Model {
    kind: Kind::EventIdx,
    callback: SWITCHES,
    start: 100,
    seen: u16::MAX,
    batches: &[1],
    looks: 1,
    episodes: 1,
    unasked: false,
    early: false,
    refused: false,
    preemptions: 3,
};

fn check(model: Model) {
    let mut builder = loom::model::Builder::new();
    let executions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&executions);

    builder.preemption_bound = Some(model.preemptions);
    builder.check(move || {
        count.fetch_add(1, Relaxed);
        let queue = Queue::new(model.kind, model.callback, model.start, model.seen);
        let mut poller = Poller::default();
        if model.early {
            queue.use_early();
        }
        let device = queue.device(model.batches);
        let driver = model.unasked.then(|| queue.take_unasked());

        for _ in 0..model.episodes {
            poller.episode(&queue, model.looks, model.refused);
        }
        device.join().unwrap();
        if let Some(driver) = driver {
            driver.join().unwrap();
        }
        queue.check();
    });
    println!("{model:?}: {} executions", executions.load(Relaxed));
}

/// One buffer and one look, then two buffers and two looks.
#[test]
fn one_episode() {
    for kind in KINDS {
        check(Model { kind, ..MODEL });
        check(Model {
            kind,
            batches: &[1, 1],
            looks: 2,
            // The protocol of the flags has more steps.
            preemptions: if kind == Kind::EventIdx { 3 } else { 2 },
            ..MODEL
        });
    }
}

#[test]
fn batch() {
    for kind in KINDS {
        let batches = &[2];
        check(Model {
            kind,
            batches,
            ..MODEL
        });
    }
}

/// The driver asks for an interrupt from the second buffer on.
#[test]
fn ahead() {
    for kind in KINDS {
        check(Model {
            kind,
            callback: Callback::Switches { ahead: 1 },
            batches: &[1, 1],
            ..MODEL
        });
    }
}

/// The driver never switches its events.
#[test]
fn plain() {
    for kind in KINDS {
        check(Model {
            kind,
            callback: Callback::Plain,
            batches: &[1, 1],
            ..MODEL
        });
    }
}

/// The driver takes buffers without an interrupt while the poller comes and goes.
#[test]
fn unasked() {
    for kind in KINDS {
        let (unasked, preemptions) = (true, 2);
        check(Model {
            kind,
            unasked,
            preemptions,
            ..MODEL
        });
    }
}

/// As `unasked`, but the driver leaves no trace in the flags.
#[test]
fn plain_unasked() {
    for kind in KINDS {
        check(Model {
            kind,
            callback: Callback::Plain,
            unasked: true,
            early: true,
            preemptions: 2,
            ..MODEL
        });
    }
}

/// The driver is notified, takes buffers until its index is back at the old value, and
/// waits again.
#[test]
fn comes_round_untold() {
    for kind in [Kind::Flags, Kind::Packed] {
        check(Model {
            kind,
            callback: Callback::Plain,
            seen: 1,
            batches: &[1, 1],
            unasked: true,
            early: true,
            preemptions: 2,
            ..MODEL
        });
    }
}

#[test]
fn two_episodes() {
    for kind in KINDS {
        let episodes = 2;
        check(Model {
            kind,
            episodes,
            ..MODEL
        });
    }
}

/// All hits are refused. The driver must still get what it is owed.
#[test]
fn refused() {
    for kind in KINDS {
        let (refused, looks) = (true, 2);
        check(Model {
            kind,
            refused,
            looks,
            ..MODEL
        });
    }
}

/// The index wraps. On its way it is 0, which stands for "no events".
#[test]
fn comes_round() {
    for kind in KINDS {
        check(Model {
            kind,
            start: u16::MAX,
            batches: &[1, 1],
            ..MODEL
        });
    }
}
