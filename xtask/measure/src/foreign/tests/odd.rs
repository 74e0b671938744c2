// SPDX-License-Identifier: GPL-2.0
//! One odd field each: where, what (None: gone), and what the refusal must say.

use super::*;

type Odd<'a> = (&'a str, &'a str, Option<Value>, &'a str);

fn all_are_refused(odd: &[Odd]) {
    for (parent, name, value, reason) in odd {
        let place = format!("{parent}/{name}");
        let told = refused(&with(&place, value.clone()));
        assert!(told.contains(reason), "{place}: {told}");
    }
}

#[test]
fn who_made_it_and_of_what() {
    let endless = "x".repeat(5000);
    all_are_refused(&[
        ("", "schema", Some(json!(2)), "schema: 2 is not 1"),
        ("", "schema", None, "schema: missing"),
        (
            "",
            "tree",
            Some(json!(null)),
            "tree: the kernel was not made by",
        ),
        (
            "",
            "tree",
            Some(json!("1234")),
            "tree: this is no git tree hash",
        ),
        ("", "tree", Some(json!("0".repeat(40))), "tree: 0000"),
        (
            "",
            "accel",
            Some(json!("kvm")),
            "env.accel: not what `accel` says",
        ),
        (
            "/env",
            "accel",
            Some(json!("xen")),
            "env.accel: \"xen\" is not kvm or tcg",
        ),
        (
            "/env",
            "cpu",
            Some(json!("a\nFrom: me")),
            "env.cpu: has the control character",
        ),
        (
            "/env",
            "cpu",
            Some(json!("CPU\u{2014}")),
            "env.cpu: '\u{2014}' is not to be printed",
        ),
        ("/env", "cpu", Some(json!("")), "env.cpu: empty"),
        (
            "/env",
            "cpu",
            Some(json!("x".repeat(101))),
            "env.cpu: 101 bytes, more than 100",
        ),
        (
            "/env",
            "cpu",
            Some(json!("x".repeat(61))),
            "env.cpu: a word of more than 60",
        ),
        (
            "/env",
            "qemu",
            Some(json!("--- a/x")),
            "env.qemu: a mail takes \"---\"",
        ),
        (
            "/env",
            "host_cpus",
            Some(json!(0)),
            "env.host_cpus: 0 is not within",
        ),
        (
            "/env",
            "rounds",
            Some(json!(0)),
            "env.rounds: 0 is not within 8",
        ),
        (
            "/env",
            "rounds",
            Some(json!(-8)),
            "invalid value: integer `-8`",
        ),
        (
            "/env",
            "seconds",
            Some(json!(0)),
            "env.seconds: 0 is not within",
        ),
        (
            "/env",
            "scale",
            Some(json!({
                "native": {"pipe_ns": 0.0, "switch_ns": 9.0},
                "guest": {"pipe_ns": 9.0, "switch_ns": 9.0},
            })),
            "env.scale.native.pipe_ns: 0 is not within",
        ),
        (
            "/env",
            "scale",
            Some(json!({"native": {"pipe_ns": 1.0, "switch_ns": 9.0}})),
            "missing field `guest`",
        ),
        (
            "/env/warnings",
            "0",
            Some(json!("diff --git")),
            "env.warnings[0]: a mail takes",
        ),
        (
            "/env/guest",
            "cmdline",
            Some(json!(endless)),
            "env.guest.cmdline: 5000 bytes of text",
        ),
    ]);
}

const FIRST: &str = "/cases/0";
const BEFORE: &str = "/cases/0/variants/before";

