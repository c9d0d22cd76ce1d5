"""Fixtures: a running node per module, and fresh ones for tests that hurt them.

Everything goes through the outside contract: the binary's commands, its HTTP, its exit codes. No test reads the
node's files.
"""

import os
import pathlib
import warnings

import pytest

from node import Node

ROOT = pathlib.Path(__file__).resolve().parents[2]


def data(name):
    """A file or folder of real data beside the workspace; skips loudly when it is not there."""
    path = ROOT.parent / "shared" / name
    if not path.exists():
        warnings.warn(f"no ../shared/{name} beside the workspace: skipped", stacklevel=2)
        pytest.skip(f"no ../shared/{name} beside the workspace")
    return path


@pytest.fixture(scope="session")
def binary():
    path = pathlib.Path(os.environ.get("CRESSET_BINARY", ROOT / "target" / "debug" / "cresset"))
    if not path.exists():
        pytest.exit(f"no binary at {path}: run `cargo build -p cresset`, or set CRESSET_BINARY", returncode=4)
    return path


@pytest.fixture
def fresh(binary, tmp_path):
    """A node that was initialised but not started; stopped after the test."""
    node = Node(binary, tmp_path / "node")
    node.init()
    yield node
    node.close()


@pytest.fixture(scope="module")
def node(binary, tmp_path_factory):
    """One running node for a whole module, with two collections and users of several rights."""
    node = Node(binary, tmp_path_factory.mktemp("node") / "data")
    node.init()
    node.add_user("reader", "reader")
    node.add_user("writer", "analyst")
    node.add_user("nobody", "reader")
    admin = f"user:{node.admin}=rw"
    node.add_collection("alpha", "user:reader=r", "user:writer=rw", admin)
    node.add_collection("dropbox", "user:writer=w", admin)
    node.add_collection("empty", "user:reader=r", admin)
    node.serve()
    yield node
    node.close()
