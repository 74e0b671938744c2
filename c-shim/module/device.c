// SPDX-License-Identifier: GPL-2.0
/*
 * device.c - the switch of each virtio device, and its queues
 *
 * The attributes are the same as in the series. The series documents them in
 * Documentation/ABI/testing/sysfs-bus-virtio-poll-source.
 *
 * A device is known to the module from BUS_NOTIFY_ADD_DEVICE, or from the scan
 * when the module is loaded, until BUS_NOTIFY_REMOVED_DEVICE, or until the
 * module is unloaded. poll_devices_files is held while a device becomes known
 * or unknown: its attributes must be created and removed while it is in sysfs.
 *
 * Lock order, outermost first: the lock of the device's parent, the device's
 * lock, rtnl, poll_devices_files, poll_devices_lock, poll_source_lock. Nobody
 * may wait for CPU hotplug while holding one of them: see bind.c.
 */

#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/virtio.h>

#include "module.h"

static bool poll_source_default;
module_param_named(poll_source, poll_source_default, bool, 0644);
MODULE_PARM_DESC(poll_source, "Poll new devices from the idle loop (default: N)");

static DEFINE_MUTEX(poll_devices_files);
static DEFINE_MUTEX(poll_devices_lock);
static LIST_HEAD(poll_devices);
/* The module is being unloaded: new devices stay unknown. */
static bool poll_devices_exiting;
/* Nothing is polled: the system is being suspended or shut down. */
static bool poll_devices_paused;

static struct poll_device *poll_device_find_locked(struct virtio_device *vdev)
{
	struct poll_device *pd;

	list_for_each_entry(pd, &poll_devices, node)
		if (pd->vdev == vdev)
			return pd;
	return NULL;
}

/**
 * poll_device_find - find the module's data of a device
 * @vdev: the device
 *
 * Return: the data, or NULL if the module does not know the device.
 */
struct poll_device *poll_device_find(struct virtio_device *vdev)
{
	struct poll_device *pd;

	mutex_lock(&poll_devices_lock);
	pd = poll_device_find_locked(vdev);
	mutex_unlock(&poll_devices_lock);
	return pd;
}

/* Poll the queue only while its device is on and polling is not paused. */
static void poll_device_set(const struct poll_device *pd, struct poll_queue *pq)
{
	bool on = pd->on && !poll_devices_paused;

	if (on == !list_empty(&pq->source.node))
		return;
	if (on)
		poll_source_register(&pq->source);
	else
		poll_source_unregister(&pq->source);
}

static void poll_device_set_all(const struct poll_device *pd)
{
	struct poll_queue *pq;

	list_for_each_entry(pq, &pd->queues, node)
		poll_device_set(pd, pq);
}

static void poll_device_drop(struct poll_queue *pq)
{
	if (!list_empty(&pq->source.node))
		poll_source_unregister(&pq->source);
	list_del(&pq->node);
	kfree(pq);
}

/* Create a source for a queue that has none, if it can be polled. */
static void poll_device_take(struct poll_device *pd, struct virtqueue *vq)
{
	struct poll_queue *pq = poll_queue_create(vq);

	if (!pq)
		return;
	list_add_tail(&pq->node, &pd->queues);
	poll_device_set(pd, pq);
}

/**
 * poll_device_attach - add a device's queues, which are all new to the module
 * @pd: the device
 *
 * The driver uses them, or is about to. Nobody may add or delete queues now.
 */
void poll_device_attach(struct poll_device *pd)
{
	struct virtqueue *vq;

	mutex_lock(&poll_devices_lock);
	if (!pd->gone && !poll_queue_obstacle(pd->vdev))
		virtio_device_for_each_vq(pd->vdev, vq)
			poll_device_take(pd, vq);
	mutex_unlock(&poll_devices_lock);
}

static void poll_device_drop_queue(struct poll_device *pd, struct virtqueue *vq)
{
	struct poll_queue *pq, *next;

	list_for_each_entry_safe(pq, next, &pd->queues, node)
		if (pq->vq == vq)
			poll_device_drop(pq);
}

/**
 * poll_device_attach_queue - add one of a device's queues, which is ready
 * @pd: the device
 * @vq: the queue; its ring may be a different one than before
 */
void poll_device_attach_queue(struct poll_device *pd, struct virtqueue *vq)
{
	mutex_lock(&poll_devices_lock);
	poll_device_drop_queue(pd, vq);
	if (!pd->gone && !poll_queue_obstacle(pd->vdev))
		poll_device_take(pd, vq);
	mutex_unlock(&poll_devices_lock);
}

