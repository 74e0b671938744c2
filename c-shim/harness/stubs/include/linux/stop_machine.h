/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
int stop_one_cpu(unsigned int cpu, int (*fn)(void *data), void *data);
