// SPDX-License-Identifier: GPL-2.0
//! Host root of the poll core.
