// SPDX-License-Identifier: GPL-2.0
//! The one measurement of polling under KVM there is: the cover letter of the 2021 RFC. The
//! prediction must come near it.

use crate::{Counts, Event, Prediction, Setting, predict, saved};

pub const TITLE: &str = "Hajnoczi: [RFC 0/3] cpuidle: add poll_source API and virtio vq polling";
pub const ADDRESS: &str = "https://lkml.iu.edu/hypermail/linux/kernel/2107.1/07394.html";

/// Each with one request at a time, a vCPU and a queue.
const JOBS: f64 = 4.0;

/// A line of the RFC's table: IOPS of all jobs.
#[derive(Clone, Copy, Debug)]
pub struct RfcLine {
    pub workload: &'static str,
    pub before: f64,
    pub polled: f64,
}

pub const LINES: [RfcLine; 3] = [
    RfcLine {
        workload: "4k randread",
        before: 167_102.0,
        polled: 186_049.0,
    },
    RfcLine {
        workload: "4k randwrite",
        before: 162_204.0,
        polled: 181_214.0,
    },
    RfcLine {
        workload: "4k randrw",
        before: 159_520.0,
        polled: 177_071.0,
    },
];

impl RfcLine {
    /// Of one request without polling, in ns.
    pub fn round_trip(&self) -> f64 {
        JOBS * 1e9 / self.before
    }

    pub fn gain(&self) -> f64 {
        self.polled / self.before
    }

    /// In ns.
    pub fn saved(&self) -> f64 {
        saved(self.round_trip(), self.gain())
    }

    /// Haltpoll waits in both cases, so a request costs one interrupt before and none polled.
    pub fn predicted(&self, setting: Setting) -> Prediction {
        let before = Counts {
            device_interrupts: 1.0,
            ..Counts::default()
        };
        predict(&before, &Counts::default(), self.round_trip(), setting)
            .expect("one interrupt and none are counts")
    }
}

/// What a reader of the comparison must know.
pub fn remarks() -> String {
    let missing: Vec<String> = Event::ALL
        .into_iter()
        .filter(|event| !matches!(event, Event::DeviceInterrupt | Event::EndOfInterrupt))
        .map(|event| event.to_string())
        .collect();
    format!(
        "The RFC does not say whether its host posted interrupts. The prediction counts one device \
         interrupt a request before and none polled; it takes these to be the same in both: {}. \
         Without posted interrupts the range holds all three measured gains. With them its upper \
         end is reached: two are inside, randwrite is 0.4 points above. What it leaves out \
         explains that: the guest's own code between the vector and the completion, and the \
         iothread's system call for each interrupt, which polling saves as well and for which no \
         figure was found.",
        missing.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 23.9 us become 21.5: 11 %.
    #[test]
    fn the_setting_is_the_rfcs() {
        let read = LINES[0];
        assert!((read.round_trip() / 1e3 - 23.9).abs() < 0.05);
        assert!(((read.round_trip() - read.saved()) / 1e3 - 21.5).abs() < 0.05);
        for line in LINES {
            assert!((1.105..1.12).contains(&line.gain()), "{line:?}");
            assert!((2_400.0..2_600.0).contains(&line.saved()), "{line:?}");
        }
    }

    #[test]
    fn without_posted_interrupts_the_prediction_holds_what_was_measured() {
        for line in LINES {
            let gain = line.predicted(Setting::NotPosted).gain;
            assert!(gain.contains(line.gain()), "{line:?}: {gain:?}");
        }
    }

    /// `remarks` says so in words.
    #[test]
    fn with_posted_interrupts_it_comes_near() {
        let inside = |line: &&RfcLine| line.predicted(Setting::Posted).gain.contains(line.gain());
        assert_eq!(LINES.iter().filter(inside).count(), 2);
        let write = LINES[1];
        let above = write.gain() - write.predicted(Setting::Posted).gain.high;
        assert!((0.0035..0.0045).contains(&above), "{above}");
    }
}
