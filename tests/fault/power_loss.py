# SPDX-License-Identifier: Apache-2.0
"""What a power cut may leave of files whose writes recorder.c recorded.

Disk.feed() follows the record; Disk.after_cut() makes what is on the medium if
the power goes now: what was synced is there, of all else whatever the policy
says, which may be

    nothing   only what was synced
    all       everything, the last write of each file torn
    prefix    of each file the writes up to some point, the last one torn; of the
              directory the operations up to some point
    pages     of each file any of the 4 KiB pages written, in any order, its size
              old or new; of the directory any of the operations

A name is safe once its directory was synced, not with its file. What this
cannot show: a medium that says that it synced and did not; sectors that are
damaged by the cut itself though nobody wrote to them; a file system that reorders
across a sync, or brings back old content of freed blocks instead of zeros."""
import collections
import os
import struct

RECORD = struct.Struct("=ccHIQQ")
PAGE = 4096
POLICIES = ("nothing", "all", "prefix", "pages")
ROLES = {"m": "mail", "a": "auth"}


class File:
    def __init__(self):
        self.safe = bytearray()
        self.waiting = []       # (op, at, bytes)
        self.forgotten = 0      # of those that waited, became safe
        self.sync_began = {}

    def add(self, *change):
        self.waiting.append(change)

    def begin_sync(self, handle):
        self.sync_began[handle] = self.forgotten + len(self.waiting)

    def end_sync(self, handle):
        count = self.sync_began.pop(handle, 0) - self.forgotten
        for change in self.waiting[:max(0, count)]:
            apply(self.safe, *change)
        if count > 0:
            del self.waiting[:count]
            self.forgotten += count

    def after_cut(self, policy, chance):
        content = bytearray(self.safe)
        if policy == "nothing" or not self.waiting:
            return content
        if policy == "pages":
            return self.some_pages(content, chance)
        last = len(self.waiting)
        if policy == "prefix":
            last = chance.randint(0, last)
        for change in self.waiting[:max(0, last - 1)]:
            apply(content, *change)
        if last:
            op, at, data = self.waiting[last - 1]
            apply(content, op, at, data[:chance.randint(0, len(data))]
                  if op == "w" else data)
        return content

    def some_pages(self, content, chance):
        full = bytearray(self.safe)
        for change in self.waiting:
            op, at, data = change
            apply(full, *change)
            if op == "t" and chance.random() < 0.5:
                apply(content, *change)
            while op == "w" and data:
                room = PAGE - at % PAGE
                if chance.random() < 0.5:
                    apply(content, "w", at, data[:room])
                at, data = at + room, data[room:]
        if chance.random() < 0.5 and len(full) > len(content):
            content.extend(bytes(len(full) - len(content)))
        return content


def apply(content, op, at, data):
    if op == "t":
        del content[at:]
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    if op == "w":
        content[at:at + len(data)] = data


class Directory:
    """One role's: {name: File}."""

    def __init__(self):
        self.safe, self.now = {}, {}
        self.waiting = []       # (op, name, other name, File)
        self.forgotten = 0
        self.sync_began = {}

    def add(self, *change):
        self.waiting.append(change)
        rename(self.now, *change)

    def begin_sync(self, handle):
        self.sync_began[handle] = self.forgotten + len(self.waiting)

    def end_sync(self, handle):
        count = self.sync_began.pop(handle, 0) - self.forgotten
        for change in self.waiting[:max(0, count)]:
            rename(self.safe, *change)
        if count > 0:
            del self.waiting[:count]
            self.forgotten += count

    def after_cut(self, policy, chance):
        names = dict(self.safe)
        some = self.waiting
        if policy == "nothing":
            some = []
        elif policy == "prefix":
            some = some[:chance.randint(0, len(some))]
        elif policy == "pages":
            some = [c for c in some if chance.random() < 0.5]
        for change in some:
            rename(names, *change)
        return {name: file.after_cut(policy, chance)
                for name, file in names.items()}


def rename(names, op, name, other, file):
    if op in "ru":
        names.pop(name, None)
    if op == "c":
        names[name] = file
    if op in "rl":
        names[other] = file


class Disk:
    def __init__(self, path):
        self.record = open(path, "rb")
        self.directories = {r: Directory() for r in ROLES}
        self.open_files = {}
        self.counts = collections.Counter()

    def feed(self, until):
        """Up to that size of the record."""
        while self.record.tell() < until:
            head = self.record.read(RECORD.size)
            op, role, name_n, handle, at, n = RECORD.unpack(head)
            name = self.record.read(name_n).decode()
            data = self.record.read(n) if n else b""
            assert len(data) == n
            self.happened(op.decode(), role.decode(), handle, name, at, data)

    def happened(self, op, role, handle, name, at, data):
        where = self.directories[role]
        key = role, handle
        self.counts[op] += 1
        if op == "o":
            file = where.now.get(name)
            if file is None:
                file = File()
                where.add("c", name, None, file)
            self.open_files[key] = file
            if at & os.O_TRUNC:
                file.add("t", 0, b"")
        elif op in "wtx":
            self.open_files[key].add(op, at, data)
        elif op == "s":
            self.open_files[key].begin_sync(key)
        elif op == "S":
            self.open_files[key].end_sync(key)
        elif op == "d":
            where.begin_sync(key)
        elif op == "D":
            where.end_sync(key)
        elif op in "rl":
            name, other = name.split("/")
            if name in where.now:
                where.add(op, name, other, where.now[name])
        elif op == "u" and name in where.now:
            where.add("u", name, None, None)

    def after_cut(self, policy, chance):
        """{role's directory: {name: bytes}}"""
        return {ROLES[r]: where.after_cut(policy, chance)
                for r, where in self.directories.items()}
