/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#define pr_debug(...)	do { } while (0)
