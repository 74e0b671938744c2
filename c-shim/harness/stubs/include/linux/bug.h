/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <harness.h>

#define WARN_ON_ONCE(cond) \
	({ bool __c = (cond); if (__c) harness_fault("WARN_ON_ONCE(" #cond ")"); __c; })
