/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

struct device {
	const char *name;
};

static inline const char *dev_name(const struct device *dev)
{
	return dev->name;
}
