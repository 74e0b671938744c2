/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _POLL_MODULE_H
#define _POLL_MODULE_H
/*
 * The interfaces between the module's own files. The interfaces that it shares
 * with the series are in internal.h and <linux/poll_source.h>.
 */

#include <linux/virtio_config.h>

#include "internal.h"

struct virtio_device;
struct virtqueue;

/**
 * struct poll_queue - a virtqueue that can be polled
 * @source: the queue's source; it is registered if its own node is in a list
 * @vq: the queue
 * @node: in the list of its device's queues
 */
struct poll_queue {
	struct poll_source source;
	struct virtqueue *vq;
	struct list_head node;
};

/**
 * struct poll_device - a virtio device and its switch
 * @vdev: the device
 * @on: the switch: whether to poll the device
 * @gone: the device or the module is being removed: no queue is attached any
 *	more
 * @queues: its queues that can be polled
 * @config: the transport's operations
 * @hooked: a copy of @config, with hooks in front of some operations
 * @node: in the list of all devices
 */
struct poll_device {
	struct virtio_device *vdev;
	bool on;
	bool gone;
	struct list_head queues;
	const struct virtio_config_ops *config;
	struct virtio_config_ops hooked;
	struct list_head node;
};

/* bind_exit.c */
void poll_source_bind_exit(int state);

/* hit.c */
void poll_source_interrupted(void);
u64 poll_source_first_hit(void);
void poll_source_hits_init(void);
void poll_source_hits_exit(void);

/* idle.c */
int poll_source_idle_init(void);
void poll_source_idle_exit(void);

/* queue.c */
const char *poll_queue_obstacle(struct virtio_device *vdev);
struct poll_queue *poll_queue_create(struct virtqueue *vq);

/* device.c */
struct poll_device *poll_device_find(struct virtio_device *vdev);
void poll_device_attach(struct poll_device *pd);
void poll_device_attach_queue(struct poll_device *pd, struct virtqueue *vq);
void poll_device_detach(struct poll_device *pd);
void poll_device_detach_queue(struct poll_device *pd, struct virtqueue *vq);
void poll_devices_pause(bool pause);
int poll_devices_init(void);
void poll_devices_exit(void);

/* hooks.c */
void poll_hooks_install(struct poll_device *pd);
void poll_hooks_remove(struct poll_device *pd);
void poll_hooks_synchronize(void);

#endif /* _POLL_MODULE_H */
