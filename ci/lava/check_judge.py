# SPDX-License-Identifier: GPL-2.0
"""Reads consoles by a job's monitors, as LAVA's TestMonitorAction does, and checks what comes out.

For check-job.sh. The consoles are made here: a guest that passes, and what can go wrong.
"""

import re
import sys

import yaml

BOOT = "[    0.000000] Linux version 7.3.4 (builder) #1 SMP\r\n[    0.9] Run /init as init process\r\n"
CASES = (
    '{"report":"stage","name":"data survives"}\r\n'
    '{"report":"case","name":"data survives","pass":true,"detail":"256 operations"}\r\n'
    '{"report":"skip","name":"events: told","why":"no tracing"}\r\n'
)
VERDICT = '{"report":"verdict","pass":true,"reason":""}\r\n'
FAILED = '{"report":"verdict","pass":false,"reason":"failed: data survives"}\r\n'
OFF = "[   11.9] ACPI: PM: Preparing to enter system sleep state S5\r\n[   11.9] reboot: Power down\r\n"
SPLAT = "[    4.1] BUG: scheduling while atomic: swapper/1/0/0x00010002\r\n"

ALL = [("data_survives", "pass"), ("events_told", "skip"), ("verdict", "pass"), ("reboot", "pass")]
SPLATTED = ("bug_", "fail")

# A console; the results; whether the job ends in time.
CONSOLES = [
    (BOOT + CASES + VERDICT + OFF, ALL, True),
    (BOOT + SPLAT + CASES + VERDICT + OFF, [SPLATTED, *ALL], True),
    (BOOT + CASES + VERDICT + SPLAT + OFF, [*ALL[:3], SPLATTED, ALL[3]], True),
    (BOOT + CASES + FAILED + OFF, [*ALL[:2], ("verdict", "fail"), ALL[3]], True),
    (BOOT + CASES + OFF, ALL[:2], False),
    (BOOT + CASES + VERDICT, ALL[:3], False),
    ("SeaBIOS\r\n", [], False),
]


class Console:
    """What pexpect does: of all patterns, the first match in what has come so far."""

    def __init__(self, text, chunk):
        self.rest, self.chunk, self.come = text, chunk, ""

    def expect(self, patterns):
        while True:
            found = [(match.start(), at, match) for at, match in enumerate(
                re.search(pattern, self.come, re.DOTALL) for pattern in patterns) if match]
            if found:
                _, at, match = min(found, key=lambda hit: hit[:2])
                self.come = self.come[match.end():]
                return at, match
            if not self.rest:
                raise EOFError
            self.come += self.rest[:self.chunk]
            self.rest = self.rest[self.chunk:]


def results(monitors, console):
    found = []
    try:
        for monitor in monitors:
            console.expect([monitor["start"]])
            while True:
                at, match = console.expect([monitor["end"], monitor["pattern"]])
                if at == 0:
                    break
                case = re.sub(r"\W+", "_", match["test_case_id"].strip().lower())
                found.append((case, monitor["fixupdict"][match["result"]]))
    except EOFError:
        return found, False
    return found, True


def main(path):
    with open(path, encoding="utf-8") as file:
        job = yaml.safe_load(file)
    monitors = job["actions"][-1]["test"]["monitors"]
    status = 0
    for text, cases, ended in CONSOLES:
        # A line may come in pieces.
        for chunk in (1, 7, len(text)):
            said = results(monitors, Console(text, chunk))
            if said != (cases, ended):
                print(f"{path}: of {text!r} in pieces of {chunk}: {said}, wanted {(cases, ended)}")
                status = 1
    return status


sys.exit(max(map(main, sys.argv[1:])))
