"""Starts LocalStack, in a network that ends at loopback.

LocalStack 4.14 listens on every address, whatever it is told. So it is only started where there is
no address but loopback: a network namespace of its own, which this program makes around a command:

    python localstack_engine.py -- python -m pytest test_deploy_localstack.py

It is installed in a virtual environment of its own (`tests/requirements-localstack.txt`), because
it needs Python 3.13 and versions of libraries that the other judges do not have.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import world

PORT = 4566
ENDPOINT = f"http://127.0.0.1:{PORT}"
# Without root, a user namespace allows the network namespace.
NAMESPACES = (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"])
INSIDE = "MACIE_JUDGES_OWN_NETWORK"
# linux/sockios.h and linux/if.h
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1


def missing() -> str | None:
    """Why LocalStack cannot run here, or nothing."""
    if not _python().exists():
        return f"{_python()} is not there; tests/check installs it"
    if [name for _, name in socket.if_nameindex()] != ["lo"]:
        return f"not in a network of its own; run it with `{__file__} -- COMMAND`"
    return None


@contextmanager
def serving(functions: dict[str, str]) -> Iterator[str]:
    """The endpoint of a fresh LocalStack, and what its functions get besides their environment."""
    if reason := missing():
        raise RuntimeError(f"LocalStack cannot run: {reason}")
    with tempfile.TemporaryDirectory(prefix="localstack-") as home:
        command = [_python(), Path(__file__).with_name("localstack_server.py")]
        options = {"env": _environment(home, functions)}
        shutil.rmtree(_function_logs(), ignore_errors=True)
        _function_logs().mkdir()
        with world.running(command, "localstack.log", **options) as process:
            if not world.await_port(process, PORT):
                raise RuntimeError(
                    f"LocalStack did not start; see {world.logs() / 'localstack.log'}"
                )
            yield ENDPOINT


def client(service: str, account: str, region: str) -> Any:
    """A client as an account, which LocalStack knows by an access key id of its digits."""
    return world.client(service, ENDPOINT, account, region, aws_access_key_id=account)


def _function_logs() -> Path:
    return world.logs() / "functions"


def _python() -> Path:
    return world.target_folder() / "localstack-venv" / "bin" / "python"


def _environment(home: str, functions: dict[str, str]) -> dict[str, str]:
    """No telemetry, no downloads, no DNS server, and nothing outside of its own folder."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": home,
        "TMPDIR": home,
        "XDG_CACHE_HOME": home,
        "CONFIG_DIR": home,
        "LOCALSTACK_VOLUME_DIR": home,
        "GATEWAY_LISTEN": f"127.0.0.1:{PORT}",
        "DNS_ADDRESS": "0",
        "LOCALSTACK_HOST": f"127.0.0.1:{PORT}",
        "FUNCTIONS": json.dumps(functions),
        "FUNCTION_LOGS": str(_function_logs()),
        "PARITY_AWS_ACCESS_KEY_ID": "1",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "SQS_DISABLE_CLOUDWATCH_METRICS": "1",
    }


def _loopback_up() -> None:
    """A new network namespace has loopback, but down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


def main() -> int:
    """Runs the command after `--` in a network of its own."""
    if len(sys.argv) < 3 or sys.argv[1] != "--":
        print(__doc__, file=sys.stderr)
        return 64
    command = sys.argv[2:]
    if INSIDE in os.environ:
        _loopback_up()
        os.execvp(command[0], command)
    for namespace in NAMESPACES:
        if subprocess.run([*namespace, "true"], capture_output=True).returncode == 0:
            own = [*namespace, sys.executable, __file__, "--", *command]
            return subprocess.run(own, env={**os.environ, INSIDE: "yes"}).returncode
    print("no network namespace can be made here: LocalStack is not started", file=sys.stderr)
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main())
