// SPDX-License-Identifier: GPL-2.0
/*
 * hooks.c - notice when a device's queues are created, deleted and changed
 *
 * In the series the transports report this. In a stock kernel they do not, so
 * the module puts its own functions in front of the transport's. Everything
 * that can end a ring's life (driver unbound, device unplugged, suspended or
 * reset, ring resized or reset) first calls del_vqs(), reset() or
 * disable_vq_and_reset() of the device's virtio_config_ops, in a context that
 * may sleep. The hook ends the polling before the transport's function begins.
 * No code is patched, as it would be by probes.
 *
 * To remove its hooks, the module writes the transport's pointer back.
 * poll_hooks_synchronize() then waits for tasks that read the hooks' pointer
 * before, by synchronize_rcu_tasks(), and for calls that are in a hook, by a
 * counter.
 */

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/virtio.h>
#include <linux/wait.h>
#include <linux/wait_bit.h>

#include "module.h"

/* Number of calls that are in one of the hooks below. */
static atomic_t poll_hooks_calls = ATOMIC_INIT(0);

/*
 * Count a call of a hook, and find its device. The returned poll_device stays
 * until poll_hooks_exit(): see poll_hooks_synchronize().
 */
static struct poll_device *poll_hooks_enter(struct virtio_device *vdev)
{
	atomic_inc(&poll_hooks_calls);
	return poll_device_find(vdev);
}

static void poll_hooks_exit(void)
{
	if (atomic_dec_and_test(&poll_hooks_calls))
		wake_up_var(&poll_hooks_calls);
}

static int poll_hooks_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
			       struct virtqueue *vqs[],
			       struct virtqueue_info vqs_info[],
			       struct irq_affinity *desc)
{
	struct poll_device *pd = poll_hooks_enter(vdev);
	int ret = pd->config->find_vqs(vdev, nvqs, vqs, vqs_info, desc);

	if (!ret)
		poll_device_attach(pd);
	poll_hooks_exit();
	return ret;
}

static void poll_hooks_del_vqs(struct virtio_device *vdev)
{
	struct poll_device *pd = poll_hooks_enter(vdev);

	poll_device_detach(pd);
	pd->config->del_vqs(vdev);
	poll_hooks_exit();
}

/* The transport waits for running handlers. No hit may start one after that. */
static void poll_hooks_reset(struct virtio_device *vdev)
{
	struct poll_device *pd = poll_hooks_enter(vdev);

	poll_device_detach(pd);
	pd->config->reset(vdev);
	poll_hooks_exit();
}

static int poll_hooks_disable_vq_and_reset(struct virtqueue *vq)
{
	struct poll_device *pd = poll_hooks_enter(vq->vdev);
	int ret;

	poll_device_detach_queue(pd, vq);
	ret = pd->config->disable_vq_and_reset(vq);
	/* On an error the queue stays in use as before. */
	if (ret)
		poll_device_attach_queue(pd, vq);
	poll_hooks_exit();
	return ret;
}

static int poll_hooks_enable_vq_after_reset(struct virtqueue *vq)
{
	struct poll_device *pd = poll_hooks_enter(vq->vdev);
	int ret = pd->config->enable_vq_after_reset(vq);

	if (!ret)
		poll_device_attach_queue(pd, vq);
	poll_hooks_exit();
	return ret;
}

/**
 * poll_hooks_install - put the hooks in front of a device's operations
 * @pd: the device; poll_device_find() must find it from now on
 */
void poll_hooks_install(struct poll_device *pd)
{
	pd->config = pd->vdev->config;
	pd->hooked = *pd->config;
	pd->hooked.find_vqs = poll_hooks_find_vqs;
	pd->hooked.del_vqs = poll_hooks_del_vqs;
	pd->hooked.reset = poll_hooks_reset;
	if (pd->hooked.disable_vq_and_reset)
		pd->hooked.disable_vq_and_reset = poll_hooks_disable_vq_and_reset;
	if (pd->hooked.enable_vq_after_reset)
		pd->hooked.enable_vq_after_reset = poll_hooks_enable_vq_after_reset;
	/* Pairs with the address dependency of the callers of operations. */
	smp_store_release(&pd->vdev->config, &pd->hooked);
}

/**
 * poll_hooks_remove - remove the hooks from a device's operations
 * @pd: the device; poll_device_find() must find it, and it must not be freed,
 *	until poll_hooks_synchronize() returns, or until nobody can call an
 *	operation of the device any more
 */
void poll_hooks_remove(struct poll_device *pd)
{
	WRITE_ONCE(pd->vdev->config, pd->config);
}

/**
 * poll_hooks_synchronize - wait until nobody uses hooks that were removed
 *
 * Must not be called from a hook. May sleep, for some tenths of a second.
 */
void poll_hooks_synchronize(void)
{
	/*
	 * Afterwards each task that read the pointer is in a hook or past it.
	 */
	synchronize_rcu_tasks();
	wait_var_event(&poll_hooks_calls, !atomic_read(&poll_hooks_calls));
	/* Afterwards each has also executed the hook's last instruction. */
	synchronize_rcu_tasks();
}
