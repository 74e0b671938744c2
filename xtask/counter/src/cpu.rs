// SPDX-License-Identifier: GPL-2.0
//! Counts the instructions of one CPU, block by block. The longer a wait, the more instructions it
//! executes; the count must not depend on that. So a block of a wait's code counts only when it is
//! executed for the first time in that wait. Other code in between, such as a hit or an interrupt,
//! begins a new wait.

use std::collections::BTreeSet;
use std::fmt;

use guest_protocol::{Code, CodeRole};

/// A block of instructions that are executed one after the other.
pub struct GuestBlock {
    /// The address of the first instruction.
    pub start: u64,
    pub instructions: u64,
}

/// A count of instructions that is complete when a block begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    Notify(u64),
    Hit(u64),
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Counted::Notify(count) => write!(f, "notify {count}"),
            Counted::Hit(count) => write!(f, "hit {count}"),
        }
    }
}

/// The count of one CPU.
#[derive(Default)]
pub struct VcpuCount {
    waits: bool,
    /// Start addresses of the blocks that were executed in the present wait.
    seen: BTreeSet<u64>,
    since_notify: u64,
    /// Instructions of the hit in progress.
    hit: Option<u64>,
}

impl VcpuCount {
    pub const fn new() -> VcpuCount {
        VcpuCount {
            waits: false,
            seen: BTreeSet::new(),
            since_notify: 0,
            hit: None,
        }
    }

    /// Counts a block that the CPU is about to execute. `code` is the function that contains the
    /// block; None if that function has no role. Returns a count that is now complete.
    pub fn execute(&mut self, block: &GuestBlock, code: Option<&Code>) -> Option<Counted> {
        let role = code.map(|code| code.role);
        self.waits = role == Some(CodeRole::Wait) || role == Some(CodeRole::Clock) && self.waits;
        let mut counted = None;
        if self.waits {
            counted = self.hit.take().map(Counted::Hit);
            if !self.seen.insert(block.start) {
                return counted;
            }
        } else {
            self.seen.clear();
        }
        let is_called = code.is_some_and(|code| code.start == block.start);
        match role {
            Some(CodeRole::Notify) if is_called => {
                counted = Some(Counted::Notify(std::mem::take(&mut self.since_notify)));
            }
            Some(CodeRole::Hit) if is_called => self.hit = Some(0),
            _ => {}
        }
        self.since_notify += block.instructions;
        if let Some(hit) = &mut self.hit {
            *hit += block.instructions;
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn code(role: CodeRole, start: u64) -> Option<Code> {
        let end = start + 0x100;
        Some(Code { role, start, end })
    }

    /// Executes blocks, given by their addresses and the functions that contain them.
    fn run(cpu: &mut VcpuCount, blocks: &[(u64, Option<Code>)]) -> Vec<Counted> {
        let execute = |&(start, code): &(u64, Option<Code>)| {
            let instructions = 10;
            let block = GuestBlock {
                start,
                instructions,
            };
            cpu.execute(&block, code.as_ref())
        };
        blocks.iter().filter_map(execute).collect()
    }

    const WORK: (u64, Option<Code>) = (0x10, None);
    const NOTIFY: (u64, Option<Code>) = (0x1000, code(CodeRole::Notify, 0x1000));
    const WAIT: (u64, Option<Code>) = (0x2000, code(CodeRole::Wait, 0x2000));
    const LOOK: (u64, Option<Code>) = (0x2040, code(CodeRole::Wait, 0x2000));
    const CLOCK: (u64, Option<Code>) = (0x3000, code(CodeRole::Clock, 0x3000));
    const HIT: (u64, Option<Code>) = (0x4000, code(CodeRole::Hit, 0x4000));
    const IN_HIT: (u64, Option<Code>) = (0x4020, code(CodeRole::Hit, 0x4000));

    #[test]
    fn the_length_of_a_wait_does_not_count() {
        for rounds in [1, 2, 100] {
            let looks = [LOOK, CLOCK].repeat(rounds);
            let blocks = [&[NOTIFY, WORK, WAIT], &looks[..], &[WORK, NOTIFY]].concat();
            let counted = run(&mut VcpuCount::default(), &blocks);
            assert_eq!(counted, [Counted::Notify(0), Counted::Notify(60)]);
        }
    }

    #[test]
    fn the_clock_of_others_counts_each_time() {
        let mut cpu = VcpuCount::default();
        let counted = run(&mut cpu, &[NOTIFY, CLOCK, CLOCK, CLOCK, NOTIFY]);
        assert_eq!(counted, [Counted::Notify(0), Counted::Notify(40)]);
    }

    #[test]
    fn a_hit_lasts_until_the_wait_goes_on() {
        let mut cpu = VcpuCount::default();
        let blocks = [WAIT, HIT, CLOCK, WORK, IN_HIT, WAIT, LOOK, LOOK, NOTIFY];
        let counted = run(&mut cpu, &blocks);
        assert_eq!(counted, [Counted::Hit(40), Counted::Notify(70)]);
    }
}
