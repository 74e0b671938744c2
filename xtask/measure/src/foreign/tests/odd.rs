// SPDX-License-Identifier: GPL-2.0
//! Tables of odd fields: the place, the value (empty: the field is removed), and what the refusal
//! must say.

use super::*;

/// Checks a table. A line has a place below `parent`, JSON, and a part of the refusal.
fn all_are_refused(good: &Value, parent: &str, table: &str) {
    for line in table.trim().lines() {
        let columns: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
        let [name, value, reason] = columns[..] else {
            panic!("not three columns: {line}");
        };
        let value = (!value.is_empty()).then(|| serde_json::from_str(value).unwrap());
        is_refused(good, &format!("{parent}/{name}"), value, reason);
    }
}

fn is_refused(good: &Value, place: &str, value: Option<Value>, reason: &str) {
    let told = refused(&changed(good.clone(), place, value));
    assert!(told.contains(reason), "{place}: {told}");
}

#[test]
fn who_made_it_and_of_what() {
    let top = r#"
        schema |        2 | schema: 2 is not 1
        schema |          | schema: missing
        tree   |     null | tree: missing: the kernel was not built from
        tree   |   "1234" | tree: not a git tree hash
        tree   | "0000000000000000000000000000000000000000" | tree: the series, tree 0000
        module | "0f3a2c1b485937e9bd02c883a105028839d717b6" | cases[0].variants.as_it_comes: missing
        accel  |    "kvm" | env.accel: differs from `accel`
    "#;
    all_are_refused(&good(), "", top);
    let env = r#"
        accel      | "xen"             | env.accel: "xen" is not kvm or tcg
        cpu        | "a\nFrom: me"     | env.cpu: has the control character
        cpu        | "CPU—"            | env.cpu: '—' is not printable ASCII
        cpu        | ""                | env.cpu: empty
        qemu       | "--- a/x"         | env.qemu: begins with "---"
        host_cpus  | 0                 | env.host_cpus: 0 is not between
        rounds     | 0                 | env.rounds: 0 is not between 1
        seconds    | 0                 | env.seconds: 0 is not between
        warnings/0 | "diff --git"      | env.warnings[0]: begins with
    "#;
    all_are_refused(&good(), "/env", env);
    let scale = json!({
        "native": {"pipe_ns": 0.0, "switch_ns": 9.0},
        "guest": {"pipe_ns": 9.0, "switch_ns": 9.0},
    });
    let reason = "env.scale.native.pipe_ns: 0 is not between";
    is_refused(&good(), "/env/scale", Some(scale), reason);
    for (place, length, reason) in [
        ("cpu", 101, "env.cpu: 101 bytes, more than 100"),
        ("cpu", 61, "env.cpu: a word is longer than 60"),
    ] {
        let long = json!("x".repeat(length));
        is_refused(&good(), &format!("/env/{place}"), Some(long), reason);
    }
}

/// The module's file, in which `tree` says nothing about the module.
#[test]
fn of_which_module() {
    let module = r#"
        module                                     |       | module: missing: the source
        module                                     | "1.0" | module: not a git tree
        cases/0/variants/as_it_comes               |       | as_it_comes: missing
        cases/0/ratio/poll_source_vs_as_it_comes   |       | ratio.poll_source_vs_as_it_comes: missing
    "#;
    all_are_refused(&good_module(), "", module);
    let reason = "module: the module, tree 927e";
    is_refused(&good_module(), "/module", Some(json!(TREE)), reason);
    let io_poll = good().pointer("/cases/0/variants/io_poll").cloned();
    let reason = "cases[0].variants.io_poll: unexpected variant";
    is_refused(&good_module(), "/cases/0/variants/io_poll", io_poll, reason);
    let with_tree = changed(good_module(), "/tree", Some(json!(TREE)));
    judge(&with_tree, &known()).unwrap();
}

const BEFORE: &str = "/cases/0/variants/before";

