// SPDX-License-Identifier: GPL-2.0
//! Runs sockperf's ping-pong: one request in flight over a blocking socket.

use anyhow::{Context, Result, ensure};
use guest_protocol::Latency;

use crate::client;
use crate::procfs::number_after;

/// Time that sockperf leaves out of its figures at its start and end together, in seconds ("Valid
/// Duration"). It varies by a fifth of a second.
const LEFT_OUT_S: u64 = 1;

/// Returns the round trips per second and their latency. `args` give the server and the protocol.
pub fn ping_pong(args: &str, seconds: u64) -> Result<(f64, Latency)> {
    // `--no-rdtsc`: not every guest knows the frequency of the CPU's own counter.
    let time = seconds + LEFT_OUT_S;
    let args = format!("ping-pong {args} --time {time} --no-rdtsc --full-rtt");
    let said = client::run("sockperf", &args)?;
    parse(&said).with_context(|| format!("sockperf {args} printed: {said}"))
}

pub fn parse(said: &str) -> Result<(f64, Latency)> {
    let valid = line(said, "[Valid Duration]")?;
    let received: f64 = number_after(valid, "ReceivedMessages=")?;
    let seconds: f64 = number_after(valid, "RunTime=")?;
    ensure!(
        received > 0.0 && seconds > 0.0,
        "{received} replies in {seconds} s"
    );
    let dropped: f64 = number_after(line(said, "dropped messages")?, "dropped messages = ")?;
    ensure!(dropped == 0.0, "{dropped} requests had no reply");
    let percentile = |name: &str| number_after(line(said, name)?, "= ");
    let latency = Latency {
        p50_us: percentile("percentile 50.000")?,
        p99_us: percentile("percentile 99.000")?,
    };
    Ok((received / seconds, latency))
}

fn line<'a>(said: &'a str, with: &str) -> Result<&'a str> {
    let mut lines = said.lines();
    lines
        .find(|line| line.contains(with))
        .with_context(|| format!("no line contains {with:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Output of sockperf 3.7, including colours.
    const SAID: &str = "\
sockperf: \u{1b}[2;35m== version #3.7-no.git == \u{1b}[0m
sockperf[CLIENT] send on:sockperf: using recvfrom() to block on socket(s)

[ 0] IP = 198.18.0.1      PORT = 11111 # UDP
sockperf: [Total Run] RunTime=2.001 sec; Warm up time=400 msec; SentMessages=9000; ReceivedMessages=8999
sockperf: ========= Printing statistics for Server No: 0
sockperf: [Valid Duration] RunTime=1.550 sec; SentMessages=7750; ReceivedMessages=7750
sockperf: \u{1b}[2;35m====> avg-rtt=200.879 (std-dev=3.216)\u{1b}[0m
sockperf: # dropped messages = 0; # duplicated messages = 0; # out-of-order messages = 0
sockperf: ---> percentile 99.900 =  811.142
sockperf: ---> percentile 99.000 =  402.451
sockperf: ---> percentile 50.000 =  181.815
sockperf: ---> <MIN> observation =  171.701
";

    #[test]
    fn the_valid_part_counts() {
        let latency = Latency {
            p50_us: 181.815,
            p99_us: 402.451,
        };
        assert_eq!(parse(SAID).unwrap(), (5000.0, latency));
    }

    #[test]
    fn a_run_that_lost_something_or_did_nothing_is_no_outcome() {
        for (from, to) in [
            ("dropped messages = 0", "dropped messages = 1"),
            ("ReceivedMessages=7750", "ReceivedMessages=0"),
            ("percentile 99.000", "percentile 98.000"),
            ("[Valid Duration]", "[Total]"),
        ] {
            assert!(SAID.contains(from), "{from}");
            assert!(parse(&SAID.replace(from, to)).is_err(), "{from}");
        }
    }
}
