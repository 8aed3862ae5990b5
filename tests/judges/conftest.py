"""What the judges share: a local AWS, moto, and an environment without the caller's settings."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import moto_server
import world


def pytest_configure() -> None:
    """Keeps the caller's credentials, profiles and proxies away from every client."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update(world.BARE)


@pytest.fixture
def aws() -> Iterator[world.Driver]:
    """A fresh local AWS: the management account, the administrator and three workloads."""
    with world.local_aws() as endpoint:
        yield world.Driver(endpoint)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The endpoint of a moto server."""
    with moto_server.serving() as endpoint:
        yield endpoint
