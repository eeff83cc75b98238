# SPDX-License-Identifier: Apache-2.0
"""The two forms of a fault test: a short one in `make test`, a long one in
`make soak`, where somebody watches. What bounds it is a variable of the
environment; CULVER_SEED begins elsewhere."""
import os
import time

SOAKING = os.environ.get("CULVER_SOAK") == "1"


def bound(name, short, long):
    """CULVER_NAME, or what the form has."""
    return int(os.environ.get(f"CULVER_{name}") or (long if SOAKING else short))


def seed():
    return bound("SEED", 1, 1)


class Progress:
    """A line now and then."""

    def __init__(self, what, every=10):
        self.what, self.every = what, every
        self.begun = self.told = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.begun

    def tell(self, text):
        print(f"soak: {self.what}: {self.seconds():.0f} s, {text}", flush=True)
        self.told = time.monotonic()

    def maybe(self, text):
        if time.monotonic() - self.told >= self.every:
            self.tell(text)
