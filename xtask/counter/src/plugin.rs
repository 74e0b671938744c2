// SPDX-License-Identifier: GPL-2.0
//! The interface to QEMU: the functions that QEMU calls, and QEMU's functions that the plugin
//! calls. The declarations are those of version 4 of `qemu-plugin.h`, which Debian does not
//! package.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use fs_err::{self as fs, File};
use guest_protocol::{Code, Report, count::MARK};

use crate::cpu::{GuestBlock, VcpuCount};

/// Version of the API: QEMU refuses the plugin if QEMU does not have this version.
#[unsafe(no_mangle)]
pub static qemu_plugin_version: c_int = 4;

/// Flag of a callback that does not touch the vCPU's registers.
const NO_REGS: c_int = 0;

#[repr(C)]
struct Tb {
    _opaque: [u8; 0],
}

#[repr(C)]
struct Insn {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: u64, call: extern "C" fn(u64, *mut Tb));
    fn qemu_plugin_register_vcpu_tb_exec_cb(
        tb: *mut Tb,
        call: extern "C" fn(c_uint, *mut c_void),
        flags: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_tb_n_insns(tb: *const Tb) -> usize;
    fn qemu_plugin_tb_vaddr(tb: *const Tb) -> u64;
    fn qemu_plugin_tb_get_insn(tb: *const Tb, index: usize) -> *mut Insn;
    fn qemu_plugin_insn_data(insn: *const Insn, to: *mut c_void, most: usize) -> usize;
}

/// A block of translated code. It is never freed.
struct Translated {
    block: GuestBlock,
    marks: bool,
    /// The function that contains the block, if it has a role. It is looked up after the guest has
    /// reported its code.
    code: OnceLock<Option<Code>>,
}

struct Files {
    reports: PathBuf,
    out: Mutex<BufWriter<File>>,
}

static FILES: OnceLock<Files> = OnceLock::new();
/// The functions that have a role. Set at the first mark.
static CODE: OnceLock<Vec<Code>> = OnceLock::new();
static CPUS: [Mutex<VcpuCount>; 64] = [const { Mutex::new(VcpuCount::new()) }; 64];

/// QEMU calls this function when it loads the plugin.
///
/// # Safety
///
/// Only QEMU calls it: with `argc` strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: u64,
    _info: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let text = |index: usize| {
        // SAFETY: QEMU passes `argc` strings, and `index` is less than that.
        let arg = unsafe { CStr::from_ptr(*argv.add(index)) };
        arg.to_string_lossy().into_owned()
    };
    let args: Vec<String> = (0..argc.cast_unsigned() as usize).map(text).collect();
    let value = |name: &str| args.iter().find_map(|arg| arg.strip_prefix(name));
    let (Some(reports), Some(out)) = (value("reports="), value("out=")) else {
        eprintln!("counter: the plugin needs reports=FILE and out=FILE, got {args:?}");
        return 1;
    };
    let out = match File::create(out) {
        Ok(file) => Mutex::new(BufWriter::new(file)),
        Err(err) => {
            eprintln!("counter: creating {out}: {err}");
            return 1;
        }
    };
    let reports = reports.into();
    if FILES.set(Files { reports, out }).is_err() {
        eprintln!("counter: the plugin is loaded twice");
        return 1;
    }
    // SAFETY: `translated` has the type that QEMU expects.
    unsafe { qemu_plugin_register_vcpu_tb_trans_cb(id, translated) };
    0
}

extern "C" fn translated(_id: u64, tb: *mut Tb) {
    // SAFETY: QEMU lends the block `tb` for this call.
    let (start, count) = unsafe { (qemu_plugin_tb_vaddr(tb), qemu_plugin_tb_n_insns(tb)) };
    let block = Box::new(Translated {
        block: GuestBlock {
            start,
            instructions: count as u64,
        },
        marks: (0..count).any(|index| is_mark(tb, index)),
        code: OnceLock::new(),
    });
    let data = Box::into_raw(block).cast();
    // SAFETY: `data` is never freed, and is only shared by reference.
    unsafe { qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, NO_REGS, data) };
}

/// Whether an instruction of the block is NOPL MARK(%rax,%rax).
fn is_mark(tb: *const Tb, index: usize) -> bool {
    let mut bytes = [0; 8];
    // SAFETY: As in translated(); the block has an instruction of this index.
    let length = unsafe {
        let insn = qemu_plugin_tb_get_insn(tb, index);
        qemu_plugin_insn_data(insn, bytes.as_mut_ptr().cast(), bytes.len())
    };
    length == bytes.len()
        && bytes[..4] == [0x0f, 0x1f, 0x84, 0x00]
        && bytes[4..] == MARK.to_le_bytes()
}

extern "C" fn executed(cpu: c_uint, data: *mut c_void) {
    // SAFETY: `data` is what translated() registered for the block.
    let translated = unsafe { &*data.cast::<Translated>() };
    if translated.marks {
        return mark();
    }
    let (Some(code), Some(cpu)) = (CODE.get(), CPUS.get(cpu as usize)) else {
        return;
    };
    let start = translated.block.start;
    let is_here = |code: &&Code| (code.start..code.end).contains(&start);
    let own = translated
        .code
        .get_or_init(|| code.iter().find(is_here).copied());
    let counted = cpu
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .execute(&translated.block, own.as_ref());
    if let Some(counted) = counted {
        write(&counted.to_string(), false);
    }
}

/// Handles a mark: all counts start again. The guest reports its code before the first mark.
fn mark() {
    CODE.get_or_init(|| {
        let reports = FILES.get().map(|files| fs::read_to_string(&files.reports));
        code(&reports.and_then(Result::ok).unwrap_or_default())
    });
    for cpu in &CPUS {
        *cpu.lock().unwrap_or_else(PoisonError::into_inner) = VcpuCount::new();
    }
    write("mark", true);
}

fn code(reports: &str) -> Vec<Code> {
    let of_line = |line| match serde_json::from_str(line) {
        Ok(Report::Code { code }) => Some(code),
        _ => None,
    };
    reports.lines().find_map(of_line).unwrap_or_default()
}

/// Writes a line to the output file. An error is ignored: the reader of the file sees what is
/// missing.
fn write(line: &str, flush: bool) {
    if let Some(files) = FILES.get() {
        let mut out = files.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(out, "{line}");
        if flush {
            let _ = out.flush();
        }
    }
}
