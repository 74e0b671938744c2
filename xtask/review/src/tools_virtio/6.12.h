/* SPDX-License-Identifier: GPL-2.0 */
/* Macros that virtio_ring.c and vringh.c use, and 6.12's tools/virtio lacks. */
#define MODULE_DESCRIPTION(text)
#define data_race(expr) (expr)
