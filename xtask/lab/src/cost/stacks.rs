// SPDX-License-Identifier: GPL-2.0
//! How deep the stacks of the processor that polls have ever been used, read from the memory of a
//! guest that idles. Stacks are zeroed when they are made, so what still is was never used; the
//! kernel's own stack_not_used() counts likewise. A handler that a hit runs is on the idle task's
//! stack, softirqs and what real interrupts run are on the processor's interrupt stack.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use guest_protocol::cost::POLLING_CPU;
use serde::Serialize;
use serde_json::json;
use tempfile::TempDir;
use xshell::{Shell, cmd};

use toolbox::fault;
use toolbox::run;
use vm::qmp::Qmp;

/// linux/magic.h: at the end of each task's stack.
const STACK_END_MAGIC: u64 = 0x57ac_6e9d;
/// What x86-64 can have, KASAN's among them.
const SIZES: [u64; 3] = [16 << 10, 32 << 10, 64 << 10];
const WORD: usize = 8;
/// A kernel thread may have something to do.
const TRIES: u32 = 20;
const TRY: Duration = Duration::from_millis(20);

/// In bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Of the idle task's stack.
    pub idle: u64,
    /// Of the interrupt stack.
    pub interrupt: u64,
    /// Of either.
    pub size: u64,
}

/// Where the kernel keeps what is read here. Per-processor things are counted from that
/// processor's place.
#[derive(Debug, PartialEq, Eq)]
pub struct Symbols {
    /// Each processor's place.
    offsets: u64,
    idle_task: u64,
    current_task: u64,
    top_of_stack: u64,
    interrupt_stack: u64,
}

impl Symbols {
    pub fn of(vmlinux: &Path) -> Result<Symbols> {
        if !vmlinux.is_file() {
            return Err(fault::usage(format!(
                "no {}: the depth of the stacks is read with the kernel's symbols\n  try: without \
                 --kernel, or with one that lies beside its vmlinux",
                vmlinux.display()
            )));
        }
        let sh = Shell::new()?;
        let said = run::read(cmd!(sh, "nm {vmlinux}"))?;
        Symbols::parse(&said).with_context(|| format!("the symbols of {}", vmlinux.display()))
    }

    fn parse(said: &str) -> Result<Symbols> {
        let lines = said.lines().filter_map(|line| {
            let mut words = line.split(' ');
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            Some((words.nth(1)?, address))
        });
        let symbols: HashMap<&str, u64> = lines.collect();
        let find = |name: &str| {
            let address = symbols.get(name).copied();
            address.with_context(|| format!("there is no {name}"))
        };
        // 6.12 has these in one struct.
        let (current_task, top_of_stack, interrupt_stack) = match find("pcpu_hot") {
            Ok(hot) => (hot, hot + 16, hot + 24),
            Err(_) => (
                find("current_task")?,
                find("cpu_current_top_of_stack")?,
                find("hardirq_stack_ptr")?,
            ),
        };
        Ok(Symbols {
            offsets: find("__per_cpu_offset")?,
            idle_task: find("idle_threads")?,
            current_task,
            top_of_stack,
            interrupt_stack,
        })
    }

    /// Of the processor that polls, by now.
    pub fn depth(&self, qmp: &mut Qmp) -> Result<Depth> {
        let dir = TempDir::with_prefix("stacks").context("making a folder for stacks")?;
        let mut memory = Memory {
            qmp,
            dir: dir.path(),
        };
        for _ in 0..TRIES {
            memory.qmp.ask("stop")?;
            let depth = self.depth_of_idle(&mut memory);
            memory.qmp.ask("cont")?;
            match depth? {
                Some(depth) => return Ok(depth),
                None => sleep(TRY),
            }
        }
        bail!("CPU {POLLING_CPU} was never idle");
    }