/**
 * poll_device_detach - stop polling a device's queues, which are about to go
 * @pd: the device
 *
 * When this returns, no CPU looks at them or runs their handlers for a hit.
 */
void poll_device_detach(struct poll_device *pd)
{
	struct poll_queue *pq, *next;

	mutex_lock(&poll_devices_lock);
	list_for_each_entry_safe(pq, next, &pd->queues, node)
		poll_device_drop(pq);
	mutex_unlock(&poll_devices_lock);
}

/**
 * poll_device_detach_queue - stop polling one queue, which is about to go
 * @pd: the device
 * @vq: the queue
 */
void poll_device_detach_queue(struct poll_device *pd, struct virtqueue *vq)
{
	mutex_lock(&poll_devices_lock);
	poll_device_drop_queue(pd, vq);
	mutex_unlock(&poll_devices_lock);
}

/**
 * poll_devices_pause - pause or resume the polling of all devices
 * @pause: true: poll nothing; false: poll as before the pause
 *
 * When poll_devices_pause(true) returns, nothing is polled. May sleep.
 */
void poll_devices_pause(bool pause)
{
	struct poll_device *pd;

	mutex_lock(&poll_devices_lock);
	poll_devices_paused = pause;
	list_for_each_entry(pd, &poll_devices, node)
		poll_device_set_all(pd);
	mutex_unlock(&poll_devices_lock);
}

static ssize_t poll_source_show(struct device *dev, struct device_attribute *attr,
				char *buf)
{
	struct poll_device *pd = poll_device_find(dev_to_virtio(dev));

	return pd ? sysfs_emit(buf, "%d\n", READ_ONCE(pd->on)) : -ENODEV;
}

static ssize_t poll_source_store(struct device *dev, struct device_attribute *attr,
				 const char *buf, size_t count)
{
	struct poll_device *pd;
	bool on;
	int ret;

	ret = kstrtobool(buf, &on);
	if (ret)
		return ret;

	mutex_lock(&poll_devices_lock);
	pd = poll_device_find_locked(dev_to_virtio(dev));
	if (pd) {
		WRITE_ONCE(pd->on, on);
		poll_device_set_all(pd);
	}
	mutex_unlock(&poll_devices_lock);
	return pd ? count : -ENODEV;
}
static DEVICE_ATTR_RW(poll_source);

static const char *poll_device_status(const struct poll_device *pd)
{
	const struct poll_queue *pq;
	const char *obstacle;

	if (!pd->on)
		return "off";
	if (list_empty(&pd->queues)) {
		obstacle = pd->vdev->dev.driver ? poll_queue_obstacle(pd->vdev) : NULL;
		return obstacle ?: "no queue has an interrupt";
	}
	list_for_each_entry(pq, &pd->queues, node)
		if (!list_empty(&pq->source.node) && poll_source_bound(&pq->source))
			return "polled";
	return "no CPU takes its interrupts";
}

static ssize_t poll_source_status_show(struct device *dev,
				       struct device_attribute *attr, char *buf)
{
	ssize_t ret = -ENODEV;
	struct poll_device *pd;

	mutex_lock(&poll_devices_lock);
	pd = poll_device_find_locked(dev_to_virtio(dev));
	if (pd)
		ret = sysfs_emit(buf, "%s\n", poll_device_status(pd));
	mutex_unlock(&poll_devices_lock);
	return ret;
}
static DEVICE_ATTR_RO(poll_source_status);

/* Make a device known to the module. Called under poll_devices_files. */
static struct poll_device *poll_device_add(struct device *dev)
{
	struct virtio_device *vdev = dev_to_virtio(dev);
	struct poll_device *pd;

	if (poll_devices_exiting || poll_device_find(vdev))
		return NULL;
	pd = kzalloc(sizeof(*pd), GFP_KERNEL);
	if (!pd)
		return NULL;
	get_device(dev);
	pd->vdev = vdev;
	pd->on = poll_source_default;
	INIT_LIST_HEAD(&pd->queues);

	mutex_lock(&poll_devices_lock);
	list_add_tail(&pd->node, &poll_devices);
	mutex_unlock(&poll_devices_lock);
	poll_hooks_install(pd);

	if (device_create_file(dev, &dev_attr_poll_source) ||
	    device_create_file(dev, &dev_attr_poll_source_status))
		dev_warn(dev, "poll_source: creating the switch in sysfs failed\n");
	return pd;
}

