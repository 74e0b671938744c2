# SPDX-License-Identifier: GPL-2.0
"""Checks job definitions by lava_common.schemas. For check-job.sh, which finds it."""

import sys

import yaml
from lava_common.schemas import validate
from voluptuous import Invalid


def main(paths):
    status = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            job = yaml.safe_load(file)
        try:
            validate(job, strict=True)
            print(f"{path}: valid")
        except Invalid as why:
            print(f"{path}: {why}")
            status = 1
    return status


sys.exit(main(sys.argv[1:]))
