// SPDX-License-Identifier: GPL-2.0
//! Odd files: each is good except for one field, and the refusal must name that field.

mod odd;

use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use toolbox::fault::{Kind as Fault, kind_of};

const TREE: &str = "927e7a29485937e9bd02c883a105028839d717b6";
const MODULE: &str = "0f3a2c1b485937e9bd02c883a105028839d717b6";

/// A file that a host might send.
fn good() -> Value {
    let mut results = crate::sample::results();
    results["tree"] = json!(TREE);
    results
}

fn good_module() -> Value {
    let mut results = crate::sample::of_module(good());
    results["module"] = json!(MODULE);
    results
}

fn known() -> Vec<Origin> {
    let of = |form, tree: &str| Origin {
        form,
        tree: tree.into(),
    };
    vec![of(Form::Series, TREE), of(Form::Module, MODULE)]
}

/// Returns the file with another value at `place`. None removes the field.
fn changed(mut results: Value, place: &str, value: Option<Value>) -> String {
    let (parent, name) = place.rsplit_once('/').unwrap();
    let parent = results.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(fields), Some(value)) => drop(fields.insert(name.into(), value)),
        (Value::Object(fields), None) => drop(fields.remove(name)),
        (Value::Array(values), Some(value)) => values[name.parse::<usize>().unwrap()] = value,
        (Value::Array(values), None) => drop(values.remove(name.parse().unwrap())),
        (other, _) => panic!("{place}: {other}"),
    }
    results.to_string()
}

fn refused(text: &str) -> String {
    judge(text, &known()).expect_err(text).to_string()
}

#[test]
fn a_good_file_is_taken() {
    let results = judge(&good().to_string(), &known()).unwrap();
    assert_eq!(results.cases[0].ratio["poll_source"].median, 1.11);
    judge(&good().to_string(), &[]).unwrap();
    let results = judge(&good_module().to_string(), &known()).unwrap();
    assert_eq!(results.cases[0].ratio["as_it_comes"].median, 3.3);
    let not_measured = json!({"not_measured": "the queue says io_poll=0"});
    let without = changed(good(), "/cases/0/variants/io_poll", Some(not_measured));
    judge(&without, &known()).unwrap();
}

#[test]
fn what_is_no_results_file_at_all_is_refused() {
    for text in ["", "{", "[]", "null", "\"schema\"", "{\"schema\": 1}"] {
        refused(text);
    }
    assert!(refused(&good().to_string().replace("0.4091", "1e999")).contains("out of range"));
}

/// Writes the files of several hosts, and reads them in this order.
fn read_files(files: &[(&str, Value)]) -> Result<Vec<Foreign>> {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = files
        .iter()
        .map(|(name, value)| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, value.to_string()).unwrap();
            path
        })
        .collect();
    read_all(&paths, &[])
}

/// The good file with other samples: all are multiplied by one factor.
fn other_host() -> Value {
    other_samples(good())
}

fn other_samples(mut results: Value) -> Value {
    let variants = results["cases"][0]["variants"].as_object_mut().unwrap();
    for outcome in variants.values_mut() {
        for sample in outcome["samples"].as_array_mut().unwrap() {
            *sample = json!(sample.as_f64().unwrap() * 2.0);
        }
    }
    results
}

#[test]
fn hosts_are_named_by_their_files() {
    let hosts = read_files(&[("a.json", good()), ("b.json", other_host())]).unwrap();
    let names: Vec<&str> = hosts.iter().map(|it| it.host.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
}

/// The module is the same on every distribution's kernel.
#[test]
fn hosts_of_the_module_may_have_other_kernels() {
    let mut other = other_samples(good_module());
    other["env"]["kernel"] = json!("6.12.117+deb13-amd64");
    read_files(&[("a.json", good_module()), ("b.json", other)]).unwrap();
}

#[test]
fn reports_are_about_one_source_and_several_hosts() {
    let mut other_tree = other_host();
    other_tree["tree"] = json!("1".repeat(40));
    let cases = [
        (
            ("b.json", other_tree),
            "b.json: these results are of the series, tree 1111",
        ),
        (
            ("b.json", other_samples(good_module())),
            "b.json: these results are of the module, tree 0f3a2c1b",
        ),
        (
            ("b.json", good()),
            "b.json: cases: the samples are the same as in ",
        ),
        (
            ("b/a.json", other_host()),
            "has the same host name: rename one",
        ),
        (("a\u{1b}.json", other_host()), "the file's name: "),
        (
            ("b.json", json!({"schema": 7})),
            "b.json: schema: 7 is not 1",
        ),
    ];
    for (file, reason) in cases {
        let refused = read_files(&[("a.json", good()), file]).expect_err(reason);
        assert!(refused.to_string().contains(reason), "{reason}: {refused}");
        assert_eq!(kind_of(&refused), Fault::Usage);
    }
}

/// Results that this project saved must be accepted as if they came from another host. Exception:
/// older results of the module, which do not name its source.
#[test]
fn saved_results_pass_as_a_foreign_hosts() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../c-shim/results");
    let mut seen = 0;
    for line in fs::read_dir(root).unwrap() {
        for device in ["blk", "net"] {
            let path = line.as_ref().unwrap().path().join(format!("{device}.json"));
            if path.is_file() {
                let saved = judge::read(&path).unwrap();
                match (read(&path, &[]), saved.origin()) {
                    (taken, Some(_)) => seen += usize::from(taken.unwrap().host == device),
                    (taken, None) => {
                        let refused = taken.expect_err("there is no source").to_string();
                        assert!(refused.contains("module: missing: the source"), "{refused}");
                    }
                }
            }
        }
    }
    assert!(seen > 0, "no results are saved");
}
