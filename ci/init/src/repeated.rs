// SPDX-License-Identifier: GPL-2.0
//! Works that are repeated while something else happens.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::soon::within;

/// Time limit within which each work must make progress, before and after the event.
const PROGRESS: Duration = Duration::from_secs(15);

pub struct Repeated<'a> {
    name: &'static str,
    run: Box<dyn Fn() -> Result<u64> + Send + Sync + 'a>,
    done: AtomicU64,
}

impl<'a> Repeated<'a> {
    /// `run` returns how much it did.
    pub fn new(
        name: &'static str,
        run: impl Fn() -> Result<u64> + Send + Sync + 'a,
    ) -> Repeated<'a> {
        Repeated {
            name,
            run: Box::new(run),
            done: AtomicU64::new(0),
        }
    }

    fn go_on(&self, over: &AtomicBool) -> Result<()> {
        while !over.load(Relaxed) {
            let done = (self.run)().map_err(|err| err.context(self.name))?;
            self.done.fetch_add(done, Relaxed);
        }
        Ok(())
    }
}

/// Runs `happens` while all works repeat. Returns its outcome, and how much of each work was done.
/// Fails if a work fails or does nothing.
pub fn while_all_work<T>(
    works: &[Repeated],
    happens: impl FnOnce() -> Result<T>,
) -> Result<(T, String)> {
    let over = AtomicBool::new(false);
    let happened = thread::scope(|scope| {
        let over = &over;
        let workers: Vec<_> = works
            .iter()
            .map(|work| scope.spawn(move || work.go_on(over)))
            .collect();
        let happened = happens();
        over.store(true, Relaxed);
        // A work's error goes first: it is the cause if `happens` failed, too.
        for worker in workers {
            worker.join().expect("a work reports its errors")?;
        }
        happened
    })?;
    for work in works {
        ensure!(
            work.done.load(Relaxed) > 0,
            "{}: nothing was done",
            work.name
        );
    }
    let done = works
        .iter()
        .map(|work| format!("{} {}", work.name, work.done.load(Relaxed)));
    Ok((happened, done.collect::<Vec<_>>().join(", ")))
}

/// Waits until each work has done something more.
pub fn progress(works: &[Repeated]) -> Result<()> {
    let before: Vec<u64> = works.iter().map(|work| work.done.load(Relaxed)).collect();
    within(PROGRESS, || {
        for (work, before) in works.iter().zip(&before) {
            let goes_on = work.done.load(Relaxed) > *before;
            ensure!(goes_on, "{} makes no progress", work.name);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn works_that_fail_or_do_nothing_are_errors() {
        let good = || Repeated::new("good", || Ok(1));
        let works = [good()];
        let ((), done) = while_all_work(&works, || progress(&works)).unwrap();
        assert!(done.starts_with("good "));

        let tried = AtomicBool::new(false);
        let bad = Repeated::new("bad", || {
            tried.store(true, Relaxed);
            anyhow::bail!("lost")
        });
        let happens = || {
            while !tried.load(Relaxed) {
                thread::yield_now();
            }
            Ok(())
        };
        let err = while_all_work(&[good(), bad], happens).unwrap_err();
        assert_eq!(format!("{err:#}"), "bad: lost");

        let idle = [Repeated::new("idle", || Ok(0))];
        assert!(while_all_work(&idle, || Ok(())).is_err());
    }
}
