"""The README's walkthrough, executed with the ordinary `aws` CLI."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import world
from test_scenarios import maciectl

ENDPOINT = "http://127.0.0.1:4566"


def walkthrough() -> str:
    """The commands between the README's walkthrough marks."""
    readme = (world.ROOT / "README.md").read_text()
    found = re.search(
        r"<!-- walkthrough.*?-->\n```sh\n(.*?)```\n<!-- /walkthrough -->", readme, re.S
    )
    assert found, "the README has no walkthrough"
    return found.group(1)


def test_the_walkthrough_does_what_it_says() -> None:
    """Enrolled and scanned, explained, and suspended a day after the tag is gone."""
    port = str(world.free_port())
    script = walkthrough().replace(ENDPOINT, f"http://127.0.0.1:{port}")
    script = script.replace("cargo maciectl", maciectl())
    tools = Path(sys.executable).parent
    environment = world.environment(world.WORKLOADS[0]) | {"PATH": f"{tools}:{os.environ['PATH']}"}
    command = [maciectl(), "local", "--port", port]
    with world.running(command, "readme.log", env=environment) as process:
        assert world.await_port(process, int(port)), "the local AWS did not start"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=world.ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    rest = done.stdout
    expected = (
        '"relationshipStatus": "Enabled"',
        "macie-self-service/300000000001/baseline/",
        "macie-self-service/300000000001/daily/",
        "300000000001 workload-1",
        "invoices in account 300000000001 and Region eu-west-1 is scanned",
        '"Paused"',
    )
    for text in expected:
        assert text in rest, f"`{text}` is missing or too early in:\n{said}"
        rest = rest.split(text, 1)[1]
