// SPDX-License-Identifier: GPL-2.0
//! What a guest asks of the host, carried out on QEMU's control socket.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use guest_init::{Ask, Device};
use serde_json::json;

use crate::guest::board::{self, Board};
use crate::guest::machine::MEMORY_MIB;
use crate::guest::qmp::Qmp;

pub struct Host<'a> {
    /// None: QEMU is going away.
    qmp: Option<Qmp>,
    board: &'a Board,
    /// What did not work. The guest waits in vain for its effect, and says so.
    pub refused: Vec<String>,
}

impl Host<'_> {
    pub fn new(qmp: Option<Qmp>, board: &Board) -> Host<'_> {
        Host {
            qmp,
            board,
            refused: Vec::new(),
        }
    }

    pub fn grant(&mut self, ask: &Ask) {
        if let Err(err) = self.try_to(ask) {
            self.refused.push(format!("{ask:?}: {err:#}"));
        }
    }

    fn try_to(&mut self, ask: &Ask) -> Result<()> {
        let qmp = self.qmp.as_mut().context("QEMU is going away")?;
        match *ask {
            Ask::Balloon { mib } => balloon(qmp, mib),
            Ask::Keys { events, gap_us } => keys(qmp, events, Duration::from_micros(gap_us)),
            Ask::Unplug { device } => qmp
                .command("device_del", json!({ "id": board::id(device) }))
                .map(drop),
            Ask::Plug { device } => plug(qmp, self.board, device),
        }
    }
}

fn balloon(qmp: &mut Qmp, mib: u64) -> Result<()> {
    let left = (MEMORY_MIB - mib) << 20;
    qmp.command("balloon", json!({ "value": left })).map(drop)
}

fn keys(qmp: &mut Qmp, events: u64, gap: Duration) -> Result<()> {
    for event in 0..events {
        let key = json!({ "type": "qcode", "data": "a" });
        let data = json!({ "down": event % 2 == 0, "key": key });
        let events = json!({ "events": [{ "type": "key", "data": data }] });
        qmp.command("input-send-event", events)?;
        sleep(gap);
    }
    Ok(())
}

/// The guest has seen the old one go; QEMU lets go of it a moment later.
fn plug(qmp: &mut Qmp, board: &Board, device: Device) -> Result<()> {
    qmp.wait_for("DEVICE_DELETED", board::id(device))?;
    for part in board.parts(device) {
        qmp.command("device_add", part.json())?;
    }
    Ok(())
}