/*
 * Remove a device's attributes, sources and hooks. Called under
 * poll_devices_files. Hooks that are still running may use @pd afterwards.
 */
static void poll_device_retire(struct poll_device *pd)
{
	struct device *dev = &pd->vdev->dev;

	if (device_is_registered(dev)) {
		device_remove_file(dev, &dev_attr_poll_source);
		device_remove_file(dev, &dev_attr_poll_source_status);
	}
	mutex_lock(&poll_devices_lock);
	pd->gone = true;
	mutex_unlock(&poll_devices_lock);
	poll_device_detach(pd);
	poll_hooks_remove(pd);
}

static void poll_device_free(struct poll_device *pd)
{
	mutex_lock(&poll_devices_lock);
	list_del(&pd->node);
	mutex_unlock(&poll_devices_lock);
	put_device(&pd->vdev->dev);
	kfree(pd);
}

/* The device has no driver and no attributes: nobody calls its operations. */
static void poll_device_removed(struct device *dev)
{
	struct poll_device *pd = poll_device_find(dev_to_virtio(dev));

	/* If the module is being unloaded, poll_devices_exit() frees @pd. */
	if (pd && !pd->gone) {
		poll_device_retire(pd);
		poll_device_free(pd);
	}
}

static int poll_bus_notify(struct notifier_block *nb, unsigned long action,
			   void *data)
{
	mutex_lock(&poll_devices_files);
	if (action == BUS_NOTIFY_ADD_DEVICE)
		poll_device_add(data);
	else if (action == BUS_NOTIFY_REMOVED_DEVICE)
		poll_device_removed(data);
	mutex_unlock(&poll_devices_files);
	return NOTIFY_DONE;
}

static struct notifier_block poll_bus_nb = { .notifier_call = poll_bus_notify };

/*
 * Make a device known that existed before the module. Its lock excludes that
 * drivers bind or unbind, its parent's lock excludes a reset by the PCI core,
 * and rtnl excludes that a network driver resets or resizes a queue. So no
 * queue changes between poll_device_add() (hooks) and poll_device_attach().
 */
static int poll_bus_scan(struct device *dev, void *unused)
{
	/* Keeps the parent while we wait for its lock, should the device go. */
	struct device *parent = get_device(dev->parent);
	struct poll_device *pd;

	if (parent)
		device_lock(parent);
	device_lock(dev);
	rtnl_lock();
	mutex_lock(&poll_devices_files);
	pd = device_is_registered(dev) ? poll_device_add(dev) : NULL;
	mutex_unlock(&poll_devices_files);
	if (pd && dev->driver)
		poll_device_attach(pd);
	rtnl_unlock();
	device_unlock(dev);
	if (parent)
		device_unlock(parent);
	put_device(parent);
	return 0;
}

/* Matches no device. The driver leads to its bus, which is not exported. */
static const struct virtio_device_id poll_bus_ids[] = { { 0 } };

static int poll_bus_probe(struct virtio_device *vdev)
{
	return -ENODEV;
}

static void poll_bus_remove(struct virtio_device *vdev)
{
}

static struct virtio_driver poll_bus_driver = {
	.driver.name = KBUILD_MODNAME,
	.id_table = poll_bus_ids,
	.probe = poll_bus_probe,
	.remove = poll_bus_remove,
};

int poll_devices_init(void)
{
	int ret;

	ret = register_virtio_driver(&poll_bus_driver);
	if (ret)
		return ret;
	ret = bus_register_notifier(poll_bus_driver.driver.bus, &poll_bus_nb);
	if (ret) {
		unregister_virtio_driver(&poll_bus_driver);
		return ret;
	}
	bus_for_each_dev(poll_bus_driver.driver.bus, NULL, NULL, poll_bus_scan);
	return 0;
}

/* When this returns, the module has no source, and no device refers to it. */
void poll_devices_exit(void)
{
	struct poll_device *pd, *next;

	mutex_lock(&poll_devices_files);
	poll_devices_exiting = true;
	list_for_each_entry(pd, &poll_devices, node)
		poll_device_retire(pd);
	mutex_unlock(&poll_devices_files);

	bus_unregister_notifier(poll_bus_driver.driver.bus, &poll_bus_nb);
	poll_hooks_synchronize();
	list_for_each_entry_safe(pd, next, &poll_devices, node)
		poll_device_free(pd);
	unregister_virtio_driver(&poll_bus_driver);
}
