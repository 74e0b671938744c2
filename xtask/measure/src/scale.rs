// SPDX-License-Identifier: GPL-2.0
//! How much slower the guest's code is than the host's own, and which latency at native speed a
//! device's latency corresponds to. TCG slows down guest code but not the device. If the guest is
//! 10 times slower, as much code runs during 400 us of a device as during 40 us on real hardware.
//! The factor is a range, because TCG slows down some code more than other code
//! (`guest_protocol::pace`).

use guest_protocol::Pace;
use serde::{Deserialize, Serialize};

/// Smallest factor that is worth a remark. With KVM, guest code is about as fast as the host's.
const WORTH_A_WORD: f64 = 1.5;

/// The pace of the same work on the host and in the guest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    pub native: Pace,
    pub guest: Pace,
}

impl Scale {
    /// Returns how many times slower the guest is, at least and at most.
    pub fn factors(&self) -> (f64, f64) {
        let pipe = self.guest.pipe_ns / self.native.pipe_ns;
        let switch = self.guest.switch_ns / self.native.switch_ns;
        (pipe.min(switch), pipe.max(switch))
    }

    /// Whether a reader of this guest's figures must know the factors.
    pub fn is_slow(&self) -> bool {
        self.factors().0 >= WORTH_A_WORD
    }

    /// Returns the factors as text: "6.0 to 11".
    pub fn shown(&self) -> String {
        let (low, high) = self.factors();
        span(low, high)
    }

    /// Returns the time of an operation at native speed, if everything but the device's latency was
    /// the guest's code, slowed down by the geometric mean of the factors. The device's own code is
    /// not slowed down, so the true time is somewhat longer.
    pub fn native_round_trip_us(&self, us: f64, latency_us: f64) -> f64 {
        let (low, high) = self.factors();
        latency_us + (us - latency_us).max(0.0) / (low * high).sqrt()
    }
}

/// Returns ", like 36 to 67 us at native speed". Empty if the guest is fast, if the scale is
/// unknown, or if the device answers at once.
pub fn as_native(scale: Option<&Scale>, latency_us: u64) -> String {
    match scale.filter(|scale| scale.is_slow() && latency_us > 0) {
        Some(scale) => {
            let (low, high) = scale.factors();
            let us = latency_us as f64;
            format!(", like {} us at native speed", span(us / high, us / low))
        }
        None => String::new(),
    }
}

/// Returns a sentence about the scale. None if the guest is fast or the scale is unknown.
pub fn sentence(scale: Option<&Scale>) -> Option<String> {
    let scale = scale.filter(|scale| scale.is_slow())?;
    let us = |ns: f64| digits(ns / 1e3);
    let Scale { native, guest } = scale;
    Some(format!(
        "The guest's code runs {} times slower than the host's (a byte through a pipe: {} us \
         natively, {} in the guest; a switch to another task and back: {} and {}). The device is \
         not slower, so percentages do not carry over to KVM",
        scale.shown(),
        us(native.pipe_ns),
        us(guest.pipe_ns),
        us(native.switch_ns),
        us(guest.switch_ns)
    ))
}

/// Formats a range. It is one number if both ends look the same.
fn span(low: f64, high: f64) -> String {
    let [low, high] = [low, high].map(digits);
    match low == high {
        true => low,
        false => format!("{low} to {high}"),
    }
}

/// Rounds a number to two digits. Even these are more than is known.
fn digits(value: f64) -> String {
    match value {
        value if value < 0.995 => format!("{value:.2}"),
        value if value < 9.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(pipe_ns: f64, switch_ns: f64) -> Pace {
        Pace { pipe_ns, switch_ns }
    }

    fn slow() -> Scale {
        Scale {
            native: pace(500.0, 3_000.0),
            guest: pace(3_000.0, 72_000.0),
        }
    }

    #[test]
    fn a_slow_guest_makes_the_device_faster() {
        assert_eq!(slow().factors(), (6.0, 24.0));
        assert_eq!(
            as_native(Some(&slow()), 400),
            ", like 17 to 67 us at native speed"
        );
        assert_eq!(
            as_native(Some(&slow()), 100),
            ", like 4.2 to 17 us at native speed"
        );
        assert_eq!(slow().native_round_trip_us(460.0, 100.0), 130.0);
        assert_eq!(slow().native_round_trip_us(90.0, 100.0), 100.0);
        let told = sentence(Some(&slow())).unwrap();
        assert!(told.contains("6.0 to 24 times slower"), "{told}");
        assert!(
            told.contains("0.50 us natively, 3.0 in the guest"),
            "{told}"
        );
        assert!(told.contains("back: 3.0 and 72)"), "{told}");
    }

    #[test]
    fn there_is_nothing_to_say_of_a_fast_one() {
        let fast = Scale {
            native: pace(500.0, 3_000.0),
            guest: pace(520.0, 3_500.0),
        };
        assert_eq!(as_native(Some(&fast), 400), "");
        assert_eq!(as_native(Some(&slow()), 0), "");
        assert_eq!(as_native(None, 400), "");
        assert_eq!((sentence(Some(&fast)), sentence(None)), (None, None));
        let once = Scale {
            native: pace(500.0, 3_000.0),
            guest: pace(5_000.0, 30_000.0),
        };
        assert_eq!(as_native(Some(&once), 400), ", like 40 us at native speed");
    }
}
