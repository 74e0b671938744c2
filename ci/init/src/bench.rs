// SPDX-License-Identifier: GPL-2.0
//! The benchmark's guest side: warm up each variant, then one fresh fio a segment, in the order
//! that the host drew. What the numbers mean is worked out on the host.

use std::collections::HashSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use guest_protocol::{Bench, Facts, Measured, Report, Segment, Variant, Workload};

use crate::count;
use crate::cpus::{self, while_none_idles};
use crate::disk::VirtioDisk;
use crate::events;
use crate::facts;
use crate::fio::FioJob;
use crate::port::Port;
use crate::procfs::read;
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

/// The disk, and the processors that drive it.
struct BlkRig<'a> {
    bench: &'a Bench,
    disk: VirtioDisk,
    decoy: Option<VirtioDisk>,
    /// What haltpoll was told at boot, in ns.
    patience: String,
    job_cpus: Vec<usize>,
}

impl BlkRig<'_> {
    fn new(bench: &Bench) -> Result<BlkRig<'_>> {
        let disk = VirtioDisk::find(&bench.disk)?;
        // Where the interrupts go: there the sources are polled.
        let mut job_cpus = disk.irq_cpus()?;
        let jobs = bench.shape.jobs() as usize;
        // Somebody's own machine has more queues.
        job_cpus.truncate(jobs);
        ensure!(
            job_cpus.iter().collect::<HashSet<_>>().len() == jobs && job_cpus.len() == jobs,
            "{jobs} jobs want a queue and a processor each; the queues interrupt CPUs {job_cpus:?}"
        );
        let mut others = cpus::online()?;
        others.retain(|cpu| !job_cpus.contains(cpu));
        // With one processor fio's own threads are where its job is.
        if !others.is_empty() {
            cpus::pin(&others)?;
        }
        let decoy = bench.decoy.as_deref().map(VirtioDisk::find).transpose()?;
        if let Some(decoy) = &decoy {
            let cpus = decoy.irq_cpus()?;
            ensure!(
                cpus == job_cpus,
                "the disk that does nothing interrupts CPUs {cpus:?}, not {job_cpus:?}"
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

    /// Puts the switch where the variant wants it.
    fn arrange(&self, variant: Variant) -> Result<()> {
        if !segments::arrange_module(variant)? {
            return Ok(());
        }
        let switch = self.disk.virtio.switch();
        while_none_idles(|| {
            switch.set(variant == Variant::PollSource)?;
            self.arrange_controls(variant)
        })
    }

    /// What a benchmark without controls leaves as it is.
    fn arrange_controls(&self, variant: Variant) -> Result<()> {
        let Some(decoy) = &self.decoy else {
            ensure!(
                !matches!(variant, Variant::WaitAlone | Variant::Halts),
                "{variant} wants a disk that does nothing"
            );
            return Ok(());
        };
        decoy.virtio.switch().set(variant == Variant::WaitAlone)?;
        let parameter = facts::wait_parameter("guest_halt_poll_ns");
        let patience = match variant {
            Variant::Halts => "0",
            _ => &self.patience,
        };
        fs::write(&parameter, patience)
            .with_context(|| format!("writing {patience} to {parameter}"))
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
        let interrupts = self.disk.interrupts()?;
        let events = events::on(&self.job_cpus)?;
        let mark = || self.bench.counted.then(count::mark);
        mark();
        let outcome = job.run()?;
        mark();
        Ok(Measured {
            segment,
            ios: outcome.ios,
            elapsed_ns: outcome.elapsed_ns,
            interrupts: self.disk.interrupts()? - interrupts,
            queue_polls: self.disk.queue_polls()?,
            events: events::between(events, events::on(&self.job_cpus)?),
            qemu_percent: None,
        })
    }
}
