/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#define core_initcall(fn)	int harness_initcall(void) { return fn(); }
#define device_initcall(fn)	int harness_device_initcall(void) { return fn(); }
