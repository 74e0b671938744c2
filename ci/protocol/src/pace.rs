// SPDX-License-Identifier: GPL-2.0
//! How fast a kernel's paths run. The host measures them natively, and the guest with the same
//! code. The ratio is how many times slower the guest's code is. Under TCG the guest's figures
//! differ from those of real hardware by this slowdown, because the device is as fast as ever.
//! There are two paths, because TCG slows some down more than others: system calls alone, and
//! system calls with a task switch each. No device, interrupt or idle CPU takes part.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Number of rounds: enough that other tasks on the same CPU leave some of them undisturbed.
const ROUNDS: usize = 80;
/// Length of a round: shorter than a scheduler's slice.
const ROUND: Duration = Duration::from_millis(2);
/// Passes of the byte between two readings of the clock.
const STRIDE: u32 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Time for one byte into a pipe and out of it again: two system calls.
    pub pipe_ns: f64,
    /// Time for one byte to another task on the same CPU and back: four system calls and two
    /// switches.
    pub switch_ns: f64,
}

impl Pace {
    /// The calling thread must be restricted to one CPU, so that both tasks share it.
    pub fn measure() -> io::Result<Pace> {
        let (reader, writer) = io::pipe()?;
        let pipe_ns = lower_quartile(&reader, &writer)?;
        Ok(Pace {
            pipe_ns,
            switch_ns: through_another_task()?,
        })
    }
}

fn through_another_task() -> io::Result<f64> {
    let (there, to_other) = io::pipe()?;
    let (back, from_other) = io::pipe()?;
    thread::scope(|scope| {
        let other = scope.spawn(|| echo(there, from_other));
        let taken = lower_quartile(&back, &to_other);
        // The other task now reads the end of its pipe.
        drop(to_other);
        other.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        taken
    })
}

fn echo(mut reader: PipeReader, mut writer: PipeWriter) -> io::Result<()> {
    let mut byte = [0];
    while reader.read(&mut byte)? == 1 {
        writer.write_all(&byte)?;
    }
    Ok(())
}

/// Returns the lower quartile of many short rounds, in ns: the median of the faster half. On a busy
/// host other tasks disturb the slower half. The first round does not count, because TCG translates
/// code when it first runs.
fn lower_quartile(reader: &PipeReader, writer: &PipeWriter) -> io::Result<f64> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..=ROUNDS {
        let taken = one_round(reader, writer)?;
        if round > 0 {
            rounds.push(taken);
        }
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[ROUNDS / 4])
}

fn one_round(mut reader: &PipeReader, mut writer: &PipeWriter) -> io::Result<f64> {
    let mut byte = [0x5a];
    let mut passed = 0;
    let begin = Instant::now();
    loop {
        for _ in 0..STRIDE {
            writer.write_all(&byte)?;
            reader.read_exact(&mut byte)?;
        }
        passed += STRIDE;
        let elapsed = begin.elapsed();
        if elapsed >= ROUND {
            return Ok(elapsed.as_nanos() as f64 / f64::from(passed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two system calls take some time on any machine, but less than a millisecond. More system
    /// calls take longer.
    #[test]
    fn a_byte_passes() {
        let Pace { pipe_ns, switch_ns } = Pace::measure().unwrap();
        assert!((20.0..1e6).contains(&pipe_ns), "{pipe_ns}");
        assert!(switch_ns > pipe_ns && switch_ns < 1e7, "{switch_ns}");
    }
}
