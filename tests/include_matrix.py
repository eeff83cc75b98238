#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that each folder of src/ includes and links only what it may.

The table is design's: a folder's line names the folders whose headers its
files may include, besides its own. The table itself must be triangular: a
folder may only name folders that stand above it. The same rule holds for what
a folder's meson.build links. Files of src/ itself (the program's main) belong
to everything.
"""
import pathlib
import re
import sys

SRC = pathlib.Path(__file__).resolve().parent.parent / "src"

MAY_INCLUDE = {
    "base": "",
    "message": "base",
    "wire": "base message",
    "store": "base",
    "mail": "base message store",
    "search": "base message store mail",
    "auth": "base",
    "lookup": "base auth",
    "net": "base",
    "session": "base message store mail net",
    "login": "base message wire net session/handover.h",
    "imap": "base message wire store mail search net session",
    "pop3": "base message wire store mail net session",
    "lmtp": "base message wire store mail net session",
    "server": "base message wire store mail search auth lookup net session login imap "
              "lmtp pop3",
    "cli": "base message",
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
# dependencies: [base, message, cmocka]
DEPENDENCIES = re.compile(r"dependencies:\s*\[?([^\]\)]*)")


def triangular():
    """Complaints about the table itself."""
    seen = set()
    for folder, allowed in MAY_INCLUDE.items():
        for name in allowed.split():
            if name.split("/")[0] not in seen:
                yield f"the table lets {folder} include {name} below it"
        seen.add(folder)


def includes(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[1]


def check_file(path, folder, allowed):
    for line, name in includes(path):
        where = f"src/{path.relative_to(SRC)}:{line}"
        target = name.split("/")[0]
        if not (SRC / name).exists():
            if not (SRC.parent / "build" / "src" / name).exists():
                yield f'{where}: "{name}" is not a path from src/'
        elif target != folder and target not in allowed \
                and name not in allowed:
            yield f'{where}: {folder} may not include "{name}"'


def check_meson(folder, allowed):
    text = (SRC / folder / "meson.build").read_text()
    text = re.sub(r"#.*", "", text)
    for match in DEPENDENCIES.finditer(text):
        for name in re.findall(r"\b[a-z_0-9]+\b", match[1]):
            if name in MAY_INCLUDE and name != folder and name not in allowed:
                # login takes one header of session, and with it the library.
                if not any(a.startswith(name + "/") for a in allowed):
                    yield f"src/{folder}/meson.build: links {name}"


def main():
    wrong = list(triangular())
    files = 0
    for folder in sorted(p.name for p in SRC.iterdir() if p.is_dir()):
        if folder not in MAY_INCLUDE:
            wrong.append(f"src/{folder}/ has no line in the table")
            continue
        allowed = MAY_INCLUDE[folder].split()
        for path in sorted((SRC / folder).rglob("*.[ch]")):
            files += 1
            wrong += check_file(path, folder, allowed)
        wrong += check_meson(folder, allowed)
    if files == 0:
        wrong.append("no files were checked")
    for complaint in wrong:
        print(complaint)
    print(f"include matrix: {files} files, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
