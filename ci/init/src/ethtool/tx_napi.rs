// SPDX-License-Identifier: GPL-2.0
//! Whether virtio_net cleans a send queue by NAPI. If it does not, and has no queue coalescing to
//! report, it answers 0 where it otherwise answers 1 (virtnet_get_per_queue_coalesce()).

use super::call;

const PER_QUEUE: u32 = 0x4b;
const GET_COALESCE: u32 = 0x0e;
/// MAX_NUM_QUEUE / 32
const MASK_WORDS: usize = 4096 / 32;
/// The field tx_max_coalesced_frames of struct ethtool_coalesce, which has 23 fields of 32 bits.
const TX_FRAMES: usize = 6;

/// struct ethtool_per_queue_op, and a struct ethtool_coalesce for one queue.
#[repr(C)]
struct PerQueue {
    command: u32,
    sub_command: u32,
    mask: [u32; MASK_WORDS],
    coalesce: [u32; 23],
}

pub fn is_on(card: &str, queue: u32) -> nix::Result<bool> {
    let mut ask = PerQueue {
        command: PER_QUEUE,
        sub_command: GET_COALESCE,
        mask: [0; MASK_WORDS],
        coalesce: [0; 23],
    };
    ask.mask[(queue / 32) as usize] = 1 << (queue % 32);
    // SAFETY: it is the whole struct of its command, with room for the answer of one queue.
    unsafe { call(card, &mut ask) }?;
    Ok(ask.coalesce[TX_FRAMES] != 0)
}
