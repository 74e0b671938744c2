// SPDX-License-Identifier: GPL-2.0
//! The disk's tables, one set for each device latency.

use std::fmt::Write as _;

use crate::bench::table::{self, Named};
use measure::results::{BLK, BlkCase, Design};

/// All tables of one device latency. `shape` describes the jobs.
pub fn of_latency(latency_us: u64, shape: &str, cases: &[&BlkCase]) -> String {
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
    let _ = writeln!(text, "## Device latency {latency_us} us\n");
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
    for note in table::notes(&rows) {
        let _ = writeln!(text, "{note}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::blk::cases::{cases, tests::two_rounds};

    #[test]
    fn the_tables_of_two_rounds() {
        let cases = cases(100, &two_rounds());
        let text = of_latency(100, "numjobs=1", &[&cases[0]]);
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

"
        );
    }

    #[test]
    fn what_was_not_measured_is_a_dash_and_a_note() {
        let mut runs = two_rounds();
        runs[2].queue_polls = false;
        let text = of_latency(100, "numjobs=1", &[&cases(100, &runs)[0]]);
        assert!(text.contains("| 1800 (+20%) |       - |"), "{text}");
        assert!(text.contains("io_poll not measured: the queue says io_poll=0"));
    }
}
