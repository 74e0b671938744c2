/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/*
 * The kernel as the shim sees it. build.rs replaces each header that the shim
 * includes and the series does not have by one that includes this file.
 */

#include "harness.h"
#include "basics.h"
#include "locks.h"
#include "cpus.h"
#include "interrupts.h"
#include "idle.h"
#include "files.h"
