// SPDX-License-Identifier: GPL-2.0
//! The disk's tables, one set for each device latency.

use std::fmt::Write as _;

use crate::bench::table;
use measure::events::{self, Named};
use measure::results::{BLK, BlkCase, Design};
use measure::scale::{self, Scale};
use measure::table::render;

/// What the tables of one device latency have in common.
pub struct About<'a> {
    pub latency_us: u64,
    pub jobs: u32,
    /// The jobs in words.
    pub shape: &'a str,
    pub scale: Option<&'a Scale>,
}

/// All tables of one device latency.
pub fn of_latency(about: &About, cases: &[&BlkCase]) -> String {
    let &About {
        latency_us,
        jobs,
        shape,
        scale,
    } = about;
    let rows: Vec<Named> = cases
        .iter()
        .map(|blk| (blk.workload.to_string(), &blk.case))
        .collect();
    let with_size: Vec<Named> = rows
        .iter()
        .map(|(name, case)| (format!("4k {name}"), *case))
        .collect();
    let kind = Design::of_cases(cases.iter().map(|blk| &blk.case), &BLK);
    let mut text = String::new();
    let native = scale::as_native(scale, latency_us);
    let _ = writeln!(text, "## Device latency {latency_us} us{native}\n");
    let iops = table::rates(&with_size, kind, |iops, _| format!("{iops:.0}"));
    let _ = writeln!(text, "IOPS ({shape})\n\n{iops}");
    let _ = writeln!(
        text,
        "Paired ratios, median [95 % interval], and interrupts per operation\n\n{}",
        table::ratios(&rows, kind, "op", |samples| format!(
            "{:.3}",
            samples.irqs_per_op
        ))
    );
    let _ = writeln!(
        text,
        "Guest time on the jobs' processors, %\n\n{}",
        table::cpu(&rows, kind)
    );
    text += &table::events(&rows, kind);
    if let Some(predicted) = events::predicted(&rows, latency_us, jobs, scale) {
        let _ = writeln!(
            text,
            "What poll_source should gain under KVM: these events at published costs\n\n{}",
            render(&predicted)
        );
    }
    for note in table::notes(&rows) {
        let _ = writeln!(text, "{note}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::blk::cases::{cases, tests::two_rounds};
    use guest_protocol::Pace;

    const SCALE: Scale = Scale {
        native: Pace {
            pipe_ns: 500.0,
            switch_ns: 3_000.0,
        },
        guest: Pace {
            pipe_ns: 10_000.0,
            switch_ns: 135_000.0,
        },
    };

    fn about(scale: Option<&Scale>) -> About<'_> {
        About {
            latency_us: 100,
            jobs: 1,
            shape: "numjobs=1",
            scale,
        }
    }

    #[test]
    fn the_tables_of_two_rounds() {
        let cases = cases(100, &two_rounds());
        let text = of_latency(&about(None), &[&cases[0]]);
        assert_eq!(
            text,
            "\
## Device latency 100 us

IOPS (numjobs=1)

|             | before | poll_source |     io_poll |
|-------------|-------:|------------:|------------:|
| 4k randread |   1500 | 1800 (+20%) | 2250 (+50%) |

Paired ratios, median [95 % interval], and interrupts per operation

|          | poll_source/before |    io_poll/before | poll_source/io_poll | irqs/op before | irqs/op poll_source | irqs/op io_poll |
|----------|-------------------:|------------------:|--------------------:|---------------:|--------------------:|----------------:|
| randread |  1.20 [1.20, 1.20] | 1.50 [1.50, 1.50] |   0.80 [0.80, 0.80] |          1.000 |               0.020 |           0.000 |

Guest time on the jobs' processors, %

|          |     variant | idle |  irq | softirq | system | user |
|----------|------------:|-----:|-----:|--------:|-------:|-----:|
| randread |      before | 50.0 | 10.0 |     0.0 |   30.0 | 10.0 |
| randread | poll_source | 50.0 | 10.0 |     0.0 |   30.0 | 10.0 |
| randread |     io_poll | 50.0 | 10.0 |     0.0 |   30.0 | 10.0 |

Events per operation, on the processors that do the work

|          |     variant | device irqs | halts | timer irqs |  IPIs | context switches |
|----------|------------:|------------:|------:|-----------:|------:|-----------------:|
| randread |      before |       1.000 | 0.100 |      0.250 | 0.000 |            2.000 |
| randread | poll_source |       0.020 | 0.100 |      0.250 | 0.000 |            2.000 |
| randread |     io_poll |       0.000 | 0.100 |      0.250 | 0.000 |            2.000 |

"
        );
    }

    #[test]
    fn a_slow_guest_is_told_of_and_its_events_are_priced() {
        let text = of_latency(&about(Some(&SCALE)), &[&cases(100, &two_rounds())[0]]);
        for part in [
            "## Device latency 100 us, as 2.2 to 5.0 us would be\n",
            "What poll_source should gain under KVM",
            "| randread |           118.9 us |           1.01 to 1.02 |              1.01 to 1.03 | 1.01 to 1.44 |",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }

    #[test]
    fn what_was_not_measured_is_a_dash_and_a_note() {
        let mut runs = two_rounds();
        runs[2].queue_polls = false;
        let text = of_latency(&about(None), &[&cases(100, &runs)[0]]);
        assert!(text.contains("| 1800 (+20%) |       - |"), "{text}");
        assert!(text.contains("io_poll not measured: the queue says io_poll=0"));
    }
}
