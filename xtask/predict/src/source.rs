// SPDX-License-Identifier: GPL-2.0
//! Who published the figures that `costs.rs` is made of, and what they measured.

/// A publication.
#[derive(Debug, PartialEq, Eq)]
pub struct Publication {
    /// How tables refer to it.
    pub name: &'static str,
    pub title: &'static str,
    pub address: &'static str,
    /// The figures as published, and on what.
    pub says: &'static str,
}

pub const ALL: [&Publication; 13] = [
    &DVH,
    &IPIV,
    &PV_IPI,
    &TIMER_POSTED,
    &TSCDEADLINE,
    &PV_EOI,
    &EOI_BITMAP,
    &IDLE_POLL,
    &HALT_POLLING,
    &MESSAGE_PASSING,
    &NESTED_VMEXIT,
    &NESTED_POSTED,
    &SWITCH,
];

pub const DVH: Publication = Publication {
    name: "DVH",
    title: "Lim, Nieh: Optimizing Nested Virtualization Performance Using Direct Virtual Hardware, \
            ASPLOS 2020",
    address: "https://www.cs.columbia.edu/~nieh/pubs/asplos2020_dvh.pdf",
    says: "cycles, one guest level and nested: hypercall 1,575 and 37,733; DevNotify 4,984 and \
           48,390; ProgramTimer 2,005 and 43,359; SendIPI 3,273 and 39,456. KVM of Linux 4.18, \
           Xeon Silver 4114 at 2.2 GHz",
};

pub const IPIV: Publication = Publication {
    name: "IPIv",
    title: "Zeng: [PATCH 0/5] IPI virtualization support for VM, 2021",
    address: "https://lore.kernel.org/kvm/20210716064808.14757-1-guang.zeng@intel.com/",
    says: "cycles from sending an IPI to the end of its handler on a vCPU that does not halt, \
           x2APIC: 3,430 to 3,779 where the processor sends it by itself, 4,215 to 4,645 where KVM \
           does. The frequency is not told; 2 to 4 GHz are taken",
};

pub const PV_IPI: Publication = Publication {
    name: "PV IPI",
    title: "Linux 4180bf1b655a: KVM: X86: Implement \"send IPI\" hypercall, 2018",
    address: "https://git.kernel.org/torvalds/c/4180bf1b655a",
    says: "100,000 IPIs to another vCPU, x2APIC cluster mode: 251,301,666 ns until all were \
           handled, 2.51 us each; to itself, which APICv does without an exit: 150 ns each. Xeon \
           Skylake at 2.5 GHz",
};

pub const TIMER_POSTED: Publication = Publication {
    name: "timer posted",
    title: "Linux 0c5f81dad46c: KVM: LAPIC: Inject timer interrupt via posted interrupt, 2019",
    address: "https://git.kernel.org/torvalds/c/0c5f81dad46c",
    says: "time in the host of an exit for an external interrupt (perf kvm stat): 0.47 us at \
           least, 0.71 us on average. Skylake server",
};

pub const TSCDEADLINE: Publication = Publication {
    name: "tscdeadline",
    title: "Li: [PATCH 0/2] KVM: VMX: Tscdeadline timer emulation fastpath, 2020",
    address: "https://lore.kernel.org/kvm/1587468026-15753-1-git-send-email-wanpengli@tencent.com/",
    says: "cycles of kvm-unit-tests' tscdeadline_immed, which programs the timer and is interrupted \
           at once: 2,467 to 3,018 with APICv, 3,851 to 4,845 without. Skylake server, frequency \
           not told; 2 to 4 GHz are taken",
};

pub const PV_EOI: Publication = Publication {
    name: "PV EOI",
    title: "Tsirkin: kvm: host side for eoi optimization, 2012",
    address: "https://kernel.googlesource.com/pub/scm/linux/kernel/git/mst/vhost/+/ad56aa1177d64c354708c984ba11f230653eb5bb",
    says: "a bit in the guest's memory tells that an EOI is not needed: no exit for it, which \
           halves the exits of an interrupt",
};

pub const EOI_BITMAP: Publication = Publication {
    name: "EOI bitmap",
    title: "Linux f3bff6318fa0: KVM: Force vmexit with virtual interrupt delivery, 2013",
    address: "https://git.kernel.org/torvalds/c/f3bff6318fa0",
    says: "with virtual interrupt delivery (APICv) an EOI exits only where KVM asks for that, as \
           for the RTC's interrupt",
};

pub const IDLE_POLL: Publication = Publication {
    name: "idle poll",
    title: "Zhang: x86/idle: add halt poll support, 2017",
    address: "https://lkml.iu.edu/hypermail/linux/kernel/1708.3/03774.html",
    says: "a context switch benchmark in a guest: 2,493 ns a switch, 2,296 with KVM's halt polling, \
           1,159 where the guest polls long enough never to halt",
};

pub const HALT_POLLING: Publication = Publication {
    name: "halt polling",
    title: "Linux, Documentation/virt/kvm/halt-polling.rst",
    address: "https://docs.kernel.org/virt/kvm/halt-polling.html",
    says: "without halt polling a wake-up is a trip through the scheduler, \"normally on the order \
           of a few micro-seconds\"",
};

pub const MESSAGE_PASSING: Publication = Publication {
    name: "message passing",
    title: "Matlack: Message Passing Workloads in KVM, KVM Forum 2015",
    address: "https://docslib.org/doc/1619109/kvm-message-passing-performance",
    says: "a TCP request and response between two vCPUs takes 25 us longer than on the host, with \
           9.58 exits for MSR writes. Ivy Bridge, Linux 3.11, no halt polling",
};

pub const NESTED_VMEXIT: Publication = Publication {
    name: "nested vmexit",
    title: "Bonzini: [PATCH 00/43] VMX optimizations, kvm@vger.kernel.org, June 2019",
    address: "https://lore.kernel.org/kvm/1560445409-17363-1-git-send-email-pbonzini@redhat.com/",
    says: "cycles in a nested guest before and after the series: vmcall 14,918 and 13,189; \
           self_ipi_sti_nop 16,458 and 14,858; self_ipi_sti_hlt 31,876 and 28,348. The frequency \
           is not told; 2 to 4 GHz are taken",
};

pub const NESTED_POSTED: Publication = Publication {
    name: "nested posted",
    title: "Linux 705699a13994: KVM: nVMX: Enable nested posted interrupt processing, 2015",
    address: "https://git.kernel.org/torvalds/c/705699a13994",
    says: "the outer KVM delivers the inner one's posted interrupts by an IPI, without an exit of \
           the nested guest; no figure",
};

pub const SWITCH: Publication = Publication {
    name: "switch",
    title: "BestHub: How Much CPU Time Does a Linux Context Switch Really Cost?",
    address: "https://www.besthub.dev/articles/how-much-cpu-time-does-a-linux-context-switch-really-cost-e9079ab9b7bb",
    says: "two processes that pass a token through pipes: about 3.5 us a switch. Processor not told",
};