    /// None: something else runs.
    fn depth_of_idle(&self, memory: &mut Memory) -> Result<Option<Depth>> {
        let place = memory.word(self.offsets + (POLLING_CPU * WORD) as u64)?;
        let mut per_cpu = |symbol: u64| memory.word(symbol.wrapping_add(place));
        if per_cpu(self.current_task)? != per_cpu(self.idle_task)? {
            return Ok(None);
        }
        let top = per_cpu(self.top_of_stack)?;
        // The pointer is to the last word.
        let interrupt_top = per_cpu(self.interrupt_stack)? + WORD as u64;
        let size = size(|size| memory.word(top - size))?;
        Ok(Some(Depth {
            idle: used(&memory.bytes(top - size, size)?[WORD..]),
            interrupt: used(&memory.bytes(interrupt_top - size, size)?),
            size,
        }))
    }
}

/// A stack of that size ends in the magic number.
fn size(mut last_word: impl FnMut(u64) -> Result<u64>) -> Result<u64> {
    for size in SIZES {
        if last_word(size).is_ok_and(|word| word == STACK_END_MAGIC) {
            return Ok(size);
        }
    }
    bail!("the idle task's stack has no end");
}

/// Stacks grow downwards.
fn used(stack: &[u8]) -> u64 {
    let unused = stack.iter().take_while(|&&byte| byte == 0).count();
    (stack.len() - unused).next_multiple_of(WORD) as u64
}

/// The guest's, as the processor that polls addresses it.
struct Memory<'a> {
    qmp: &'a mut Qmp,
    dir: &'a Path,
}

impl Memory<'_> {
    fn word(&mut self, address: u64) -> Result<u64> {
        let bytes = self.bytes(address, WORD as u64)?;
        let word: [u8; WORD] = bytes.try_into().expect("a word was asked for");
        Ok(u64::from_le_bytes(word))
    }

    fn bytes(&mut self, address: u64, size: u64) -> Result<Vec<u8>> {
        let file = self.dir.join("memory");
        let arguments = json!({
            // QEMU takes it for a signed number, and addresses of the kernel are negative.
            "val": address.cast_signed(),
            "size": size,
            "filename": file.display().to_string(),
            "cpu-index": POLLING_CPU,
        });
        self.qmp.command("memsave", arguments)?;
        let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        ensure!(
            bytes.len() as u64 == size,
            "QEMU saved {} bytes of {size} at {address:#x}",
            bytes.len()
        );
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_both_lines() {
        let common = "ffffffff81a469e0 D __per_cpu_offset\n0000000000000bc0 d idle_threads\n";
        let now = format!(
            "{common}0000000000000010 D cpu_current_top_of_stack\n\
             0000000000000018 D current_task\n0000000000000020 D hardirq_stack_ptr\n"
        );
        let then = format!("{common}0000000000002000 D pcpu_hot\n");
        let place = |symbols: &Symbols| (symbols.current_task, symbols.interrupt_stack);
        assert_eq!(place(&Symbols::parse(&now).unwrap()), (0x18, 0x20));
        assert_eq!(place(&Symbols::parse(&then).unwrap()), (0x2000, 0x2018));
        let err = Symbols::parse(common).unwrap_err().to_string();
        assert_eq!(err, "there is no current_task");
    }

    #[test]
    fn a_stack_is_used_from_its_top_down_to_the_last_byte_that_is_not_zero() {
        let mut stack = [0; 64];
        assert_eq!(used(&stack), 0);
        stack[60] = 1;
        assert_eq!(used(&stack), 8);
        stack[33] = 1;
        assert_eq!(used(&stack), 32);
    }

    #[test]
    fn a_stack_ends_where_its_magic_is() {
        let ends_at = |end: u64| size(|size| Ok(if size == end { STACK_END_MAGIC } else { 0 }));
        assert_eq!(ends_at(32 << 10).unwrap(), 32 << 10);
        assert!(ends_at(8 << 10).is_err());
    }
}
