// SPDX-License-Identifier: GPL-2.0
/*
 * Which virtqueues can be polled from the idle loop, which are, and why the others
 * are not.
 *
 * What a poller needs to know of a ring is in virtio_ring.c. What polls it is in
 * drivers/cpuidle/poll/.
 */

#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll_source.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio.h>

/**
 * struct virtio_poll_queue - a virtqueue that a transport attached
 * @vq: the virtqueue
 * @node: in the device's list
 * @obstacle: why the queue cannot be polled, for people to read, or NULL
 * @polled: @source is registered
 * @source: what can be polled
 *
 * Under the device's poll_lock.
 */
struct virtio_poll_queue {
	struct virtqueue *vq;
	struct list_head node;
	const char *obstacle;
	bool polled;
	struct poll_source source;
};

static void virtio_poll_start(struct virtio_poll_queue *queue)
{
	if (queue->polled || queue->obstacle)
		return;
	poll_source_register(&queue->source);
	queue->polled = true;
}

static void virtio_poll_stop(struct virtio_poll_queue *queue)
{
	if (queue->polled)
		poll_source_unregister(&queue->source);
	queue->polled = false;
}

/**
 * virtio_poll_add - the ring's part of virtqueue_poll_attach() is done
 * @vq: the virtqueue
 * @ring: its ring
 * @obstacle: why the ring cannot be polled, or NULL
 * @irq: the virtqueue's interrupt
 * @handler: called with @vq, or NULL for the actions of @irq
 */
void virtio_poll_add(struct virtqueue *vq, const struct poll_ring *ring,
		     const char *obstacle, unsigned int irq,
		     irq_handler_t handler)
{
	struct virtio_device *vdev = vq->vdev;
	struct virtio_poll_queue new = {
		.vq = vq,
		.obstacle = obstacle,
		.source = {
			.ring = *ring,
			.dev = &vdev->dev,
			.name = vq->name,
			.irq = irq,
			.handler = handler,
			.dev_id = vq,
		},
	};
	struct virtio_poll_queue *queue, *other;

	if (!obstacle && handler && force_irqthreads())
		new.obstacle = "interrupt handlers are threads";
	queue = kmemdup(&new, sizeof(new), GFP_KERNEL);
	/* Then the queue is left to its interrupt. */
	if (!queue)
		return;

	guard(mutex)(&vdev->poll_lock);
	/* Two pollers would take each other's word for the driver's. */
	list_for_each_entry(other, &vdev->poll_queues, node) {
		if (WARN_ON_ONCE(other->vq == vq)) {
			kfree(queue);
			return;
		}
	}
	list_add_tail(&queue->node, &vdev->poll_queues);
	if (vdev->poll_source)
		virtio_poll_start(queue);
}
EXPORT_SYMBOL_GPL(virtio_poll_add);

/**
 * virtio_poll_detach - virtqueues can be polled no longer
 * @vdev: the device
 * @vq: the virtqueue, attached or not; NULL: all of them
 *
 * Called by the transport before it frees the interrupt, or resets the queue or the
 * device: the ring means nothing from then on. When this returns, nobody polls the
 * queue, and its event suppression is its driver's. May sleep.
 */
void virtio_poll_detach(struct virtio_device *vdev, const struct virtqueue *vq)
{
	struct virtio_poll_queue *queue, *next;

	guard(mutex)(&vdev->poll_lock);
	list_for_each_entry_safe(queue, next, &vdev->poll_queues, node) {
		if (vq && queue->vq != vq)
			continue;
		virtio_poll_stop(queue);
		list_del(&queue->node);
		kfree(queue);
	}
}
EXPORT_SYMBOL_GPL(virtio_poll_detach);

/**
 * virtio_poll_set - poll a device's virtqueues from the idle loop, or do not
 * @vdev: the device
 * @on: whether to, now and for the queues it gets later
 *
 * May sleep.
 */
void virtio_poll_set(struct virtio_device *vdev, bool on)
{
	struct virtio_poll_queue *queue;

	guard(mutex)(&vdev->poll_lock);
	WRITE_ONCE(vdev->poll_source, on);
	list_for_each_entry(queue, &vdev->poll_queues, node) {
		if (on)
			virtio_poll_start(queue);
		else
			virtio_poll_stop(queue);
	}
}
EXPORT_SYMBOL_GPL(virtio_poll_set);

/**
 * virtio_poll_status - what became of the wish to poll a device
 * @vdev: the device
 *
 * May sleep.
 *
 * Return: "polled", "off", or what stands in the way, for people to read.
 */
const char *virtio_poll_status(struct virtio_device *vdev)
{
	const char *status = "no queue has an interrupt";
	const char *obstacle = poll_source_obstacle();
	struct virtio_poll_queue *queue;

	guard(mutex)(&vdev->poll_lock);
	if (!vdev->poll_source)
		return "off";
	list_for_each_entry(queue, &vdev->poll_queues, node) {
		if (obstacle)
			return obstacle;
		if (queue->polled && poll_source_bound(&queue->source))
			return "polled";
		status = queue->obstacle ?: "no CPU takes its interrupts";
	}
	return status;
}
EXPORT_SYMBOL_GPL(virtio_poll_status);
