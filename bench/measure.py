# SPDX-License-Identifier: Apache-2.0
"""Runs bench-load against a server and looks at the server meanwhile."""
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import tempfile
import time

from servers import ROOT, eventually

LOAD = pathlib.Path(os.environ.get("BENCH_LOAD",
                                   ROOT / "build" / "bench" / "bench-load"))
SYNCS = {"fsync", "fdatasync", "sync_file_range", "msync", "syncfs", "sync"}


SUMS = ("ops", "messages", "bytes", "seconds", "busy", "client_cpu", "cpu",
        "pss", "calls", "syncs")


class Cpu:
    """Processor seconds of the server."""

    def begin(self, server):
        self.before = server.cpu()

    def end(self, server):
        return {"cpu": server.cpu() - self.before}


class Memory(Cpu):
    """Also the bytes of PSS that came to be."""

    def begin(self, server):
        self.pss = server.pss()
        super().begin(server)

    def end(self, server):
        return {**super().end(server), "pss": server.pss() - self.pss}


class Perf(Cpu):
    """Processor time, and a profile of the server's processes in a file."""

    def __init__(self, path):
        self.path, self.process = path, None

    def begin(self, server):
        self.process = subprocess.Popen(
            ["perf", "record", "-q", "-g", "-F", "2000", "-o", self.path,
             "-p", ",".join(map(str, server.pids()))],
            stdin=subprocess.DEVNULL)
        # On a busy machine it is slow to begin.
        time.sleep(3)
        super().begin(server)

    def end(self, server):
        said = super().end(server)
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        return said


class Calls:
    """System calls, and syncs among them, by strace: it slows down what it
    looks at, so nothing else is measured then."""

    def begin(self, server):
        self.file = tempfile.NamedTemporaryFile(prefix="bench-calls-")
        pids = server.pids()
        words = ["strace", "-f", "-c", "-qq", "-o", self.file.name]
        for pid in pids:
            words += ["-p", str(pid)]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        for pid in pids:
            eventually(lambda: traced_or_gone(pid), "strace is attached")

    def end(self, _):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate()
        text = pathlib.Path(self.file.name).read_text()
        self.file.close()
        counts = {}
        for line in text.splitlines():
            words = line.split()
            # % time, seconds, usecs/call, calls, errors or nothing, name
            if len(words) >= 5 and re.fullmatch(r"[\d.]+", words[0]) and \
                    words[-1] != "total":
                counts[words[-1]] = int(words[3])
        return {"calls": sum(counts.values()), "by_name": counts,
                "syncs": sum(n for name, n in counts.items()
                             if name in SYNCS)}


def traced_or_gone(pid):
    """All its threads."""
    try:
        tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
        return all(re.search(r"^TracerPid:\s+[1-9]",
                             (task / "status").read_text(), re.M)
                   for task in tasks)
    except OSError:
        return True


class LoadFailed(Exception):
    pass


class Nothing:
    """For what is measured without a server."""

    def begin(self, _):
        pass

    def end(self, _):
        return {}


def machine(workload, **options):
    """A workload without a server."""
    return load(None, workload, Nothing(), **options)


def load(server, workload, look=None, **options):
    """What bench-load says of each thing measured, {name: {...}}, with what
    the look (Cpu by default) has to add."""
    look = look or Cpu()
    words = [LOAD, workload, "wait=1",
             *(f"{k}={v}" for k, v in options.items())]
    if server:
        port = server.imaps if options.get("tls") else server.imap
        words.append(f"port={port}")
    complaint = tempfile.TemporaryFile("w+")
    process = subprocess.Popen([str(w) for w in words], text=True, bufsize=1,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=complaint)
    results = {}
    for line in process.stdout:
        said = json.loads(line)
        if "begin" in said:
            look.begin(server)
        else:
            said.update(look.end(server))
            add(results, said)
        try:
            process.stdin.write("go\n")
            process.stdin.flush()
        except BrokenPipeError:
            break
    status = process.wait()
    complaint.seek(0)
    error = complaint.read()
    complaint.close()
    if status:
        name = server.name if server else "bench-load"
        raise LoadFailed(f"{name}: {' '.join(map(str, words[1:]))}: "
                         f"{error.strip()}")
    return results


def add(results, said):
    """What is measured in several pieces is one thing."""
    whole = results.setdefault(said["end"], {**said, "pieces": []})
    whole["pieces"].append(said)
    if whole["pieces"] == [said]:
        return
    for name in SUMS:
        if name in said:
            whole[name] += said[name]
    for name in ("p50", "p99"):
        whole[name] = statistics.median(p[name] for p in whole["pieces"])
    whole["max"] = max(whole["max"], said["max"])


def settle():
    """Between two servers' turns: what the one before left to do is done,
    as far as that does not take long."""
    try:
        subprocess.run(["sync"], timeout=5)
    except subprocess.TimeoutExpired:
        pass
    time.sleep(0.1)
