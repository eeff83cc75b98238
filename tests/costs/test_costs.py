# SPDX-License-Identifier: Apache-2.0
"""The scripts of bench/counts/ in their short form: counts against limits."""
import subprocess

import pytest

from harness import ROOT

SCRIPTS = ["sync", "deliver", "fetch", "open_mailbox", "notify", "idle", "slow",
           "pop3"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_costs(name):
    done = subprocess.run(
        ["/usr/bin/python3", ROOT / "bench" / "counts" / f"{name}.py", "--short"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=300)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "PASS" in done.stdout, done.stdout[-6000:]


def test_bench_works():
    """bench/compare in tiny numbers: the loader's checks, no figures."""
    done = subprocess.run(
        ["/usr/bin/python3", ROOT / "bench" / "compare", "--smoke"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=300)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "fill of 100,000" in done.stdout, done.stdout[-6000:]
