/* SPDX-License-Identifier: GPL-2.0 */
#pragma once
#define ENOENT		2
#define ENOMEM		12
#define ENOSPC		28
#define EOPNOTSUPP	95
