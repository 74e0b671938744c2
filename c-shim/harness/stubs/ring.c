// SPDX-License-Identifier: GPL-2.0
/*
 * The gate of a virtqueue, as the series adds it to virtio_ring.c: build.rs
 * takes it out of c-shim/edits/ring-gate.diff. Around it what it calls there.
 */

#include <linux/bug.h>
#include <linux/export.h>
#include <linux/mutex.h>
#include <ring.h>

#define cpu_to_le16(x)			((u16)(x))
#define cpu_to_virtio16(vdev, x)	((u16)(x))
#define virtio_wmb(weak)		((void)(weak))
#define virtio_mb(weak)			((void)(weak))
#define vring_used_event(vr)		((vr)->used_event)
#define vring_read_split_used_idx(vq)	((vq)->used_idx)
#define to_vvq(_vq)	container_of(_vq, struct vring_virtqueue, vq)

#define list_for_each_entry_safe(pos, n, head, member)			\
	for (pos = container_of((head)->next, typeof(*pos), member),	\
	     n = container_of(pos->member.next, typeof(*pos), member);	\
	     &pos->member != (head);					\
	     pos = n, n = container_of(n->member.next, typeof(*n), member))

static bool virtqueue_is_packed(const struct vring_virtqueue *vq)
{
	return vq->packed_ring;
}

static bool more_used(const struct vring_virtqueue *vq)
{
	return vq->used_idx != vq->last_used_idx;
}

static irqreturn_t vring_handle(struct vring_virtqueue *vq);
void virtio_poll_set(struct virtio_device *vdev, bool on);

#include "ring-gate.c"

/* A driver like virtblk_done(). */
static irqreturn_t vring_handle(struct vring_virtqueue *vq)
{
	if (!more_used(vq))
		return IRQ_NONE;
	ring_disable(vq);
	vq->last_used_idx = vq->used_idx;
	vq->handled++;
	ring_enable(vq);
	return IRQ_HANDLED;
}

static void done(struct virtqueue *vq)
{
}

/* A queue without a callback is one that its driver polls. */
void ring_init(struct vring_virtqueue *vq, struct virtio_device *vdev,
	       bool callback)
{
	vdev->dev.name = "virtio0";
	vq->vq.vdev = vdev;
	vq->vq.name = "req.0";
	vq->vq.callback = callback ? done : NULL;
	vq->split.vring.avail = &vq->avail_memory;
	vq->packed.vring.driver = &vq->driver_memory;
	INIT_LIST_HEAD(&vdev->poll_queues);
	vring_poll_init(vq);
}

bool ring_enable(struct vring_virtqueue *vq)
{
	return vring_gate_enable(vq, vq->last_used_idx);
}

bool ring_disable(struct vring_virtqueue *vq)
{
	return vring_gate_disable(vq);
}

int ring_interrupt(struct vring_virtqueue *vq)
{
	return vring_poll_interrupt(vq);
}
