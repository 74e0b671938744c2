/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_POLL_SOURCE_H
#define _LINUX_POLL_SOURCE_H
/*
 * The module's parts and what they have of each other. The series has a file of
 * this name for drivers; the events of <trace/events/poll_source.h> serve both.
 */

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/poll_core.h>
#include <linux/virtio_config.h>

struct cpuidle_device;
struct cpuidle_driver;
struct device;
struct irq_desc;
struct virtio_device;
struct virtqueue;

/**
 * struct poll_source_stats - the results of polling a source
 * @episodes: waits in which it was borrowed
 * @looks: looks at it
 * @hits: runs of its interrupt handler that no interrupt called
 * @missed: waits into which its interrupt broke
 * @time_ns: time in its handler, hits alone, without the softirqs after it
 *
 * Updated by one CPU at a time; a torn snapshot is fine.
 */
struct poll_source_stats {
	unsigned long episodes;
	unsigned long looks;
	unsigned long hits;
	unsigned long missed;
	u64 time_ns;
};

/**
 * struct poll_source - a virtqueue that a CPU can poll while it is idle
 * @ring: where to look, and whether it is borrowed
 * @dev: the virtio device
 * @name: the queue's name, which outlives the source
 * @vq: the queue
 * @irq: its interrupt, perhaps one of several users
 * @desc: the same; it outlives the source
 * @cpu: the CPU that polls it; negative while none does
 * @slot: its place on that CPU
 * @softirqs_ns: how long the softirqs after its hits take, at the worst lately
 * @node: in poll_sources
 * @sibling: among the sources of its device
 * @stats: what came of it so far, away from the ring's cache line
 */
struct poll_source {
	struct poll_ring ring;
	struct device *dev;
	const char *name;
	struct virtqueue *vq;
	unsigned int irq;
	struct irq_desc *desc;
	int cpu;
	u8 slot;
	u64 softirqs_ns;
	struct list_head node;
	struct list_head sibling;
	struct poll_source_stats stats ____cacheline_aligned;
};

/**
 * struct poll_cpu - what one CPU polls
 * @core: its poll machine
 * @sources: by slot
 * @nr: how many there are
 * @slots: all of them are in slots before this one
 * @limit: how long it waits, in ns; the own idle driver's
 * @waited: how long the last wait was, if without effect, so halt now; likewise
 * @started: when the last wait began
 * @hit_after: how far into it its first hit came, in ns; 0: none
 * @probe: the slot whose interrupts are counted in this wait
 * @fresh: when an interrupt last ran here, at the latest: jiffies were right
 *
 * Its own CPU alone touches it: the idle loop, or work on that CPU, which does
 * not run while the CPU is in its idle loop.
 */
struct poll_cpu {
	struct poll_core core;
	struct poll_source *sources[POLL_CORE_SOURCES];
	unsigned int nr;
	unsigned int slots;
	u64 limit;
	u64 waited;
	u64 started;
	u64 hit_after;
	u8 probe;
	u64 fresh;
};

DECLARE_PER_CPU(struct poll_cpu *, poll_cpus);

/**
 * struct poll_device - a virtio device and its switch
 * @vdev: the device
 * @on: whether it is to be polled
 * @gone: the device or the module goes: nothing is attached any more
 * @sources: its queues that can be polled, registered if @on
 * @config: the transport's operations
 * @hooked: the same, with ours in front of some
 * @node: in the list of all of them
 */
struct poll_device {
	struct virtio_device *vdev;
	bool on;
	bool gone;
	struct list_head sources;
	const struct virtio_config_ops *config;
	struct virtio_config_ops hooked;
	struct list_head node;
};

/* wait.c */
enum poll_core_reason poll_source_wait(struct poll_cpu *pc, u64 limit);

/* hit.c */
u64 poll_source_hit(struct poll_source *source, u64 *now);
void poll_source_update_jiffies(struct poll_cpu *pc, u64 now);
void poll_source_hits_init(void);
void poll_source_hits_exit(void);

/* idle.c */
int poll_source_idle_init(void);
void poll_source_idle_exit(void);

/* bind.c */
extern struct mutex poll_source_lock;
extern struct list_head poll_sources;
int poll_source_cpus_init(void);
void poll_source_cpus_exit(void);
void poll_source_register(struct poll_source *source);
void poll_source_unregister(struct poll_source *source);
void poll_source_follow(void);
void poll_source_pause(bool pause);

/* queue.c */
const char *poll_queue_obstacle(struct virtio_device *vdev);
struct poll_source *poll_queue_source(struct virtqueue *vq);

/* device.c */
struct poll_device *poll_device_find(struct virtio_device *vdev);
void poll_device_attach(struct poll_device *pd);
void poll_device_attach_queue(struct poll_device *pd, struct virtqueue *vq);
void poll_device_detach(struct poll_device *pd);
void poll_device_detach_queue(struct poll_device *pd, struct virtqueue *vq);
int poll_devices_init(void);
void poll_devices_exit(void);

/* hooks.c */
void poll_hooks_install(struct poll_device *pd);
void poll_hooks_remove(struct poll_device *pd);
void poll_hooks_synchronize(void);

/* stats.c */
void poll_source_stats_init(void);
void poll_source_stats_exit(void);

#endif /* _LINUX_POLL_SOURCE_H */
