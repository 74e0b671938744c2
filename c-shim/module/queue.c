// SPDX-License-Identifier: GPL-2.0
/*
 * queue.c - find a virtqueue's ring and its interrupt
 *
 * In a stock kernel, the virtio core and the drivers know nothing of polling.
 * So this file uses what they export: virtqueue_get_vring(), and the actions of
 * the interrupts that virtio_pci has requested.
 *
 * For a split ring with an event index (VIRTIO_F_EVENT_IDX), everything that
 * polling needs is in shared memory. Other rings need data that only struct
 * vring_virtqueue has: how far the driver has got (packed rings), or whether
 * the driver itself has switched events off (rings that only have flags).
 *
 * The handlers of INTx and virtio-mmio act only if a status register says so.
 * That register stays 0 while the device is asked not to interrupt, so
 * handle_untracked_irq() would run these handlers without effect.
 */

#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "module.h"

/*
 * Limit for the entries of a ring. A driver asks for an event index at most one
 * ring ahead, and the poller's own index must be farther ahead.
 */
#define POLL_QUEUE_MAX	0x2000

static struct pci_dev *poll_queue_pci(struct virtio_device *vdev)
{
	struct device *parent = vdev->dev.parent;

	return parent && dev_is_pci(parent) ? to_pci_dev(parent) : NULL;
}

/*
 * With shared vectors the admin queue uses the vector of configuration changes,
 * not that of the queues.
 */
static bool poll_queue_is_admin(const struct virtqueue *vq)
{
	return virtio_has_feature(vq->vdev, VIRTIO_F_ADMIN_VQ) && vq->name &&
	       str_has_prefix(vq->name, "avq.");
}

/*
 * Return whether @action belongs to the queue's own vector, or to the vector
 * that the device's queues share. With the threadirqs parameter
 * vring_interrupt() is the thread's function, and a hit wakes the thread.
 */
static bool poll_queue_is_action(const struct irqaction *action,
				 struct virtqueue *vq, struct pci_dev *pdev)
{
	const char *suffix = action->name ? strrchr(action->name, '-') : NULL;

	if (action->dev_id == vq)
		return action->handler == vring_interrupt ||
		       action->thread_fn == vring_interrupt;
	return action->dev_id == pci_get_drvdata(pdev) && suffix &&
	       !strcmp(suffix, "-virtqueues") && !poll_queue_is_admin(vq);
}

static bool poll_queue_has_action(struct irq_desc *desc, struct virtqueue *vq,
				  struct pci_dev *pdev)
{
	struct irqaction *action;
	unsigned long flags;
	bool found = false;

	raw_spin_lock_irqsave(&desc->lock, flags);
	for (action = desc->action; action; action = action->next)
		if (poll_queue_is_action(action, vq, pdev))
			found = true;
	raw_spin_unlock_irqrestore(&desc->lock, flags);
	return found;
}

/* Return the interrupt whose handler calls vring_interrupt() for the queue. */
static int poll_queue_irq(struct virtqueue *vq)
{
	struct pci_dev *pdev = poll_queue_pci(vq->vdev);
	int i, irq;

	for (i = 0; (irq = pci_irq_vector(pdev, i)) >= 0; i++) {
		struct irq_data *data = irq_get_irq_data(irq);

		if (data && poll_queue_has_action(irq_data_to_desc(data), vq, pdev))
			return irq;
	}
	return -ENOENT;
}

/**
 * poll_queue_obstacle - why none of a device's queues can be polled
 * @vdev: a device with a driver
 *
 * Return: the reason, as a text for users; NULL if none applies to all queues.
 */
const char *poll_queue_obstacle(struct virtio_device *vdev)
{
	struct pci_dev *pdev = poll_queue_pci(vdev);

	if (!pdev || !pdev->msix_enabled)
		return "the device's interrupts are not MSI-X";
	if (virtio_has_feature(vdev, VIRTIO_F_RING_PACKED))
		return "the ring is packed";
	if (!virtio_has_feature(vdev, VIRTIO_RING_F_EVENT_IDX))
		return "the ring has no event index";
	return NULL;
}

/**
 * poll_queue_create - prepare a virtqueue for polling
 * @vq: the queue, of a device for which poll_queue_obstacle() returns NULL
 *
 * Return: the queue's data, which the caller frees with kfree(). NULL if the
 * queue cannot be polled: it has no callback, no interrupt or more entries than
 * can be polled, it is being reset, or there is no memory.
 */
struct poll_queue *poll_queue_create(struct virtqueue *vq)
{
	const struct vring *ring;
	struct poll_source *source;
	struct poll_queue *pq;
	int irq;

	/* The ring of a queue that is being reset may be about to be freed. */
	if (!vq->callback || vq->reset)
		return NULL;
	irq = poll_queue_irq(vq);
	if (irq < 0)
		return NULL;
	ring = virtqueue_get_vring(vq);
	if (!ring->num || ring->num > POLL_QUEUE_MAX)
		return NULL;
	/* Reclaim may need a disk whose reset waits for the caller's lock. */
	pq = kzalloc(sizeof(*pq), GFP_NOWAIT | __GFP_NOWARN);
	if (!pq)
		return NULL;

	/* x86 is little-endian like virtio 1; legacy rings are like the CPU. */
	BUILD_BUG_ON(!IS_ENABLED(CONFIG_X86_64));
	source = &pq->source;
	source->ring.kind = POLL_RING_EVENT;
	source->ring.size = ring->num;
	/* The same value as for rings that vp_setup_vq() creates. */
	source->ring.weak_barriers = true;
	source->ring.used = (const u16 *)&ring->used->idx;
	source->ring.avail = (const u16 *)&ring->avail->idx;
	source->ring.event = (u16 *)&vring_used_event(ring);
	source->dev = &vq->vdev->dev;
	source->name = vq->name;
	source->irq = irq;
	INIT_LIST_HEAD(&source->node);
	pq->vq = vq;
	return pq;
}
