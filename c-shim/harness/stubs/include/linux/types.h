/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#include <stddef.h>

typedef _Bool bool;
#define true 1
#define false 0

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef signed short s16;
typedef unsigned long long u64;
