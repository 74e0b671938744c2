// SPDX-License-Identifier: GPL-2.0
//! Watches whether every device completes what it was asked for.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, bail};
use guest_protocol::{Ask, Report};

use super::field::Field;
use super::post::Post;
use crate::threads::lock;

const TICK: Duration = Duration::from_millis(250);
/// A device that completes nothing for this long is reported, with all that is known of it.
const LATE: Duration = Duration::from_secs(2);
/// An operation that takes this long is lost. The limit is shorter than the kernel's hung task
/// timeout, so the loss is reported here.
const LOST: Duration = Duration::from_secs(16);

pub fn watch(field: &Field) -> Result<()> {
    while !field.is_over() {
        for post in &field.posts {
            look(field, post)?;
        }
        sleep(TICK);
    }
    Ok(())
}

fn look(field: &Field, post: &Post) -> Result<()> {
    let mut progress = lock(&post.progress);
    progress.read();
    let Some(waits) = progress.wait() else {
        return Ok(());
    };
    if waits < LATE || progress.told && waits < LOST {
        return Ok(());
    }
    progress.told = true;
    drop(progress);
    // After a change of the device its operation may be lost, but it must not hang: the work has
    // its own limit for a lost one.
    if post.is_excused() && waits < LOST {
        return Ok(());
    }
    let state = match post.virtio() {
        Ok(virtio) => virtio.state(),
        Err(err) => format!("{err:#}"),
    };
    let device = post.device;
    field.asker.send(&Report::Stuck {
        device,
        ms: waits.as_millis() as u64,
        state: state.clone(),
    })?;
    field.asker.ask(Ask::Rings { device })?;
    if waits >= LOST {
        bail!(
            "an operation of {device} is lost: none completed for {:.1} s; {state}",
            waits.as_secs_f64()
        );
    }
    Ok(())
}
