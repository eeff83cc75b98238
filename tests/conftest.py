# SPDX-License-Identifier: Apache-2.0
import pathlib
import tempfile

import pytest

from harness import Server, close_shared, corpus_root, shared_server


@pytest.fixture(scope="session", autouse=True)
def _close_shared():
    yield
    errors = close_shared()
    assert not errors, errors


@pytest.fixture
def server():
    """The shared server with the usual settings."""
    return shared_server()


@pytest.fixture
def own_server():
    """A server for one test: may be killed, restarted, reconfigured."""
    one = Server().start()
    yield one
    one.close()


@pytest.fixture
def homes():
    """A directory where the other server's users may go. Not pytest's: each
    run of pytest takes that away from everybody else again."""
    with tempfile.TemporaryDirectory(prefix="homes-") as name:
        path = pathlib.Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture
def corpus():
    root = corpus_root()
    if not root:
        pytest.skip("CULVER_CORPUS is not set")
    return root
