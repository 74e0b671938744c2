# SPDX-License-Identifier: GPL-2.0
"""Renders LAVA's template of a QEMU device with a job's context, as a server does.

For run-job.sh: needs lava_common, and the package lava-server unpacked in /opt/lava-server.
"""

import sys

import yaml
from jinja2 import FileSystemLoader
from lava_common.jinja import create_device_templates_env

TEMPLATES = "/opt/lava-server/usr/share/lava-server/device-types"

with open(sys.argv[1], encoding="utf-8") as job_file:
    job = yaml.safe_load(job_file)
environment = create_device_templates_env(loader=FileSystemLoader(TEMPLATES))
device = environment.get_template(f"{job['device_type']}.jinja2").render(**job["context"])
# It must be YAML, which is all that the dispatcher asks.
yaml.safe_load(device)
print(device)
