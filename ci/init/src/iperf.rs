// SPDX-License-Identifier: GPL-2.0
//! Runs iperf3 with one TCP stream. Leaves out the first second, in which the window opens.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::client;

/// Returns the payload that arrived, in bits per second. `args` give the server and the direction
/// of the stream.
pub fn stream(args: &str, seconds: u64) -> Result<f64> {
    let args = format!("--client {args} --time {seconds} --omit 1 --json");
    let said = client::run("iperf3", &args)?;
    parse(&said).with_context(|| format!("iperf3 {args}"))
}

#[derive(Deserialize)]
struct IperfOutput {
    end: Option<IperfEnd>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct IperfEnd {
    sum_received: Option<IperfSum>,
}

#[derive(Deserialize)]
struct IperfSum {
    bits_per_second: f64,
}

pub fn parse(said: &str) -> Result<f64> {
    let output: IperfOutput =
        serde_json::from_str(said).with_context(|| format!("parsing {said:?}"))?;
    if let Some(error) = output.error {
        bail!("{error}");
    }
    let received = output.end.and_then(|end| end.sum_received);
    let rate = received
        .context("iperf3 reports no sum_received")?
        .bits_per_second;
    ensure!(rate > 0.0, "iperf3 received nothing");
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrived_counts() {
        let said = r#"{ "start": {}, "end": { "sum_sent": { "bits_per_second": 9e8 },
            "sum_received": { "seconds": 2.0, "bits_per_second": 8.5e8 } } }"#;
        assert_eq!(parse(said).unwrap(), 8.5e8);
    }

    #[test]
    fn an_error_or_nothing_is_no_outcome() {
        for said in [
            r#"{ "end": {}, "error": "unable to connect" }"#,
            r#"{ "end": {} }"#,
            r#"{ "end": { "sum_received": { "bits_per_second": 0 } } }"#,
            "iperf3: not JSON",
        ] {
            assert!(parse(said).is_err(), "{said}");
        }
    }
}
