"""What `./controller/package` builds is what Lambda can run; prints sizes, cold starts and memory.

The build takes minutes. `PACKAGE_FOLDER` names one that is already there.
"""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import world

FUNCTIONS = ("controller", "registration", "administrator-settings")
ARCHITECTURE = "x86_64"
LARGEST = 8_000_000
# The C library of Amazon Linux 2023, which is the runtime provided.al2023.
NEWEST_GLIBC = (2, 34)
STARTS = 10


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built release."""
    if given := os.environ.get("PACKAGE_FOLDER"):
        return Path(given)
    output = tmp_path_factory.mktemp("dist")
    command = [sys.executable, world.ROOT / "controller/package", "--output", output]
    subprocess.run([*command, "--architecture", ARCHITECTURE], check=True)
    (made,) = output.iterdir()
    return made


@pytest.fixture(scope="session")
def programs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The unpacked functions."""
    unpacked = tmp_path_factory.mktemp("functions")
    for name in FUNCTIONS:
        with zipfile.ZipFile(folder / f"{name}-{ARCHITECTURE}.zip") as package:
            assert package.namelist() == ["bootstrap"], "Lambda starts `bootstrap`"
            mode = package.getinfo("bootstrap").external_attr >> 16
            assert mode & 0o111, "it must be executable"
            package.extract("bootstrap", unpacked / name)
        (unpacked / name / "bootstrap").chmod(0o755)
    return {name: unpacked / name / "bootstrap" for name in FUNCTIONS}


def version() -> str:
    """The version of the workspace."""
    manifest = (world.ROOT / "Cargo.toml").read_text()
    return re.search(r'^version = "([^"]+)"', manifest, re.MULTILINE).group(1)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_size(folder: Path, name: str) -> None:
    size = (folder / f"{name}-{ARCHITECTURE}.zip").stat().st_size
    print(f"{name}: {size / 1e6:.2f} MB zipped")
    assert size <= LARGEST


@pytest.mark.parametrize("name", FUNCTIONS)
def test_runs_on_the_runtimes_c_library(programs: dict[str, Path], name: str) -> None:
    command = ["readelf", "--version-info", "--wide", programs[name]]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    needs = {tuple(map(int, found)) for found in re.findall(r"GLIBC_(\d+)\.(\d+)", text)}
    assert needs, "not linked to the C library?"
    print(f"{name}: needs GLIBC {'.'.join(map(str, max(needs)))}")
    assert max(needs) <= NEWEST_GLIBC


def test_the_release_is_complete(folder: Path) -> None:
    assert folder.name == version()
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    listed = {line.split()[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert listed == {path.name for path in folder.iterdir()} - {"SHA256SUMS"}
    template = "workload-account.yaml"
    assert (folder / template).read_bytes() == (world.ROOT / "stacksets" / template).read_bytes()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bill_of_materials(folder: Path, name: str) -> None:
    text = (folder / f"{name}.cdx.json").read_text()
    document = json.loads(text)
    assert document["bomFormat"] == "CycloneDX"
    names = {component["name"] for component in document["components"]}
    assert {"aws-sdk-macie2", "lambda_runtime"} <= names
    assert not names & {"local-aws", "axum", "clap", "proptest"}, "not linked into a function"
    for folder_of_the_builder in (str(world.ROOT), str(Path.home())):
        assert folder_of_the_builder not in text, "a path of the builder's machine"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_version_is_in_the_user_agent(programs: dict[str, Path], name: str) -> None:
    assert f"macie-self-service-{version()}".encode() in programs[name].read_bytes()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_cold_start(programs: dict[str, Path], name: str) -> None:
    """From the start of the process to its first request for work, the local AWS answering."""
    with world.local_aws() as endpoint:
        started = [start(programs[name], endpoint) for _ in range(STARTS + 1)][1:]
    milliseconds = [seconds * 1e3 for seconds, _ in started]
    print(
        f"{name}: cold start {statistics.median(milliseconds):.1f} ms "
        f"({min(milliseconds):.1f} to {max(milliseconds):.1f}, {STARTS} starts), "
        f"{max(peak for _, peak in started) / 1024:.1f} MiB"
    )


def start(program: Path, endpoint: str) -> tuple[float, int]:
    """Seconds until the program asks for work, and its largest resident memory in KiB."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(world.PATIENCE)
        environment = {
            **world.BARE,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.getsockname()[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": "group",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": world.HOME,
            "AWS_ACCESS_KEY_ID": world.access_key(world.ADMINISTRATOR),
            "AWS_SECRET_ACCESS_KEY": world.SECRET,
            "MACIECTL_POLICY": (world.ROOT / "policies/self-service.json").read_text(),
        }
        began = time.perf_counter()
        process = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL)
        try:
            connection, _ = server.accept()
            with connection:
                request = connection.recv(4096)
                seconds = time.perf_counter() - began
                assert b"/runtime/invocation/next" in request, request
                status = Path(f"/proc/{process.pid}/status").read_text()
            return seconds, int(re.search(r"VmHWM:\s+(\d+)", status).group(1))
        finally:
            process.kill()
            process.wait()
