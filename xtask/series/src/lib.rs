// SPDX-License-Identifier: GPL-2.0
//! The patch series. [`spec`] reads its source, [`commit`] makes commits from the source, and
//! [`mail`] makes mails from the commits. [`take`] turns commits back into source. [`port`] puts
//! the series on kernels that belong to no line. [`results`] decides which figures the cover letter
//! and the pages ([`readme`]) show; [`module`] is what the module is built from. Each command has a
//! file of its name. Nothing here builds a kernel or sends mail.

pub mod b4;
pub mod commit;
pub mod conflict;
pub mod cover;
pub mod gen_patches;
pub mod import;
pub mod mail;
pub mod manifest;
pub mod message;
pub mod module;
pub mod open;
pub mod opened;
pub mod port;
pub mod readme;
pub mod results;
pub mod spec;
pub mod staging;
pub mod take;
