# SPDX-License-Identifier: Apache-2.0
"""A server whose roles have a small library of this directory preloaded."""
import pathlib
import subprocess

from delivering import LmtpServer

HERE = pathlib.Path(__file__).parent


class PreloadedServer(LmtpServer):
    """`source` is compiled; variables are set besides."""

    def __init__(self, source, variables, **more):
        super().__init__(**more)
        library = self.directory / "preloaded.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror",
                        "-o", library, HERE / source], check=True)
        self.real_program = self.program
        self.program = self.directory / "preloaded"
        words = " ".join(f'{k}="{self.directory}/{v}"'
                         for k, v in variables.items())
        self.program.write_text(
            f'#!/bin/sh\n{words} LD_PRELOAD="{library}" '
            f'exec "{self.real_program}" "$@"\n')
        self.program.chmod(0o755)
