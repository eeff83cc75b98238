# SPDX-License-Identifier: Apache-2.0
"""What was made up to be dear costs, byte for byte, no more than a small multiple
of what people send. Instructions are counted, so that a loaded machine comes to
the same; a quadratic step, at these sizes, costs a hundred times as much. In
`make soak` messages and mailboxes are eight times as large (CULVER_COST)."""
import concurrent.futures
import re
import shutil
import subprocess

import pytest

from harness import ROOT
from soaking import bound

PROGRAM = ROOT / "build" / "tests" / "attack" / "attack-cost"
# Of the kind's first row, which is ordinary input.
TIMES = 6
# At a time; a row takes some tenths of a second.
SHARDS = 2


@pytest.fixture(scope="module")
def rows():
    """{name: kind}, in order."""
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    subprocess.run(["/usr/bin/ninja", "-C", ROOT / "build", PROGRAM.relative_to(
        ROOT / "build")], check=True, stdout=subprocess.DEVNULL)
    listed = subprocess.run([PROGRAM, "list"], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return {name: kind for kind, name in
            (line.split(" ", 1) for line in listed.splitlines())}


def count(names, directory):
    """{name: instructions for each byte}"""
    directory.mkdir()
    subprocess.run(
        ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no",
         f"--callgrind-out-file={directory}/out", PROGRAM,
         str(bound("COST", 1, 8)), *names], check=True, timeout=6000)
    cost = {}
    for path in directory.glob("out.*"):
        text = path.read_text(errors="replace")
        name, size = re.search(r"Client Request: (.*)\|(\d+)", text).groups()
        total = re.search(r"^totals: (\d+)", text, re.M)[1]
        cost[name] = int(total) / int(size)
    return cost


@pytest.fixture(scope="module")
def costs(rows, tmp_path_factory):
    names, directory = list(rows), tmp_path_factory.mktemp("callgrind")
    cost = {}
    with concurrent.futures.ThreadPoolExecutor(SHARDS) as pool:
        for part in pool.map(
                lambda i: count(names[i::SHARDS], directory / str(i)),
                range(SHARDS)):
            cost.update(part)
    return cost


def test_cost_for_each_byte(rows, costs):
    ordinary, dear = {}, []
    assert list(costs) and set(costs) == set(rows)
    for name, kind in rows.items():
        usual = ordinary.setdefault(kind, costs[name])
        print(f"{name:28} {costs[name]:8.0f} a byte,"
              f" {costs[name] / usual:5.2f} times")
        if costs[name] > TIMES * usual:
            dear.append((name, round(costs[name] / usual, 1)))
    assert not dear
