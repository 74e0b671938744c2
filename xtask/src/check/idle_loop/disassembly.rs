// SPDX-License-Identifier: GPL-2.0
//! Parses the instructions of one function as objdump prints them, and checks that two versions of
//! it differ only by a static branch.

use anyhow::{Result, ensure};

use toolbox::fault;

pub type Function = Vec<Instruction>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    address: u64,
    /// Mnemonic and operands, without addresses, and the symbol that the linker fills in.
    text: String,
    /// Address within the function to which the instruction jumps.
    target: Option<u64>,
}

/// How the second version differs from the first.
#[derive(Debug, PartialEq, Eq)]
pub struct Same {
    /// The static branch: the index of its instruction (`index`) and its offset in bytes (`at`).
    pub index: usize,
    pub at: u64,
    /// Number of instructions after the function's end.
    pub cold: usize,
}

/// Parses `objdump --disassemble=NAME --reloc --no-show-raw-insn`.
pub fn parse(text: &str, name: &str) -> Result<Function> {
    let mut function: Function = Vec::new();
    for line in text.lines() {
        let Some((address, rest)) = line.trim_start().split_once(':') else {
            continue;
        };
        let Ok(address) = u64::from_str_radix(address, 16) else {
            continue;
        };
        let rest = rest.trim();
        if let Some(relocation) = rest.strip_prefix("R_X86_64_") {
            if let Some(last) = function.last_mut() {
                let symbol = relocation.split_whitespace().nth(1).unwrap_or_default();
                last.text += &format!(" {symbol}");
                // Before the linker, a call seems to go to the next instruction.
                last.target = None;
            }
        } else {
            function.push(instruction(address, rest, name));
        }
    }
    if function.is_empty() {
        return Err(fault::build(format!("objdump shows no {name}():\n{text}")));
    }
    Ok(function)
}

/// Parses "jne    71 <poll_idle+0x71>" or "mov    0x0(%rip),%eax        # a <poll_idle+0xa>".
fn instruction(address: u64, text: &str, name: &str) -> Instruction {
    let plain = text.split('#').next().unwrap_or_default();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let target = match words[..] {
        [_, target, label] if label.starts_with(&format!("<{name}")) => {
            u64::from_str_radix(target, 16).ok()
        }
        _ => None,
    };
    let shown = if target.is_some() { 1 } else { words.len() };
    Instruction {
        address,
        text: words[..shown].join(" "),
        target,
    }
}

impl Instruction {
    pub fn is_nop(&self) -> bool {
        self.text.starts_with("nop") || self.text == "xchg %ax,%ax"
    }
}

/// Parses `objdump --reloc --section=__jump_table`. Returns the addresses of the object's static
/// branches. A table entry has the address of the code, its target, and the key.
pub fn parse_jump_table(text: &str) -> Vec<u64> {
    const ENTRY: u64 = 16;
    let hex = |digits: &str| u64::from_str_radix(digits.trim_start_matches("0x"), 16).ok();
    text.lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [offset, _, value] = words[..] else {
                return None;
            };
            let (_, address) = value.rsplit_once('+')?;
            (hex(offset)? % ENTRY == 0).then(|| hex(address))?
        })
        .collect()
}

