// SPDX-License-Identifier: GPL-2.0
//! The guest's side of the disk benchmark: warms up each variant, then runs one fresh fio for each
//! segment, in the order that the host drew. The host evaluates the numbers.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use guest_protocol::{Bench, Facts, Measured, Report, Segment, Variant, Workload};

use crate::count;
use crate::cpus::{self, while_none_idles};
use crate::disk::VirtioDisk;
use crate::events;
use crate::facts;
use crate::fio::FioJob;
use crate::port::Port;
use crate::procfs::{self, read};
use crate::segments;

pub fn run(port: &mut Port, bench: &Bench) -> Result<()> {
    port.stage("finding the disk")?;
    let rig = BlkRig::new(bench)?;
    port.send(&Report::Facts(rig.facts()?))?;
    facts::need_idle_driver()?;
    for variant in segments::variants(&bench.segments) {
        port.stage(format!("warming up {variant}"))?;
        rig.arrange(variant)?;
        rig.job(Workload::RandRead, variant, bench.warm_up_ms)
            .run()?;
    }
    if bench.counted {
        let code = count::code(&read("/proc/kallsyms")?);
        port.send(&Report::Code { code })?;
        port.drain()?;
    }
    segments::run(port, &bench.segments, |segment| {
        rig.measure(segment).map(Report::Measured)
    })
}

/// The disk, and the CPUs that drive it.
struct BlkRig<'a> {
    bench: &'a Bench,
    disk: VirtioDisk,
    decoy: Option<VirtioDisk>,
    /// The value of `guest_halt_poll_ns` before the benchmark changes it, in ns.
    patience: String,
    job_cpus: Vec<usize>,
}

impl BlkRig<'_> {
    fn new(bench: &Bench) -> Result<BlkRig<'_>> {
        let disk = VirtioDisk::find(&bench.disk)?;
        // The jobs run on the CPUs that take the disk's interrupts. These CPUs poll the sources.
        let mut job_cpus = disk.irq_cpus()?;
        let jobs = bench.shape.jobs() as usize;
        // A machine that is not a test guest may have more queues than jobs.
        job_cpus.truncate(jobs);
        ensure!(
            job_cpus.iter().collect::<HashSet<_>>().len() == jobs && job_cpus.len() == jobs,
            "{jobs} jobs need a queue and a CPU each, but the queues interrupt CPUs {job_cpus:?}"
        );
        let mut others = cpus::online()?;
        others.retain(|cpu| !job_cpus.contains(cpu));
        // On a machine with one CPU, fio's own threads share it with the job.
        if !others.is_empty() {
            cpus::pin(&others)?;
        }
        let decoy = bench.decoy.as_deref().map(VirtioDisk::find).transpose()?;
        if let Some(decoy) = &decoy {
            let cpus = decoy.irq_cpus()?;
            ensure!(
                cpus == job_cpus,
                "the decoy disk interrupts CPUs {cpus:?}, not {job_cpus:?}"
            );
        }
        Ok(BlkRig {
            bench,
            disk,
            decoy,
            patience: read(facts::wait_parameter("guest_halt_poll_ns"))?,
            job_cpus,
        })
    }

    fn facts(&self) -> Result<Facts> {
        Ok(Facts {
            disk_features: self.disk.virtio.features()?,
            job_cpus: format!("{:?}", self.job_cpus),
            pace: Some(facts::pace()?),
            ..facts::of_machine()?
        })
    }

    /// Sets the module, the switch and the controls as the variant needs them.
    fn arrange(&self, variant: Variant) -> Result<()> {
        if !segments::arrange_module(variant)? {
            return Ok(());
        }
        while_none_idles(|| {
            self.disk.virtio.set(variant == Variant::PollSource)?;
            self.arrange_controls(variant)
        })
    }

    /// Sets what only the control variants change: the switch of the decoy disk and the limit of
    /// the wait. Changes nothing in a benchmark without a decoy disk, and fails there for a control
    /// variant.
    fn arrange_controls(&self, variant: Variant) -> Result<()> {
        let Some(decoy) = &self.decoy else {
            ensure!(
                !matches!(variant, Variant::WaitAlone | Variant::Halts),
                "the variant {variant} needs a decoy disk"
            );
            return Ok(());
        };
        decoy.virtio.set(variant == Variant::WaitAlone)?;
        let parameter = facts::wait_parameter("guest_halt_poll_ns");
        let patience = match variant {
            Variant::Halts => "0",
            _ => &self.patience,
        };
        procfs::write(parameter, patience)
    }

    fn job(&self, workload: Workload, variant: Variant, ms: u64) -> FioJob {
        let mut job = FioJob::new(&self.disk.path(), workload);
        job.for_ms(ms).on_cpus(&self.job_cpus);
        if variant == Variant::IoPoll {
            job.arg("--hipri=1");
        }
        job
    }

    fn measure(&self, segment: Segment<Workload>) -> Result<Measured> {
        self.arrange(segment.variant)?;
        let job = self.job(segment.workload, segment.variant, self.bench.segment_ms);
        let interrupts = self.disk.virtio.interrupts()?;
        let events = events::on(&self.job_cpus)?;
        let mark = || self.bench.counted.then(count::mark);
        mark();
        let outcome = job.run()?;
        mark();
        Ok(Measured {
            segment,
            ios: outcome.ios,
            elapsed_ns: outcome.elapsed_ns,
            interrupts: self.disk.virtio.interrupts()? - interrupts,
            queue_polls: self.disk.queue_polls()?,
            events: events::between(events, events::on(&self.job_cpus)?),
            qemu_percent: None,
        })
    }
}
