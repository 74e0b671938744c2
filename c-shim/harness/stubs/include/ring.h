/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
/*
 * Of a virtqueue what its gate touches, under the names of virtio_ring.c. The
 * ring's memory is inside, and so are the device's and the driver's indices.
 */

#include <linux/device.h>
#include <linux/poll_source.h>

#define VRING_AVAIL_F_NO_INTERRUPT	1
#define VRING_PACKED_EVENT_FLAG_ENABLE	0
#define VRING_PACKED_EVENT_FLAG_DISABLE	1
#define VRING_PACKED_EVENT_FLAG_DESC	2

struct virtio_device {
	struct device dev;
	struct list_head poll_queues;
	bool poll_source;
};

struct virtqueue {
	struct virtio_device *vdev;
	void (*callback)(struct virtqueue *vq);
	const char *name;
};

struct vring_avail {
	u16 flags;
};

struct vring_packed_desc_event {
	u16 off_wrap;
	u16 flags;
};

struct vring_virtqueue {
	struct virtqueue vq;
	bool packed_ring;
	bool event;
	bool weak_barriers;
	bool broken;
	u16 last_used_idx;
	u16 used_idx;
	unsigned int handled;

	struct {
		struct {
			struct vring_avail *avail;
			u16 used_event;
		} vring;
	} split;
	struct {
		struct {
			struct vring_packed_desc_event *driver;
		} vring;
		u16 event_flags_shadow;
	} packed;
	struct vring_avail avail_memory;
	struct vring_packed_desc_event driver_memory;

	bool polled;
	struct poll_source source;
	struct list_head poll_node;
};

void ring_init(struct vring_virtqueue *vq, struct virtio_device *vdev,
	       bool callback);
bool ring_enable(struct vring_virtqueue *vq);
bool ring_disable(struct vring_virtqueue *vq);
int ring_interrupt(struct vring_virtqueue *vq);
bool ring_complete(struct vring_virtqueue *vq);
bool ring_drained(struct vring_virtqueue *vq);

void virtqueue_poll_attach(struct virtqueue *vq, unsigned int irq);
void virtqueue_poll_detach(struct virtqueue *vq);
void virtio_poll_detach_all(struct virtio_device *vdev);
void virtio_poll_synchronize(struct virtio_device *vdev);
void virtio_poll_set(struct virtio_device *vdev, bool on);
const char *virtio_poll_status(struct virtio_device *vdev);
