// SPDX-License-Identifier: GPL-2.0
//! A job for LAVA, the scheduler of KernelCI's labs: boots a kernel and an initramfs with the
//! scenario `smoke` in QEMU, and judges what the guest's init reports. `job.yaml` is the job but for
//! what differs from one to the next; [`definition`] fills that in.
//!
//! A lab sees one serial line, so QEMU puts the guest's two (the kernel's console, ttyS0, and the
//! reports of the init, ttyS1) on one. The disks need no files of the lab: one completes after a set
//! time and keeps nothing, the other keeps what is written in QEMU's own temporary overlay. The guest
//! names them in the order of the options: vda, vdb. There are no prompts: two monitors read the
//! console from its first line, one after the other, by Python's regular expressions.
//!
//! ```text
//! Linux version ... |checks, complaints ... "report":"verdict","pass":true|,"reason":"..."}
//!                   |<------------------ poll-source --------------------->|
//!  ... complaints ... reboot|: Power down
//!  <- poll-source-shutdown ->|
//! ```
//!
//! The first one ends inside the verdict, after the part that is its result. So a guest without a
//! verdict never ends it: QEMU's end or the timeout makes the job incomplete. The second one sees
//! to it that the kernel has nothing to complain of until the machine is off.
//!
//! A result must have both groups. A complaint has nothing but its text, so its group `result` is
//! empty, and empty means `fail`. What comes in pieces must not look like a complaint: each other
//! alternative matches only where all of it is there.

use std::collections::BTreeMap;

use serde_saphyr::ser::Error;

/// A value that stands for itself at the end of a line. A line of a value that is not there goes.
const MARK: char = '@';

/// What differs from job to job.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    pub name: &'a str,
    /// The lab's name of its QEMU devices.
    pub device_type: &'a str,
    /// URL of the bzImage (x86_64).
    pub kernel: &'a str,
    /// URL of the initramfs, in which the scenario is.
    pub initramfs: &'a str,
    /// What the kernel is told.
    pub kernel_args: &'a str,
    /// Whether the lab's QEMU devices run guests under it.
    pub kvm: bool,
    /// What a kernel prints if something is wrong, as it is spelt.
    pub complaints: &'a [&'a str],
}

/// The job as YAML.
pub fn definition(job: &Job) -> Result<String, Error> {
    let values = values(job)?;
    let mut text = String::new();
    for line in include_str!("job.yaml").lines() {
        match line.rsplit_once(MARK) {
            None => text += &format!("{line}\n"),
            Some((start, name)) => {
                let value = values.get(name);
                text.extend(value.map(|value| format!("{start}{value}\n")));
            }
        }
    }
    Ok(text)
}

fn values(job: &Job) -> Result<BTreeMap<&'static str, String>, Error> {
    let complaints: Vec<String> = job.complaints.iter().map(|text| escaped(text)).collect();
    let complaints = complaints.join("|");
    let kernel_arg = format!("-kernel {{kernel}} -append \"{}\"", job.kernel_args);
    let checks = format!(
        r#"(?P<test_case_id>(?<="name":")[^"]+(?=","(?:pass|why)":.)|verdict(?=","pass":.)|{complaints})(?P<result>","pass":t|","pass":f|","why":|)"#
    );
    let shutdown = format!(
        "(?P<test_case_id>reboot(?=: Power down)|{complaints})(?=(?P<result>: Power down|))"
    );
    let mut texts = vec![
        ("name", job.name),
        ("device_type", job.device_type),
        ("kernel", job.kernel),
        ("initramfs", job.initramfs),
        ("kernel_arg", &kernel_arg),
        ("checks", &checks),
        ("shutdown", &shutdown),
    ];
    if !job.kvm {
        texts.push(("tcg_options", "-accel tcg,thread=multi -cpu max"));
    }
    let mut values = BTreeMap::new();
    for (name, text) in texts {
        // A long regular expression in several lines would be hard to compare.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        let yaml = serde_saphyr::to_string_with_options(&text, options)?;
        values.insert(name, yaml.trim_end().to_owned());
    }
    let patience = if job.kvm { 1 } else { 4 };
    let minutes = [
        ("job_minutes", 5),
        ("action_minutes", 3),
        ("connection_minutes", 2),
    ];
    values.extend(minutes.map(|(name, minutes)| (name, (minutes * patience).to_string())));
    values.insert("no_kvm", (!job.kvm).to_string());
    Ok(values)
}

/// As a regular expression that matches this text.
fn escaped(text: &str) -> String {
    let mut regex = String::new();
    for c in text.chars() {
        if r"\.^$*+?{}[]|()".contains(c) {
            regex.push('\\');
        }
        regex.push(c);
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a parameter holds, it stays one value.
    #[test]
    fn parameters_are_quoted() {
        let job = Job {
            name: "a: job @kernel",
            device_type: "qemu",
            kernel: "https://lab.example/a: b\n#c",
            initramfs: "https://lab.example/initramfs.cpio",
            kernel_args: "console=ttyS0",
            kvm: true,
            complaints: &["---[ cut here ]---", "] BUG "],
        };
        let text = definition(&job).unwrap();
        let read: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read["job_name"], job.name);
        let images = &read["actions"][0]["deploy"]["images"];
        assert_eq!(images["kernel"]["url"], job.kernel);
        let pattern = &read["actions"][2]["test"]["monitors"][1]["pattern"];
        let complaints = r"|---\[ cut here \]---|\] BUG )";
        assert!(pattern.as_str().unwrap().contains(complaints), "{pattern}");
    }
}
