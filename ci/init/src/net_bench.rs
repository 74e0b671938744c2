// SPDX-License-Identifier: GPL-2.0
//! The guest's side of the network benchmark: warms up each variant, then runs one fresh client for
//! each segment, in the order that the host drew. The host evaluates the numbers.

use anyhow::Result;
use guest_protocol::net::HOST;
use guest_protocol::{
    Events, Exchange, Facts, Latency, NetBench, NetMeasured, Report, Segment, Variant,
};

use crate::events;
use crate::facts;
use crate::nic::{self, CardCounts, Nic};
use crate::port::Port;
use crate::procfs;
use crate::segments;
use crate::{iperf, sockperf};

pub fn run(port: &mut Port, bench: &NetBench) -> Result<()> {
    port.stage("bringing up the network card")?;
    let rig = NetRig::new(bench)?;
    port.send(&Report::Facts(rig.facts()?))?;
    facts::need_idle_driver()?;
    for variant in segments::variants(&bench.segments) {
        port.stage(format!("warming up {variant}"))?;
        rig.arrange(variant)?;
        rig.exchange(Exchange::UdpRr, bench.warm_up_s)?;
    }
    segments::run(port, &bench.segments, |segment| {
        rig.measure(segment).map(Report::NetMeasured)
    })
}

struct NetRig<'a> {
    bench: &'a NetBench,
    nic: Nic,
    /// Length of busy polling, in us: as long as haltpoll waits. The 50 us of the kernel's
    /// documentation end before a reply comes if the guest is slow.
    busy_us: u64,
}

impl NetRig<'_> {
    fn new(bench: &NetBench) -> Result<NetRig<'_>> {
        let nic = Nic::find()?;
        nic.bring_up()?;
        let patience_ns: u64 = procfs::value(facts::wait_parameter("guest_halt_poll_ns"))?;
        Ok(NetRig {
            bench,
            nic,
            busy_us: patience_ns / 1000,
        })
    }

    fn facts(&self) -> Result<Facts> {
        Ok(Facts {
            pace: Some(facts::pace()?),
            nic_features: self.nic.virtio.features()?,
            ..facts::of_machine()?
        })
    }

    /// Sets the module, the switch and the two settings of busy polling as the variant needs them,
    /// and checks the result.
    fn arrange(&self, variant: Variant) -> Result<()> {
        if segments::arrange_module(variant)? {
            let polled = variant == Variant::PollSource;
            self.nic.virtio.set_calmly(polled)?;
        }
        nic::busy_poll(match variant {
            Variant::BusyPoll => self.busy_us,
            _ => 0,
        })
    }

    fn measure(&self, segment: Segment<Exchange>) -> Result<NetMeasured> {
        self.arrange(segment.variant)?;
        let (card, events) = self.counters()?;
        let (rate, latency) = self.exchange(segment.workload, self.bench.segment_s)?;
        let (card_after, events_after) = self.counters()?;
        let card = card_after.since(card);
        Ok(NetMeasured {
            segment,
            rate,
            latency,
            interrupts: card.rx.interrupts + card.tx.interrupts,
            received: card.rx.packets,
            busy_polled: card.busy_polled,
            events: events::between(events, events_after),
            qemu_percent: None,
        })
    }

    fn counters(&self) -> Result<(CardCounts, Events)> {
        Ok((self.nic.counts()?, events::on(&[])?))
    }

    fn exchange(&self, exchange: Exchange, seconds: u64) -> Result<(f64, Option<Latency>)> {
        let NetBench {
            udp_port,
            tcp_port,
            stream_port,
            ..
        } = self.bench;
        let ping_pong = |args: String| {
            let (rate, latency) = sockperf::ping_pong(&args, seconds)?;
            Ok((rate, Some(latency)))
        };
        let stream = |args: String| Ok((iperf::stream(&args, seconds)?, None));
        match exchange {
            Exchange::UdpRr => ping_pong(format!("--ip {HOST} --port {udp_port}")),
            Exchange::TcpRr => ping_pong(format!("--tcp --ip {HOST} --port {tcp_port}")),
            Exchange::StreamOut => stream(format!("{HOST} --port {stream_port}")),
            Exchange::StreamIn => stream(format!("{HOST} --port {stream_port} --reverse")),
        }
    }
}
