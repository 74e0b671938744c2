// SPDX-License-Identifier: GPL-2.0
//! How fast a kernel's paths run: one byte into a pipe and out of it again, on one thread, so that
//! nothing sleeps, nothing interrupts and no device takes part. The host runs it natively and the
//! guest runs the same code; the ratio is how many times slower the guest's code is. Under TCG that
//! is what separates its figures from those of real hardware: the device is as fast as ever.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// Many, of which some are not disturbed by others on the same processor.
const ROUNDS: usize = 80;
/// Shorter than a scheduler's slice.
const ROUND: Duration = Duration::from_millis(2);
/// Between two looks at the clock.
const STRIDE: u32 = 20;

/// What a byte's way into a pipe and out of it takes, in ns: the lower quartile of many short rounds,
/// the median of the faster half. On a quiet host that is the median; on a busy one other tasks lie
/// in half of the rounds. The first round does not count: TCG translates code when it is first run.
pub fn pipe_ns() -> io::Result<f64> {
    let (mut reader, mut writer) = io::pipe()?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..=ROUNDS {
        let taken = one_round(&mut reader, &mut writer)?;
        if round > 0 {
            rounds.push(taken);
        }
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[ROUNDS / 4])
}

fn one_round(reader: &mut impl Read, writer: &mut impl Write) -> io::Result<f64> {
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

    /// Two system calls take some time on any machine, and no millisecond.
    #[test]
    fn a_byte_passes() {
        let ns = pipe_ns().unwrap();
        assert!((20.0..1e6).contains(&ns), "{ns}");
    }

    /// A pipe that takes ten times as long is found to.
    #[test]
    fn a_slow_pipe_is_slow() {
        struct Slow;
        impl Read for Slow {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_micros(50) {}
                Ok(buffer.len())
            }
        }
        let ns = one_round(&mut Slow, &mut io::sink()).unwrap();
        assert!(ns >= 50_000.0, "{ns}");
    }
}
