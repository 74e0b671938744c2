// SPDX-License-Identifier: GPL-2.0
//! How much slower the guest's code is than the host's own, and what a device's latency corresponds
//! to at native speed. TCG slows down guest code but not the device: a device of 400 us behind a
//! guest that is 30 times slower meets as much code as one of 13 us would on real hardware.

use guest_protocol::pace;
use serde::{Deserialize, Serialize};

/// Guest code that is slower than this is worth a word; with KVM it is about as fast as the host's.
const WORTH_A_WORD: f64 = 1.5;

/// The same work on the host and in the guest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// A byte's way through a pipe on the host, in ns.
    pub native_ns: f64,
    /// The same in the guest.
    pub guest_ns: f64,
}

/// The host's half; None where it has no pipes to spare.
pub fn native_ns() -> Option<f64> {
    pace::pipe_ns().ok()
}

impl Scale {
    /// None unless both halves are known.
    pub fn of(native_ns: Option<f64>, guest_ns: Option<f64>) -> Option<Scale> {
        Some(Scale {
            native_ns: native_ns?,
            guest_ns: guest_ns?,
        })
    }

    pub fn factor(&self) -> f64 {
        self.guest_ns / self.native_ns
    }

    /// Whether figures of this guest have to be read with the factor in mind.
    pub fn is_slow(&self) -> bool {
        self.factor() >= WORTH_A_WORD
    }

    /// What a device of this latency is to the guest, as if the guest ran at native speed.
    pub fn native_us(&self, us: f64) -> f64 {
        us / self.factor()
    }

    /// What an operation would take at native speed if all but the device's latency were the
    /// guest's code. The device's own code is not, so that it is somewhat more.
    pub fn native_round_trip_us(&self, us: f64, latency_us: f64) -> f64 {
        latency_us + (us - latency_us).max(0.0) / self.factor()
    }
}

/// ", as 13 us would be"; nothing where the guest is fast, not known, or the device answers at once.
pub fn as_native(scale: Option<&Scale>, latency_us: u64) -> String {
    match scale.filter(|scale| scale.is_slow() && latency_us > 0) {
        Some(scale) => format!(
            ", as {} us would be",
            digits(scale.native_us(latency_us as f64))
        ),
        None => String::new(),
    }
}

/// "TCG runs the guest's code 31 times slower than the host runs its own".
pub fn sentence(scale: Option<&Scale>) -> Option<String> {
    let scale = scale.filter(|scale| scale.is_slow())?;
    Some(format!(
        "The guest's code runs {} times slower than the host's (a byte through a pipe: {:.2} us \
         natively, {:.1} in the guest), the device no slower; percentages do not carry over",
        digits(scale.factor()),
        scale.native_ns / 1e3,
        scale.guest_ns / 1e3
    ))
}

/// Two digits are more than is known.
fn digits(value: f64) -> String {
    match value {
        value if value < 9.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Scale = Scale {
        native_ns: 500.0,
        guest_ns: 15_500.0,
    };

    #[test]
    fn a_slow_guest_makes_the_device_faster() {
        assert_eq!(SLOW.factor(), 31.0);
        assert_eq!(as_native(Some(&SLOW), 400), ", as 13 us would be");
        assert_eq!(as_native(Some(&SLOW), 100), ", as 3.2 us would be");
        assert_eq!(SLOW.native_round_trip_us(410.0, 100.0), 110.0);
        assert_eq!(SLOW.native_round_trip_us(90.0, 100.0), 100.0);
        let told = sentence(Some(&SLOW)).unwrap();
        assert!(told.contains("31 times slower") && told.contains("0.50 us natively, 15.5 in"));
    }

    #[test]
    fn there_is_nothing_to_say_of_a_fast_one() {
        let fast = Scale {
            native_ns: 500.0,
            guest_ns: 520.0,
        };
        assert_eq!(as_native(Some(&fast), 400), "");
        assert_eq!(as_native(Some(&SLOW), 0), "");
        assert_eq!(as_native(None, 400), "");
        assert_eq!((sentence(Some(&fast)), sentence(None)), (None, None));
        assert_eq!(Scale::of(Some(1.0), None), None);
    }

    #[test]
    fn the_hosts_half_is_measured_here() {
        assert!(native_ns().unwrap() > 0.0);
    }
}
