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
#define virtio_wmb(weak)		((void)(weak), __atomic_thread_fence(__ATOMIC_SEQ_CST))
#define virtio_mb(weak)			virtio_wmb(weak)
#define vring_used_event(vr)		((vr)->used_event)
#define vring_read_split_used_idx(vq)	READ_ONCE((vq)->used_idx)
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
	return READ_ONCE(vq->used_idx) != READ_ONCE(vq->last_used_idx);
}

static irqreturn_t vring_handle(struct vring_virtqueue *vq);
void virtio_poll_set(struct virtio_device *vdev, bool on);

#include "ring-gate.c"

/* A driver like virtblk_done(). One thread at a time is here: see @handled. */
static irqreturn_t vring_handle(struct vring_virtqueue *vq)
{
	if (!more_used(vq))
		return IRQ_NONE;
	vq->handled++;
	if (harness.in_handler)
		harness.in_handler();
	do {
		ring_disable(vq);
		WRITE_ONCE(vq->last_used_idx, READ_ONCE(vq->used_idx));
		ring_enable(vq);
	} while (more_used(vq));
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

/* Returns whether the gate saw to it. */
bool ring_enable(struct vring_virtqueue *vq)
{
	if (vring_gate_enable(vq, vq->last_used_idx))
		return true;
	if (vq->packed_ring)
		vq->packed.event_flags_shadow = vring_events_on_packed(vq);
	vring_publish(vq, vq->last_used_idx);
	return false;
}

bool ring_disable(struct vring_virtqueue *vq)
{
	if (vring_gate_disable(vq))
		return true;
	vring_poll_suppress(&vq->source.gate);
	return false;
}

/* vring_interrupt(), on the CPU that takes the interrupt. */
int ring_interrupt(struct vring_virtqueue *vq)
{
	unsigned int irq = vq->source.irq;
	irqreturn_t ret;

	harness_irq_begin(irq);
	harness.hardirq = true;
	ret = vring_polled(vq) ? vring_poll_interrupt(vq) : vring_handle(vq);
	harness.hardirq = false;
	harness_irq_end(irq);
	return ret;
}

/* The device uses a buffer. Returns whether it interrupts. */
bool ring_complete(struct vring_virtqueue *vq)
{
	u16 old = vq->used_idx, idx;

	__atomic_store_n(&vq->used_idx, old + 1, __ATOMIC_RELEASE);
	virtio_mb(true);
	if (vq->packed_ring) {
		u16 flags = READ_ONCE(vq->driver_memory.flags);

		virtio_wmb(true);
		if (flags != VRING_PACKED_EVENT_FLAG_DESC)
			return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
		idx = READ_ONCE(vq->driver_memory.off_wrap);
	} else if (vq->event) {
		idx = READ_ONCE(vq->split.vring.used_event);
	} else {
		return !READ_ONCE(vq->avail_memory.flags);
	}
	return idx == old;
}

bool ring_drained(struct vring_virtqueue *vq)
{
	return !more_used(vq);
}
