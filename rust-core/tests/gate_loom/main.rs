// SPDX-License-Identifier: GPL-2.0

//! The gate under loom: the code that ships, in every interleaving and every
//! order of memory that loom knows, up to a bound.
//!
//! A model has a device, an interrupt, a driver and a poller on CPUs of their
//! own. It ends when all is quiet, and then [`Queue::check`] must hold: no
//! interrupt was lost, no stale index is in the ring, the poller owns nothing.
//! While it runs loom fails if the handler runs twice at once.
//!
//! Each model is gone through exhaustively within its bound:
//!
//! | model | rings | completions | looks, episodes | preemptions |
//! |---|---|---|---|---|
//! | `event_idx` | EVENT_IDX | 1; 2 | 1; 2, in one | 3 |
//! | `flags` | flags | 1; 2 | 1; 2, in one | 3; 2 |
//! | `batch` | EVENT_IDX | 2 at once | 1, in one | 3 |
//! | `delayed` | EVENT_IDX, flags | 2 | 1, in one | 2 |
//! | `hit_during_interrupt` | EVENT_IDX; flags | 2 | 1, in one | 3; 2 |
//! | `napi`: driver on two CPUs, by turns | EVENT_IDX, flags | 1 | 1, in one | 3 |
//! | `two_cpus_*`: driver on two CPUs, at once | EVENT_IDX, flags, packed | 1, and 1 after it | 1, in one | 2 |
//! | `two_episodes` | EVENT_IDX, flags | 1 | 1, in each of two | 3 |
//! | `open_and_close` | EVENT_IDX, flags | 2 | 1, in one | 3 |
//! | `never_switched`: the driver's shadow | EVENT_IDX, flags, packed | 2 | 1, in one | 3 |
//!
//! A preemption is a switch from a thread that could go on; those that end or wait
//! are free. The gate's is the code that ships. The driver's C is followed by hand,
//! line by line, its shadow of the flags included. Within the bounds loom leaves out
//! what it takes for equivalent, which needs care: see [`ring::LoomWord`]. The
//! breaks in `tests/breaks/` show what the models do find.

mod queue;
mod ring;

use poll_core::poll::gate;
use queue::{Callback, Queue};
use ring::Kind;

fn model(preemptions: usize, run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();

    builder.preemption_bound = Some(preemptions);
    builder.check(run);
}

/// One episode against a device that completes in `batches`.
fn episode(
    preemptions: usize,
    kind: Kind,
    callback: Callback,
    looks: u32,
    batches: &'static [u16],
) {
    model(preemptions, move || {
        let queue = Queue::polled(kind, callback);
        let device = queue.device(batches);

        queue.poll(looks);
        device.join().unwrap();
        queue.check();
    });
}

#[test]
fn event_idx() {
    episode(3, Kind::EventIdx, Callback::Block, 1, &[1]);
    episode(3, Kind::EventIdx, Callback::Block, 2, &[1, 1]);
}

#[test]
fn flags() {
    episode(3, Kind::Flags, Callback::Block, 1, &[1]);
    episode(2, Kind::Flags, Callback::Block, 2, &[1, 1]);
}

#[test]
fn batch() {
    episode(3, Kind::EventIdx, Callback::Block, 1, &[2]);
}

/// The driver asks for the second buffer on, not the first.
#[test]
fn delayed() {
    episode(2, Kind::EventIdx, Callback::Delayed(1), 1, &[1, 1]);
    episode(2, Kind::Flags, Callback::Delayed(1), 1, &[1, 1]);
}

/// The handler runs for an interrupt when the poller finds more work.
#[test]
fn hit_during_interrupt() {
    for (preemptions, kind) in [(3, Kind::EventIdx), (2, Kind::Flags)] {
        model(preemptions, move || {
            let queue = Queue::polled(kind, Callback::Block);
            queue.complete(1);
            let device = queue.device(&[1]);

            queue.poll(1);
            device.join().unwrap();
            queue.check();
        });
    }
}

/// NAPI enables and disables on another CPU while the poller comes and goes.
#[test]
fn napi() {
    for kind in [Kind::EventIdx, Kind::Flags] {
        model(3, move || {
            let queue = Queue::polled(kind, Callback::Napi);
            let napi = queue.napi_on_another_cpu();
            let device = queue.device(&[1]);

            queue.poll(1);
            device.join().unwrap();
            napi.join().unwrap();
            queue.check();
        });
    }
}

/// The poller takes the ring over again after it handed it back.
#[test]
fn two_episodes() {
    for kind in [Kind::EventIdx, Kind::Flags] {
        model(3, move || {
            let queue = Queue::polled(kind, Callback::Block);
            let device = queue.device(&[1]);

            queue.poll(1);
            queue.poll(1);
            device.join().unwrap();
            queue.check();
        });
    }
}

/// Polling is switched on and off under a driver at work, in the order of
/// `poll_source_register()` and `poll_source_unregister()`.
#[test]
fn open_and_close() {
    for kind in [Kind::EventIdx, Kind::Flags] {
        model(3, move || {
            let queue = Queue::new(kind, Callback::Block);
            let device = queue.device(&[1, 1]);

            gate::open(&queue.word);
            queue.synchronize_irq();
            queue.poll(1);
            assert!(!gate::close(&queue.word), "closed under the poller");
            device.join().unwrap();
            queue.check();
        });
    }
}

/// A driver that never switches its events starts with flags that name no index.
/// Polling leaves some that do, and the driver has to move the index from then on.
#[test]
fn never_switched() {
    for kind in [Kind::EventIdx, Kind::Flags, Kind::Packed] {
        model(3, move || {
            let queue = Queue::new(kind, Callback::Plain);
            let device = queue.device(&[1, 1]);

            gate::open(&queue.word);
            queue.synchronize_irq();
            queue.poll(1);
            assert!(!gate::close(&queue.word), "closed under the poller");
            device.join().unwrap();
            queue.check();
        });
    }
}

/// One CPU of the driver asks for events while another switches them off.
fn two_cpus(preemptions: usize, kind: Kind) {
    model(preemptions, move || {
        let queue = Queue::polled(kind, Callback::Xmit);
        let device = queue.device(&[1]);
        let sender = queue.send_on_another_cpu();

        queue.poll(1);
        device.join().unwrap();
        sender.join().unwrap();
        queue.check_sender();
    });
}

#[test]
fn two_cpus_event_idx() {
    two_cpus(2, Kind::EventIdx);
}

#[test]
fn two_cpus_flags() {
    two_cpus(2, Kind::Flags);
}

#[test]
fn two_cpus_packed() {
    two_cpus(2, Kind::Packed);
}
