// SPDX-License-Identifier: GPL-2.0
//! How much slower the guest's code is than the host's own, and what a device's latency corresponds
//! to at native speed. TCG slows down guest code but not the device: a device of 400 us behind a
//! guest that is 10 times slower meets as much code as one of 40 us would on real hardware. It is a
//! range, because TCG slows down some code more than other code (`guest_protocol::pace`).

use guest_protocol::Pace;
use serde::{Deserialize, Serialize};

/// Guest code that is slower than this is worth a word; with KVM it is about as fast as the host's.
const WORTH_A_WORD: f64 = 1.5;

/// The same work on the host and in the guest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    pub native: Pace,
    pub guest: Pace,
}

impl Scale {
    /// None unless both halves are known.
    pub fn of(native: Option<Pace>, guest: Option<Pace>) -> Option<Scale> {
        Some(Scale {
            native: native?,
            guest: guest?,
        })
    }

    /// How many times slower the guest is, at least and at most.
    pub fn factors(&self) -> (f64, f64) {
        let pipe = self.guest.pipe_ns / self.native.pipe_ns;
        let switch = self.guest.switch_ns / self.native.switch_ns;
        (pipe.min(switch), pipe.max(switch))
    }

    /// Whether figures of this guest have to be read with the factors in mind.
    pub fn is_slow(&self) -> bool {
        self.factors().0 >= WORTH_A_WORD
    }

    /// "6 to 11"
    pub fn shown(&self) -> String {
        let (low, high) = self.factors();
        span(low, high)
    }

    /// What an operation would take at native speed if all but the device's latency were the
    /// guest's code, slowed down by the factor in the middle. The device's own code is not slower,
    /// so that it is somewhat more.
    pub fn native_round_trip_us(&self, us: f64, latency_us: f64) -> f64 {
        let (low, high) = self.factors();
        latency_us + (us - latency_us).max(0.0) / (low * high).sqrt()
    }
}

/// ", as 36 to 67 us would be"; nothing where the guest is fast, not known, or the device answers at
/// once.
pub fn as_native(scale: Option<&Scale>, latency_us: u64) -> String {
    match scale.filter(|scale| scale.is_slow() && latency_us > 0) {
        Some(scale) => {
            let (low, high) = scale.factors();
            let us = latency_us as f64;
            format!(", as {} us would be", span(us / high, us / low))
        }
        None => String::new(),
    }
}

/// None where the guest is fast or not known.
pub fn sentence(scale: Option<&Scale>) -> Option<String> {
    let scale = scale.filter(|scale| scale.is_slow())?;
    let us = |ns: f64| digits(ns / 1e3);
    let Scale { native, guest } = scale;
    Some(format!(
        "The guest's code runs {} times slower than the host's (a byte through a pipe: {} us \
         natively, {} in the guest; to another task and back: {} and {}), the device no slower; \
         percentages do not carry over",
        scale.shown(),
        us(native.pipe_ns),
        us(guest.pipe_ns),
        us(native.switch_ns),
        us(guest.switch_ns)
    ))
}

/// Once where both read the same.
fn span(low: f64, high: f64) -> String {
    let [low, high] = [low, high].map(digits);
    match low == high {
        true => low,
        false => format!("{low} to {high}"),
    }
}

/// Two digits are more than is known.
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
        assert_eq!(as_native(Some(&slow()), 400), ", as 17 to 67 us would be");
        assert_eq!(as_native(Some(&slow()), 100), ", as 4.2 to 17 us would be");
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
        assert_eq!(Scale::of(Some(pace(1.0, 2.0)), None), None);
        let once = Scale {
            native: pace(500.0, 3_000.0),
            guest: pace(5_000.0, 30_000.0),
        };
        assert_eq!(as_native(Some(&once), 400), ", as 40 us would be");
    }
}
