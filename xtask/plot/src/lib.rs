// SPDX-License-Identifier: GPL-2.0
//! Draws pictures of results: gain.svg for a disk, net.svg for a network card, hosts.svg for
//! several hosts. `chart.rs` defines how a picture looks.

mod chart;

use std::path::Path;

use anyhow::Result;
use fs_err as fs;
use guest_protocol::Variant;
use measure::foreign::Foreign;
use measure::results::{Comparison, Results, latencies};
use measure::scale;

use chart::{Chart, RatioBlock, RatioRow};

/// Colour-blind readers can distinguish these colours, too.
const BLUE: &str = "#005ab5";
const ORANGE: &str = "#c85f00";
const GREY: &str = "#828282";

/// Draws a picture for each kind of device in the results, into a folder.
pub fn draw(results: &Results, dir: &Path) -> Result<()> {
    for (name, svg) in pictures(results) {
        fs::write(dir.join(name), svg)?;
    }
    Ok(())
}

/// Draws hosts.svg into a folder.
pub fn draw_hosts(hosts: &[Foreign], dir: &Path) -> Result<()> {
    fs::write(dir.join("hosts.svg"), of_hosts(hosts).draw())?;
    Ok(())
}

/// The pictures, with the name of each file.
fn pictures(results: &Results) -> Vec<(&'static str, String)> {
    let charts = [
        ("gain.svg", "IOPS", disk(results)),
        ("net.svg", "Rate", card(results)),
    ];
    let measured = charts.into_iter().filter(|(.., blocks)| !blocks.is_empty());
    measured
        .map(|(name, what, blocks)| {
            let chart = Chart {
                title: format!("{what} relative to the same wait without polling"),
                notes: format!("{}. {}", DRAWN, results.env.summary()),
                blocks,
            };
            (name, chart.draw())
        })
        .collect()
}

const DRAWN: &str = "Dot: median of paired runs; line: 95 % interval";

/// A block of rows for each device latency.
fn disk(results: &Results) -> Vec<RatioBlock> {
    let cases = results.cases.iter();
    let cases: Vec<_> = cases
        .filter_map(|case| Some((case, case.disk()?)))
        .collect();
    let block = |latency_us: u64| {
        let native = scale::as_native(results.env.scale.as_ref(), latency_us);
        let own = cases.iter().filter(|(_, (_, us))| *us == latency_us);
        RatioBlock {
            head: format!("Device latency {latency_us} us{native}"),
            rows: own
                .flat_map(|(case, (workload, _))| rows(results, case, &format!("4k {workload}")))
                .collect(),
        }
    };
    latencies(&results.cases).into_iter().map(block).collect()
}

fn card(results: &Results) -> Vec<RatioBlock> {
    let cases = results.cases.iter();
    let rows: Vec<RatioRow> = cases
        .filter_map(|case| Some((case, case.exchange()?)))
        .flat_map(|(case, exchange)| rows(results, case, exchange.name()))
        .collect();
    let head = format!(
        "Over {}",
        results.env.network.as_deref().unwrap_or("a network")
    );
    let block = RatioBlock { head, rows };
    Some(block)
        .filter(|block| !block.rows.is_empty())
        .into_iter()
        .collect()
}

/// A row for each variant that is compared with the first variant.
fn rows(results: &Results, case: &Comparison, name: &str) -> Vec<RatioRow> {
    let compared = results.design(case).into_iter();
    let compared = compared.flat_map(|design| design.variants.into_iter().skip(1));
    compared
        .map(|variant| RatioRow {
            name: name.to_owned(),
            series: variant.to_string(),
            colour: match variant {
                Variant::PollSource => BLUE,
                _ => ORANGE,
            },
            ratio: case.ratio.get(variant.name()).copied(),
        })
        .collect()
}

/// A block for each case, in the order in which the cases first appear in the hosts' results, with
/// a row for each host that has the case.
fn of_hosts(hosts: &[Foreign]) -> Chart {
    let mut names: Vec<&str> = Vec::new();
    for case in hosts.iter().flat_map(|host| &host.results.cases) {
        if !names.contains(&case.name.as_str()) {
            names.push(&case.name);
        }
    }
    let block = |name: &str| {
        let rows = hosts.iter().filter_map(|host| {
            let case = host.results.cases.iter().find(|case| case.name == name)?;
            Some(RatioRow {
                name: host.host.clone(),
                series: host.results.accel.clone(),
                colour: match host.results.accel.as_str() {
                    "kvm" => BLUE,
                    _ => GREY,
                },
                ratio: case.ratio.get(Variant::PollSource.name()).copied(),
            })
        });
        RatioBlock {
            head: name.to_owned(),
            rows: rows.collect(),
        }
    };
    Chart {
        title: "poll_source relative to the same wait without polling".into(),
        notes: format!("{DRAWN}. TCG's percentages do not carry over to KVM."),
        blocks: names.into_iter().map(block).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(value: serde_json::Value) -> Results {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn each_variant_has_a_row_in_each_case() {
        let series = pictures(&results(measure::sample::results()));
        let module = measure::sample::of_module(measure::sample::results());
        for (pictures, peer) in [
            (series, "io_poll"),
            (pictures(&results(module)), "as_it_comes"),
        ] {
            let [(name, svg)] = &pictures[..] else {
                panic!("{pictures:?}");
            };
            assert_eq!(*name, "gain.svg");
            for part in [
                "Device latency 0 us",
                "4k randread",
                "poll_source",
                peer,
                "3.30 [",
            ] {
                assert!(svg.contains(part), "{part:?} is missing from\n{svg}");
            }
            assert_eq!(svg.matches("<circle").count(), 2);
        }
    }

    #[test]
    fn each_host_has_a_row_in_each_case() {
        let host = |name: &str| Foreign {
            host: name.into(),
            results: results(measure::sample::results()),
        };
        let svg = of_hosts(&[host("epyc"), host("laptop")]).draw();
        assert_eq!(svg.matches("blk/randread@0us").count(), 1);
        assert!(svg.contains("epyc") && svg.contains("laptop"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 2);
    }

    /// README.md shows gain.svg, and c-shim/results/README.md shows net.svg.
    #[test]
    fn saved_pictures_are_those_of_the_saved_results() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../c-shim/results/stock-7.3");
        for (device, picture) in [("blk", "gain.svg"), ("net", "net.svg")] {
            let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
            let results = serde_json::from_str(&read(&format!("{device}.json"))).unwrap();
            let drawn = pictures(&results);
            let (_, svg) = drawn.iter().find(|(name, _)| *name == picture).unwrap();
            assert!(
                read(picture) == *svg,
                "{picture} is stale; `cargo run -p plot -- c-shim/results/stock-7.3/{device}.json \
                 c-shim/results/stock-7.3` renews it"
            );
        }
    }
}
