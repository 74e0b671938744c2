// SPDX-License-Identifier: GPL-2.0
//! Runs work on a thread of its own. An operation whose interrupt is lost hangs that thread, not
//! the scenario. The scenario reports it and goes on with the next device.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::work::{Debt, DeviceWork, Meter};
use crate::cpus;

/// An operation that takes this long is lost. The limit is shorter than the kernel's hung task
/// timeout, so the loss is reported here.
const LOST: Duration = Duration::from_secs(15);
/// How much longer to wait for a lost operation, which may only be late. Both limits together are
/// shorter than the kernel's hung task timeout, too.
const LATE: Duration = Duration::from_secs(3);
/// Time between two looks. It is long because a look wakes a CPU, which then waits and takes the
/// host's CPU from the device.
const TICK: Duration = Duration::from_millis(500);

pub struct Batch {
    ended: Receiver<(DeviceWork, Result<()>)>,
    meter: Meter,
    debt: Debt,
    at_start: u64,
    progress: Progress,
}

/// When the device last completed something, or owed nothing.
struct Progress {
    count: u64,
    at: Instant,
}

impl Progress {
    fn stalled_for(&mut self, now: Instant, count: u64, owes: impl Fn() -> bool) -> Duration {
        if count != self.count || !owes() {
            *self = Progress { count, at: now };
        }
        now.duration_since(self.at)
    }
}

/// The state of a batch.
pub enum BatchState {
    /// The batch runs. The number of operations done so far.
    Running(u64),
    /// The batch has ended. The work for the next batch, and the number of operations done.
    Done(DeviceWork, u64),
}

impl Batch {
    /// Starts one batch on this CPU.
    pub fn start(mut work: DeviceWork, cpu: usize) -> Result<Batch> {
        let (meter, debt) = (work.meter(), work.debt());
        let at_start = meter()?;
        let (tx, ended) = mpsc::channel();
        thread::spawn(move || {
            let outcome = cpus::pin(&[cpu]).and_then(|()| work.batch());
            // Sending fails if the work was given up: then nobody receives.
            let _ = tx.send((work, outcome));
        });
        Ok(Batch {
            ended,
            meter,
            debt,
            at_start,
            progress: Progress {
                count: at_start,
                at: Instant::now(),
            },
        })
    }

    pub fn wait(mut self) -> Result<(DeviceWork, u64)> {
        loop {
            if let BatchState::Done(work, done) = self.look(TICK)? {
                return Ok((work, done));
            }
        }
    }

    /// Waits at most `time` for the end of the batch. Fails if an operation is lost.
    pub fn look(&mut self, time: Duration) -> Result<BatchState> {
        let ended = self.ended.recv_timeout(time);
        let now = (self.meter)()?;
        let done = now - self.at_start;
        match ended {
            Ok((work, outcome)) => {
                outcome?;
                return Ok(BatchState::Done(work, done));
            }
            Err(RecvTimeoutError::Disconnected) => bail!("the work's thread panicked"),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if self.progress.stalled_for(Instant::now(), now, &self.debt) > LOST {
            thread::sleep(LATE);
            bail!(
                "an operation is lost: none completed for {} s, after {done} operations; in {} s \
                 more: {}",
                LOST.as_secs(),
                LATE.as_secs(),
                (self.meter)()? - now
            );
        }
        Ok(BatchState::Running(done))
    }
}

#[cfg(test)]
mod tests {
    use super::super::work::{Counter, Work};
    use super::*;

    /// Does three operations. False: it reports an error.
    struct Sums(bool);

    impl Work for Sums {
        fn batch(&mut self, done: &Counter) -> Result<()> {
            done.add(3);
            anyhow::ensure!(self.0, "1 + 1 is 3");
            Ok(())
        }
    }

    fn start(job: DeviceWork) -> Result<(DeviceWork, u64)> {
        Batch::start(job, 0)?.wait()
    }

    #[test]
    fn each_batch_counts_from_zero() {
        let (work, done) = start(DeviceWork::new(Sums(true))).unwrap();
        assert_eq!(done, 3);
        let (_, done) = start(work).unwrap();
        assert_eq!(done, 3);
    }

    #[test]
    fn only_a_device_that_owes_something_stalls() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut progress = Progress {
            count: 5,
            at: start,
        };
        assert_eq!(progress.stalled_for(after(9), 5, || true).as_secs(), 9);
        assert_eq!(progress.stalled_for(after(10), 6, || true).as_secs(), 0);
        assert_eq!(progress.stalled_for(after(30), 6, || false).as_secs(), 0);
        assert_eq!(progress.stalled_for(after(46), 6, || true).as_secs(), 16);
    }

    #[test]
    fn what_the_work_finds_wrong_is_told() {
        let err = start(DeviceWork::new(Sums(false))).err().unwrap();
        assert_eq!(err.to_string(), "1 + 1 is 3");
    }
}