#[test]
fn which_cases_there_are() {
    let top = r#"
        cases        | []                          | cases: nothing was measured
        cases/0/name | "x/y"                       | cases[0].name: "x/y" is not
        cases/0/name | "blk/a b@1us"               | cases[0].name:
        cases/0/name | "blk/randread@-1us"         | cases[0].name:
        cases/0/name | "blk/randread@9000000us"    | cases[0].name:
        cases/0/name | "net/udp-rr"                | cases[0].variants.busy_poll: missing
    "#;
    all_are_refused(&good(), "", top);
    let variants = r#"
        before       |                             | cases[0].variants.before: missing
        poll_source  | {"not_measured": "no time"} | cases[0].variants.poll_source.not_measured: this variant
        io_poll      | {"not_measured": "a\u001b"} | io_poll.not_measured: has the control character
    "#;
    all_are_refused(&good(), "/cases/0/variants", variants);
    let samples = good().pointer(BEFORE).cloned();
    let case = good()["cases"][0].clone();
    let reason = "cases[1].name: this case appears twice";
    is_refused(&good(), "/cases", Some(json!([case, case])), reason);
    let reason = "cases[0].variants.busy_poll: unexpected variant";
    is_refused(&good(), "/cases/0/variants/busy_poll", samples, reason);
}

#[test]
fn what_was_measured() {
    let before = r#"
        samples          | []   | before.samples: 0 samples for 8 rounds
        samples/7        |      | before.samples: 7 samples for 8 rounds
        samples/0        | -100 | samples[0]: -100 is not
        samples/0        | 0    | samples[0]: 0 is not between
        samples/0        | 1e15 | samples[0]: 1000000000000000
        irqs_per_op      | 17   | before.irqs_per_op: 17 is not between 0 and 16
        irqs_per_op      | -0.1 | before.irqs_per_op: -0.1 is not between
        irqs_per_op      |      | before.irqs_per_op: missing or not a number
        irqs_per_op      | null | before.irqs_per_op: missing or not a number
        latency_us       | {"p50": [1], "p99": [2]} | before.latency_us: needs one p50
    "#;
    all_are_refused(&good(), BEFORE, before);
    let events = json!({"halts": -1.0, "timers": 0.1, "ipis": 0.0, "context_switches": 2.0});
    let reason = "before.events_per_op.halts: -1 is not between";
    is_refused(
        &good(),
        &format!("{BEFORE}/events_per_op"),
        Some(events),
        reason,
    );
    let latency = json!({"p50": vec![9.0; 8], "p99": vec![8.0; 8]});
    let reason = "before.latency_us.p50[0]: 9 is not between 0 and 8";
    is_refused(
        &good(),
        &format!("{BEFORE}/latency_us"),
        Some(latency),
        reason,
    );
}

#[test]
fn what_was_made_of_it() {
    let ratio = r#"
        poll_source        |      | cases[0].ratio.poll_source: missing
        poll_source/median | 3.6  | ratio.poll_source.median: 3.6 is not in [1, 3.5]
        poll_source/median | null | ratio.poll_source.median: missing or not a number
        poll_source/median |      | ratio.poll_source.median: missing or not a number
        poll_source/median | -1.2 | ratio.poll_source.median: -1.2 is not between
        poll_source/hi     | 500  | ratio.poll_source.hi: 500 is not between
        poll_source/hi     | 3.9  | ratio.poll_source.lo: [1, 3.9] is wider than the range
        poll_source/pairs  | 80   | ratio.poll_source.pairs: 80, but 8 samples
        poll_source/pairs  |      | ratio.poll_source.pairs: 0 are too few
    "#;
    all_are_refused(&good(), "/cases/0/ratio", ratio);
    // The median fits its interval, but not the samples.
    let other = json!({"median": 1.5, "lo": 1.4, "hi": 1.6, "pairs": 8});
    let reason = "median: 1.5, but the samples give 1.";
    is_refused(&good(), "/cases/0/ratio/poll_source", Some(other), reason);
}
