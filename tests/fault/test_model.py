# SPDX-License-Identifier: Apache-2.0
"""The long form of tests/model/: clients that do random things, are cut off and
come back, against sessions in one process, and against a server whose mail role
is killed; as it is released, and some under sanitizers. CULVER_SCRIPTS so many
of each, CULVER_SEED to begin elsewhere. The short form is model/memory and
model/server among the unit tests."""
import os
import subprocess

import pytest

from harness import ROOT
from soaking import SOAKING, Progress, bound, seed

FORMS = [("memory", "build-gcc", 10_000), ("server", "build-gcc", 10_000),
         ("memory", "build-asan", 500), ("server", "build-asan", 300)]


def build(directory, *targets):
    for command in (["make", "-s", f"{directory}/build.ninja"],
                    ["/usr/bin/ninja", "-C", directory, *targets]):
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout[-4000:]
    return [ROOT / directory / target for target in targets]


@pytest.mark.skipif(not SOAKING, reason="the short form is a unit test")
@pytest.mark.parametrize("world, directory, scripts", FORMS)
def test_model(world, directory, scripts):
    program, culver = build(
        directory, f"tests/model/model-{world}-test", "culver")
    progress = Progress(f"model, {world}, {directory}")
    process = subprocess.Popen(
        [program] + [culver] * (world == "server"), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
        env={**os.environ, "CULVER_SEED": str(seed()),
             "CULVER_SCRIPTS": str(bound("SCRIPTS", 1, scripts))})
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("# seeds"):
            progress.maybe(line[2:].strip())
    assert process.wait() == 0, "".join(said)[-20000:]
