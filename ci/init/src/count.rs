// SPDX-License-Identifier: GPL-2.0
//! What the guest reports to the plugin that counts instructions: see `guest_protocol::count`.

use std::arch::asm;

use guest_protocol::count::MARK;
use guest_protocol::{Code, CodeRole};

/// Marks the beginning or the end of a run.
pub fn mark() {
    // SAFETY: the instruction does nothing.
    unsafe {
        asm!(
            "nopl {}(%rax,%rax)",
            const MARK,
            options(att_syntax, nomem, nostack, preserves_flags)
        );
    }
}

/// Returns the functions in /proc/kallsyms that have a role. A function ends where the next one
/// begins.
pub fn code(kallsyms: &str) -> Vec<Code> {
    let symbol = |line: &str| {
        let mut words = line.split_whitespace();
        let address = u64::from_str_radix(words.next()?, 16).ok()?;
        let is_code = words.next()?.eq_ignore_ascii_case("t");
        is_code.then_some((address, CodeRole::of(words.next()?)))
    };
    let mut symbols: Vec<(u64, Option<CodeRole>)> = kallsyms.lines().filter_map(symbol).collect();
    symbols.sort_by_key(|&(address, _)| address);
    let function = |pair: &[(u64, Option<CodeRole>)]| match *pair {
        [(start, Some(role)), (end, _)] => Some(Code { role, start, end }),
        _ => None,
    };
    symbols.windows(2).filter_map(function).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_with_a_role_are_found() {
        let kallsyms = "ffffffff81000400 t vp_notify\t[virtio_pci]\n\
            ffffffff81000100 T poll_core_wait\n\
            ffffffff81000150 d poll_core_data\n\
            ffffffff81000180 T vm_notify\n\
            ffffffff81000420 T schedule\n";
        let of = |role, start, end| Code { role, start, end };
        assert_eq!(
            code(kallsyms),
            [
                of(CodeRole::Wait, 0xffffffff81000100, 0xffffffff81000180),
                of(CodeRole::Notify, 0xffffffff81000400, 0xffffffff81000420),
            ]
        );
    }
}