/// Passes if `after` has the same instructions as `before`, plus one of `branches`, plus code after
/// the function's end to which no other instruction of the function jumps.
pub fn compare(before: &Function, after: &Function, branches: &[u64]) -> Result<Same> {
    let differ = |at: usize, why: &str| {
        let show = |function: &Function| match function.get(at) {
            Some(found) => format!("+{:#x} {}", found.address, found.text),
            None => "nothing".into(),
        };
        fault::test_failed(format!(
            "the idle loop has changed: {why}\n  base:   {}\n  series: {}",
            show(before),
            show(after)
        ))
    };

    let first = before
        .iter()
        .zip(after)
        .position(|(old, new)| old.text != new.text);
    let Some(index) = first.filter(|&at| branches.contains(&after[at].address)) else {
        let at = first.unwrap_or(before.len());
        return Err(differ(at, "the first difference is not a static branch"));
    };
    let mut rest = after.clone();
    let branch = rest.remove(index);
    ensure!(
        rest.len() > before.len(),
        differ(before.len(), "there is no code for when the key is on")
    );
    let cold = rest.split_off(before.len());

    // Jumps have the same target if the target instruction has the same index. A jump to the static
    // branch goes to the instruction after it.
    let number = |function: &Function, target: u64| {
        function.iter().position(|found| found.address >= target)
    };
    for (index, (old, new)) in before.iter().zip(&rest).enumerate() {
        let to = |function: &Function, found: &Instruction| {
            found.target.and_then(|target| number(function, target))
        };
        if old.text != new.text || to(before, old) != to(&rest, new) {
            return Err(differ(index, "an instruction or its jump target differs"));
        }
    }
    Ok(Same {
        index,
        at: branch.address - after[0].address,
        cold: cold.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "
0000000000000000 <f>:
   0:\tpush   %rbx
   1:\tcall   6 <f+0x6>
\t\t\t2: R_X86_64_PLT32\tclock-0x4
   6:\tpause
   8:\tsub    $0x1,%eax
   b:\tjne    6 <f+0x6>
   d:\tpop    %rbx
   e:\tret
";
    const AFTER: &str = "
0000000000000000 <f>:
   0:\tpush   %rbx
   1:\tjmp    11 <f+0x11>
   3:\tcall   8 <f+0x8>
\t\t\t4: R_X86_64_PLT32\tclock-0x4
   8:\tpause
   a:\tsub    $0x1,%eax
   d:\tjne    8 <f+0x8>
   f:\tpop    %rbx
  10:\tret
  11:\tcall   16 <f+0x16>
\t\t\t12: R_X86_64_PLT32\tpolled-0x4
  16:\tjmp    3 <f+0x3>
";

    const TABLE: &str = "
RELOCATION RECORDS FOR [__jump_table]:
OFFSET           TYPE              VALUE
0000000000000000 R_X86_64_PC32     .cpuidle.text+0x0000000000000001
0000000000000004 R_X86_64_PC32     .cpuidle.text+0x0000000000000011
0000000000000008 R_X86_64_PC64     key+0x0000000000000002
";

    fn compared(before: &str, after: &str) -> Result<Same> {
        let branches = parse_jump_table(TABLE);
        compare(&parse(before, "f")?, &parse(after, "f")?, &branches)
    }

    #[test]
    fn a_static_branch_is_allowed() {
        let same = compared(BEFORE, AFTER).unwrap();
        assert_eq!((same.index, same.at, same.cold), (1, 1, 2));
    }

    #[test]
    fn a_jump_that_is_not_patched_is_not() {
        let found = compare(
            &parse(BEFORE, "f").unwrap(),
            &parse(AFTER, "f").unwrap(),
            &[],
        );
        found.expect_err("the object has no static branch");
    }

    #[test]
    fn anything_else_is_not() {
        let breaks = [
            ("a test of memory", "push   %rbx", "test   %eax,%eax"),
            (
                "another call",
                "R_X86_64_PLT32\tclock-0x4",
                "R_X86_64_PLT32\tother-0x4",
            ),
            ("another operand", "sub    $0x1,%eax", "sub    $0x2,%eax"),
            ("another target", "jne    8 <f+0x8>", "jne    3 <f+0x3>"),
            (
                "a jump to the cold code",
                "jne    8 <f+0x8>",
                "jne    11 <f+0x11>",
            ),
        ];
        for (what, from, to) in breaks {
            assert!(AFTER.contains(from), "{what}");
            let err = compared(BEFORE, &AFTER.replacen(from, to, 1)).expect_err(what);
            assert_eq!(fault::kind_of(&err), fault::Kind::TestFailed, "{what}");
        }
        compared(BEFORE, BEFORE).expect_err("without the branch nothing was compared");
    }

    #[test]
    fn an_empty_listing_is_a_failure() {
        parse("poll_state.o: file format elf64-x86-64\n", "f").expect_err("nothing to compare");
    }
}
