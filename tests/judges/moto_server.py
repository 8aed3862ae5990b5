"""Starts a moto server, for the judges or for another program.

As a program, it runs a command with the services that moto has pointed at it, and ends with the
command's status:

    python moto_server.py -- cargo test -p controller-tests --test scenarios
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import world

# The services that the scenarios take from moto; Macie and Organizations stay on the local AWS.
SERVICES = ("S3", "S3_CONTROL", "STS", "RESOURCE_GROUPS_TAGGING_API", "SQS")
ATTEMPTS = 3


@contextmanager
def serving(account: str | None = None) -> Iterator[str]:
    """The endpoint of a fresh moto server on loopback, and the account of keys it does not know."""
    options = {"env": {**os.environ, "MOTO_ACCOUNT_ID": account}} if account else {}
    for _ in range(ATTEMPTS):
        port = world.free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with world.running(command, "moto.log", **options) as process:
            # Another program may have taken the port in between: then with another one.
            if world.await_port(process, port):
                yield f"http://127.0.0.1:{port}"
                return
    raise RuntimeError(f"moto did not start; see {world.logs() / 'moto.log'}")


def environment(endpoint: str) -> dict[str, str]:
    """The variables that point SDKs and the CLI at moto for its services."""
    return {f"AWS_ENDPOINT_URL_{service}": endpoint for service in SERVICES}


def main() -> int:
    """Runs the command after `--`."""
    if len(sys.argv) < 3 or sys.argv[1] != "--":
        print(__doc__, file=sys.stderr)
        return 64
    with serving() as endpoint:
        merged = {**os.environ, **environment(endpoint)}
        return subprocess.run(sys.argv[2:], env=merged).returncode


if __name__ == "__main__":
    sys.exit(main())
