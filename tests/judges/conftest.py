"""What the judges share: a local AWS, moto, and an environment without the caller's settings."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import focus
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


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[focus.Exports]:
    """FOCUS exports of an organization whose first account was enrolled 40 days ago."""
    # As far as `make` turns the clock, for `maciectl` has the machine's.
    with world.local_aws("PT960H8M") as endpoint:
        yield focus.make(world.Driver(endpoint), tmp_path_factory.mktemp("focus"))