#[test]
fn what_was_measured() {
    all_are_refused(&[
        ("", "cases", Some(json!([])), "cases: nothing was measured"),
        ("", "cases", None, "missing field `cases`"),
        (
            FIRST,
            "name",
            Some(json!("x/y")),
            "cases[0].name: \"x/y\" is not",
        ),
        (FIRST, "name", Some(json!("blk/a b@1us")), "cases[0].name: "),
        (
            FIRST,
            "name",
            Some(json!("blk/randread@-1us")),
            "cases[0].name: ",
        ),
        (
            FIRST,
            "name",
            Some(json!("blk/randread@9000000us")),
            "cases[0].name: ",
        ),
        (
            FIRST,
            "name",
            Some(json!("net/udp-rr")),
            "cases[0].variants.busy_poll: missing",
        ),
        (
            "/cases/0/variants",
            "before",
            None,
            "cases[0].variants.before: missing",
        ),
        (
            "/cases/0/variants",
            "poll_source",
            Some(json!({"not_measured": "no time"})),
            "cases[0].variants.poll_source.not_measured: it has to be",
        ),
        (
            "/cases/0/variants",
            "io_poll",
            Some(json!({"not_measured": "a\u{1b}[2J"})),
            "io_poll.not_measured: has the control character",
        ),
        (
            "/cases/0/variants",
            "busy_poll",
            good().pointer(BEFORE).cloned(),
            "cases[0].variants.busy_poll: not of this device",
        ),
        (
            BEFORE,
            "samples",
            Some(json!([])),
            "before.samples: 0 of 8 rounds",
        ),
        (
            "/cases/0/variants/before/samples",
            "7",
            None,
            "before.samples: 7 of 8 rounds",
        ),
        (
            "/cases/0/variants/before/samples",
            "0",
            Some(json!(-100.0)),
            "samples[0]: -100 is not",
        ),
        (
            "/cases/0/variants/before/samples",
            "0",
            Some(json!(0)),
            "samples[0]: 0 is not within",
        ),
        (
            "/cases/0/variants/before/samples",
            "0",
            Some(json!(1e15)),
            "samples[0]: 1000000000000000",
        ),
        (
            BEFORE,
            "irqs_per_op",
            Some(json!(17.0)),
            "before.irqs_per_op: 17 is not within 0 and 16",
        ),
        (
            BEFORE,
            "irqs_per_op",
            Some(json!(-0.1)),
            "before.irqs_per_op: -0.1 is not within",
        ),
        (
            BEFORE,
            "irqs_per_op",
            None,
            "before.irqs_per_op: missing or no number",
        ),
        (
            BEFORE,
            "irqs_per_op",
            Some(json!(null)),
            "before.irqs_per_op: missing or no number",
        ),
        (
            BEFORE,
            "tx_irqs_per_op",
            Some(json!(1.5)),
            "before.tx_irqs_per_op: 1.5 is not within 0 and 1",
        ),
        (
            "/cases/0/variants/before/cpu_percent",
            "idle",
            Some(json!(99.0)),
            "before.cpu_percent (sum): 149 is not within",
        ),
        (
            "/cases/0/variants/before/cpu_percent",
            "user",
            Some(json!(-1.0)),
            "before.cpu_percent: -1 is not within",
        ),
        (
            BEFORE,
            "events_per_op",
            Some(json!({"halts": -1.0, "timers": 0.1, "ipis": 0.0, "context_switches": 2.0})),
            "before.events_per_op.halts: -1 is not within",
        ),
        (
            BEFORE,
            "latency_us",
            Some(json!({"p50": vec![9.0; 8], "p99": vec![8.0; 8]})),
            "before.latency_us.p50[0]: 9 is not within 0 and 8",
        ),
        (
            BEFORE,
            "latency_us",
            Some(json!({"p50": [1.0], "p99": [2.0]})),
            "before.latency_us: not one of each round",
        ),
    ]);
}

#[test]
fn what_was_made_of_it() {
    let ratio = "/cases/0/ratio/poll_source";
    all_are_refused(&[
        (
            "/cases/0/ratio",
            "poll_source",
            None,
            "cases[0].ratio.poll_source: missing",
        ),
        (
            ratio,
            "median",
            Some(json!(1.3)),
            "ratio.poll_source.median: 1.3 is not in [1.2, 1.2]",
        ),
        (
            ratio,
            "median",
            Some(json!(null)),
            "ratio.poll_source.median: missing or no number",
        ),
        (
            ratio,
            "median",
            None,
            "ratio.poll_source.median: missing or no number",
        ),
        (
            ratio,
            "median",
            Some(json!(-1.2)),
            "ratio.poll_source.median: -1.2 is not within",
        ),
        (
            ratio,
            "hi",
            Some(json!(500.0)),
            "ratio.poll_source.hi: 500 is not within",
        ),
        (
            ratio,
            "hi",
            Some(json!(1.9)),
            "ratio.poll_source.lo: [1.2, 1.9] is wider than the pairs",
        ),
        (
            ratio,
            "pairs",
            Some(json!(80)),
            "ratio.poll_source.pairs: 80, but 8 samples",
        ),
        (
            ratio,
            "pairs",
            None,
            "ratio.poll_source.pairs: 0, but 8 samples",
        ),
    ]);
}
