# SPDX-License-Identifier: Apache-2.0
"""The scripts of bench/ in their short form: counts against limits."""
import subprocess

import pytest

from harness import ROOT

SCRIPTS = ["sync", "deliver", "fetch", "select", "notify", "idle", "slow",
           "pop3"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_costs(name):
    done = subprocess.run(
        ["/usr/bin/python3", ROOT / "bench" / f"{name}.py", "--short"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=300)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "PASS" in done.stdout, done.stdout[-6000:]
