/* SPDX-License-Identifier: GPL-2.0 */
/* Without CONFIG_CPU_IDLE_POLL_SOURCE virtio_ring.c needs nothing of it. */
