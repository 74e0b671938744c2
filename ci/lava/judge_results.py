# SPDX-License-Identifier: GPL-2.0
"""Prints the results that lava-run logged; fails if the guest's verdict is not among them, or if
one is neither a pass nor a skip."""

import sys

import yaml

with open(sys.argv[1], encoding="utf-8") as log:
    lines = yaml.safe_load(log)
results = [line["msg"] for line in lines if line["lvl"] == "results"]
own = [result for result in results if "poll-source" in result["definition"]]
for result in own:
    print(f"{result['result']:6} {result['definition']}: {result['case']}")
cases = {result["case"] for result in own}
bad = [result for result in results if result["result"] not in ("pass", "skip")]
for result in bad:
    print(f"not passed: {result}")
sys.exit(bool(bad) or not {"verdict", "reboot"} <= cases)
