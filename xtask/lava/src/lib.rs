// SPDX-License-Identifier: GPL-2.0
//! A job for LAVA, the scheduler of KernelCI's labs: boots a kernel and an initramfs with the
//! scenario `smoke` in QEMU, and judges what the guest's init reports. [`definition`] writes it;
//! what it asks LAVA for is in `schema.rs`, how a guest's console is judged in `judge.rs`.
//!
//! A lab sees one serial line, so QEMU puts the guest's two (the kernel's console, and the reports
//! of the init) on one. The disks need no files of the lab: one completes after a set time and
//! keeps nothing, the other keeps what is written in QEMU's own temporary overlay.

mod judge;
mod schema;

use schema::{Action, Boot, Context, Definition, Deploy, Fetched, Images, Minutes, Test, Timeouts};

const MEMORY_MIB: u32 = 1024;

/// In the order in which the guest names the disks: vda, vdb.
const QEMU: [&str; 9] = [
    "-machine q35 -smp 2 -no-reboot",
    "-chardev stdio,id=lava,mux=on,signal=off",
    // The console is ttyS0, the reports ttyS1.
    "-serial chardev:lava -serial chardev:lava",
    "-object rng-builtin,id=rng0 -device virtio-rng-pci,rng=rng0",
    "-object iothread,id=io0",
    "-blockdev driver=null-co,size=1073741824,read-zeroes=on,latency-ns=100000,node-name=disk0",
    "-device virtio-blk-pci,drive=disk0,iothread=io0,num-queues=2",
    "-drive if=none,id=disk1,driver=null-co,size=16777216,read-zeroes=on,snapshot=on",
    "-device virtio-blk-pci,drive=disk1,iothread=io0",
];
const TCG_QEMU: &str = "-accel tcg,thread=multi -cpu max";

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
pub fn definition(job: &Job) -> Result<String, serde_saphyr::ser::Error> {
    // A long regular expression in several lines would be hard to compare.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(&of(job), options)
}

fn of<'a>(job: &Job<'a>) -> Definition<'a> {
    let tcg = !job.kvm;
    let patience = if tcg { 4 } else { 1 };
    Definition {
        job_name: job.name,
        device_type: job.device_type,
        visibility: "public",
        priority: "medium",
        timeouts: Timeouts {
            job: Minutes::new(5 * patience),
            action: Minutes::new(3 * patience),
            connection: Minutes::new(2 * patience),
        },
        context: Context {
            arch: "x86_64",
            memory: MEMORY_MIB,
            no_kvm: tcg,
            extra_options: QEMU.into_iter().chain(tcg.then_some(TCG_QEMU)).collect(),
        },
        actions: [
            Action::Deploy(Deploy {
                to: "tmpfs",
                images: Images {
                    kernel: Fetched {
                        url: job.kernel,
                        image_arg: format!("-kernel {{kernel}} -append \"{}\"", job.kernel_args),
                    },
                    initramfs: Fetched {
                        url: job.initramfs,
                        image_arg: "-initrd {initramfs}".into(),
                    },
                },
            }),
            // Without prompts: the monitors read the console from its first line.
            Action::Boot(Boot {
                method: "qemu",
                media: "tmpfs",
            }),
            Action::Test(Test {
                monitors: judge::monitors(job.complaints),
            }),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: Job = Job {
        name: "a: job",
        device_type: "qemu",
        kernel: "https://lab.example/bzImage",
        initramfs: "https://lab.example/initramfs.cpio",
        kernel_args: "console=ttyS0",
        kvm: true,
        complaints: &["BUG:"],
    };

    #[test]
    fn kvm_is_refused_by_name_and_has_less_time() {
        let kvm = definition(&JOB).unwrap();
        let tcg = definition(&Job { kvm: false, ..JOB }).unwrap();
        assert!(kvm.contains("no_kvm: false"), "{kvm}");
        assert!(kvm.contains("minutes: 5") && tcg.contains("minutes: 20"));
        assert!(tcg.contains("no_kvm: true"), "{tcg}");
        assert!(tcg.contains("-cpu max") && !kvm.contains("-cpu max"));
    }

    /// Whatever a parameter holds, it stays one value.
    #[test]
    fn parameters_are_quoted() {
        let kernel = "https://lab.example/a: b\n#c";
        let text = definition(&Job { kernel, ..JOB }).unwrap();
        let read: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read["job_name"], "a: job");
        assert_eq!(
            read["actions"][0]["deploy"]["images"]["kernel"]["url"],
            kernel
        );
    }
}
