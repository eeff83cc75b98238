# SPDX-License-Identifier: Apache-2.0
"""What is printed of a row, and bench/RESULTS.md."""
import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

from servers import CULVER, ROOT

# Why a row stays below its goal: a section for each, by its name.
BELOW = ROOT / "bench" / "below.md"


def number(value):
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def medians(by_server, what="values"):
    return {name: statistics.median(there[what])
            for name, there in by_server.items()}


def ratio_of(figure, by_server):
    """Culver's median to the best peer's; None without peers. Of figures
    that stand for themselves: Culver's."""
    found = medians(by_server)
    own = found.pop("culver", None)
    if own is None or figure.absolute:
        return own
    if not found:
        return None
    best = (max if figure.more else min)(found.values())
    return own / best if best else None


def reached(figure, ratio):
    """True, False, or None: nobody can say."""
    if ratio is None or figure.goal is None:
        return None
    return ratio >= figure.goal if figure.more else ratio <= figure.goal


def word(good):
    return {True: "yes", False: "no", None: ""}[good]


def goal_of(figure):
    if figure.goal is None:
        return "–"
    if figure.absolute:
        return f"≤ {number(figure.goal)} {figure.unit}".rstrip()
    return f"{'≥' if figure.more else '≤'} {number(figure.goal)}"


def print_row(row, results):
    for figure in row.figures:
        by_server = results.get((row.name, figure.title))
        if not by_server:
            continue
        ratio = ratio_of(figure, by_server)
        print(f"\n{row.name}: {figure.title}  goal {goal_of(figure)}  "
              f"ratio {number(ratio)}  {word(reached(figure, ratio))}")
        for name, there in by_server.items():
            values = "  ".join(number(v) for v in there["values"])
            print(f"  {name:14} {number(statistics.median(there['values'])):>10}"
                  f" {figure.unit:7} CPU "
                  f"{1e6 * statistics.median(there['cpu']):9.1f} µs"
                  f"  calls {number(there['calls']):>6}"
                  f"  syncs {number(there['syncs']):>6}   ({values})")
    sys.stdout.flush()


def said(*command):
    try:
        return subprocess.run([str(c) for c in command], text=True, cwd=ROOT,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout.strip()
    except OSError:
        return ""


def package(name):
    """Installed, or what apt-get would download."""
    return said("dpkg-query", "-W", "-f", "${Version}", name) or (re.search(
        r"Candidate: (\S+)", said("apt-cache", "policy", name)) or "  ")[1]


def revision():
    """What is measured; the results themselves are no change of it."""
    changed = said("git", "status", "--porcelain", "-uno", "--", ".",
                   ":!bench/RESULTS.md", ":!bench/plots")
    return (said("git", "describe", "--always")
            + ("-dirty" if changed else ""))


def machine_lines(place):
    cpu = re.search(r"model name\s*: (.*)",
                    pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)",
                       pathlib.Path("/proc/meminfo").read_text())
    disk = said("stat", "-f", "-c", "%T", place)
    kernel = platform.release().split("-")[0]
    yield (f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, "
           f"{int(memory[1]) // 1048576} GiB, Linux {kernel}, "
           f"{disk}")
    yield (f"Culver {revision()} ({said(CULVER, '--version')}), Dovecot "
           f"{package('dovecot-core')}, Cyrus {package('cyrus-common')}")


def limits_table(limits):
    yield "| of the machine, in the same run | |"
    yield "| --- | --- |"
    for title, value in limits:
        yield f"| {title} | {value} |"


def figures_table(rows, names, results):
    yield ("| workload | goal | ratio | reached | "
           + " | ".join(names) + " | |")
    yield "| --- " * (5 + len(names)) + "|"
    for row in rows:
        for figure in row.figures:
            by_server = results.get((row.name, figure.title), {})
            found = medians(by_server)
            ratio = ratio_of(figure, by_server)
            yield (f"| {figure.title} | {goal_of(figure)} | {number(ratio)} | "
                   f"{word(reached(figure, ratio))} | "
                   + " | ".join(number(found.get(n)) for n in names)
                   + f" | {figure.unit} |")


def costs_table(rows, names, results):
    def cell(by_server, name):
        there = by_server.get(name)
        if not there:
            return "–"
        return " · ".join((
            number(1e6 * statistics.median(there["cpu"])),
            number(there["calls"]), number(there["syncs"])))

    yield "| workload | of each | " + " | ".join(names) + " |"
    yield "| --- " * (2 + len(names)) + "|"
    seen = set()
    for row in rows:
        for figure in row.figures:
            if (row.name, figure.bracket) in seen or row.workload == "disk":
                continue
            seen.add((row.name, figure.bracket))
            by_server = results.get((row.name, figure.title), {})
            yield (f"| {figure.title} | {figure.per[:-1]} | "
                   + " | ".join(cell(by_server, n) for n in names) + " |")


def explanations():
    """{row name: paragraph} of below.md."""
    text = BELOW.read_text() if BELOW.exists() else ""
    return {name: body.strip() for name, body in re.findall(
        r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.M | re.S)}


def below_lines(rows, results):
    known = explanations()
    for row in rows:
        missed = []
        for figure in row.figures:
            ratio = ratio_of(figure, results.get((row.name, figure.title), {}))
            if reached(figure, ratio) is False:
                missed.append(f"{figure.title}: {number(ratio)}, goal "
                              f"{goal_of(figure)}")
        if missed:
            yield f"**{'; '.join(missed)}.** " + known.get(
                row.name, "Not looked into yet.")
            yield ""


def write(path, rows, names, results, limits, failures, repeat, place,
          minutes):
    rows = [row for row in rows
            if any((row.name, f.title) in results for f in row.figures)]
    lines = [
        "# Measured beside Dovecot and Cyrus", "",
        f"Written by `make bench` on {datetime.date.today()} in {minutes:.0f} "
        f"minutes: medians of {repeat} turns, the servers one after the "
        "other in each. The ratio is Culver's figure to the best peer's; "
        "where a limit stands as the goal, Culver's figure itself. Every "
        "answer was checked.", "",
        *machine_lines(place), "", *limits_table(limits), "",
        *figures_table(rows, names, results), "",
        "## What it costs the server", "",
        "Processor time of all its processes in µs · system calls · syncs, "
        "of each message or operation. Calls and syncs are counted by strace "
        "in a turn of their own, with smaller numbers.", "",
        *costs_table(rows, names, results), "",
        "## Below their goals", "",
        *(list(below_lines(rows, results)) or ["None.", ""]),
        *(f"FAILED {text}" for text in failures),
    ]
    path.write_text("\n".join(lines).rstrip() + "\n")
