// SPDX-License-Identifier: GPL-2.0
//! How many queue pairs a card uses, which ethtool calls channels (linux/ethtool.h).

use anyhow::{Context, Result, ensure};

const GET: u32 = 0x3c;
const SET: u32 = 0x3d;

/// struct ethtool_channels
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Channels {
    command: u32,
    max_rx: u32,
    max_tx: u32,
    max_other: u32,
    max_combined: u32,
    rx: u32,
    tx: u32,
    other: u32,
    combined: u32,
}

/// How many it could use.
pub fn most(card: &str) -> Result<u32> {
    Ok(get(card)?.max_combined)
}

/// How many it uses.
pub fn now(card: &str) -> Result<u32> {
    Ok(get(card)?.combined)
}

/// Sets how many it uses, and sees that it took.
pub fn set(card: &str, pairs: u32) -> Result<()> {
    let mut channels = get(card)?;
    channels.command = SET;
    channels.combined = pairs;
    call(card, &mut channels)?;
    let got = now(card)?;
    ensure!(got == pairs, "{card} has {got} queue pairs, not {pairs}");
    Ok(())
}

fn get(card: &str) -> Result<Channels> {
    let mut channels = Channels {
        command: GET,
        ..Channels::default()
    };
    call(card, &mut channels)?;
    Ok(channels)
}

fn call(card: &str, channels: &mut Channels) -> Result<()> {
    let command = channels.command;
    // SAFETY: it is the whole struct of its command.
    unsafe { super::call(card, channels) }
        .with_context(|| format!("ethtool's command {command:#x} for {card}"))
}
