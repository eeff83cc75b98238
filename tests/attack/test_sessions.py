# SPDX-License-Identifier: Apache-2.0
"""fuzz_sessions, for a short time; in `make soak` for a long one (CULVER_SESSIONS,
CULVER_CLIENTS, CULVER_SEED)."""
import os
import subprocess
import sys

from harness import ROOT
from soaking import bound, seed


def test_sessions():
    """From a seed, so that the short form goes the same way each time."""
    sanitizers = {
        "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") or
        "abort_on_error=1:quarantine_size_mb=32",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
    process = subprocess.Popen(
        [ROOT / "tests/attack/fuzz_sessions", "--seed", str(seed()),
         "--sessions", str(bound("SESSIONS", 100, 100_000)),
         "--clients", str(bound("CLIENTS", 8, 48))],
        env={**os.environ, **sanitizers}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace")
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("soak: "):
            print(line, end="", flush=True, file=sys.stdout)
    assert process.wait() == 0, "".join(said)[-12000:]
    assert "nothing found" in said[-1]
