// SPDX-License-Identifier: GPL-2.0
//! The patch series. [`spec`] reads what it is made of, [`commit`] makes commits of that and
//! [`mail`] mails of the commits; [`take`] makes the source of commits again, [`port`] puts the series
//! on kernels that are of no line. [`results`] decides which figures are shown, in the cover letter
//! and on the pages ([`readme`]). Each command lives in the file of its name.
//! Nothing here builds a kernel, and nothing sends mail.

pub mod b4;
pub mod commit;
pub mod conflict;
pub mod cover;
pub mod gen_patches;
pub mod import;
pub mod mail;
pub mod manifest;
pub mod message;
pub mod open;
pub mod opened;
pub mod port;
pub mod readme;
pub mod results;
pub mod spec;
pub mod staging;
pub mod take;
