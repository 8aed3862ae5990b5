"""Starts the local AWS and drives it with boto3, every reply checked against AWS's models."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import OperationModel

import model

ROOT = Path(__file__).resolve().parents[2]
MANAGEMENT = "111111111111"
ADMINISTRATOR = "222222222222"
WORKLOADS = ("300000000001", "300000000002", "300000000003")
STRANGER = "999999999999"
OPERATOR = f"{ADMINISTRATOR}/macie-self-service-operator"
HOME = "eu-west-1"
# A Region that the organization does not govern, so that nothing is in it.
EMPTY = "eu-central-1"
SECRET = "any-secret-will-do"
PATIENCE = 30.0

# No metadata service, no profiles, no pager.
BARE = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_PAGER": "",
}

# boto3's names of the services that the local AWS lists by the name in their signatures.
CLIENTS = {"tagging": "resourcegroupstaggingapi"}
CONTROL = ("TagResource", "UntagResource", "ListTagsForResource")


def access_key(caller: str) -> str:
    """The access key on the local AWS of an account's own user, or of `<account>/<role>`."""
    account, _, role = caller.partition("/")
    if role:
        return f"ASIA{account}{role.upper().replace('-', '_')}"
    return f"AKIA0000{account}"


def client_of(service: str, operation: str) -> str:
    """boto3's name of the service of an operation of the local AWS."""
    if service == "s3" and operation in CONTROL:
        return "s3control"
    return CLIENTS.get(service, service)


@cache
def target_folder() -> Path:
    """Where Cargo builds."""
    text = _cargo("metadata", "--no-deps", "--format-version", "1", "--locked")
    return Path(json.loads(text)["target_directory"])


@cache
def logs() -> Path:
    """Where the logs of the servers and the reports of the judges are kept."""
    folder = target_folder() / "judges"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@cache
def server() -> Path:
    """The program that serves the local AWS, freshly built."""
    build("--example", "serve")
    return target_folder() / "debug" / "examples" / "serve"


@cache
def operations() -> tuple[tuple[str, str], ...]:
    """Service and name of every operation that the local AWS implements."""
    text = subprocess.run(
        [server(), "--operations"], check=True, capture_output=True, text=True
    ).stdout
    return tuple((entry["service"], entry["name"]) for entry in json.loads(text))


def build(kind: str, name: str) -> None:
    """Builds a program with the features that the tests have, so that nothing is built twice."""
    _cargo("build", "--quiet", "--locked", "--workspace", kind, name)


def _cargo(*arguments: str) -> str:
    done = subprocess.run(["cargo", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"cargo {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


@contextmanager
def running(command: list[str | Path], log: str, **options: Any) -> Iterator[subprocess.Popen]:
    """A program in the background, its output in a log; ended with the block."""
    with (logs() / log).open("ab") as output:
        options = {"stdout": output, "stderr": output, **options}
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=logs(), **options)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


@contextmanager
def local_aws(behind: str = "PT0S") -> Iterator[str]:
    """The endpoint of a fresh local AWS, whose clock may begin behind the machine's."""
    options = {"stdout": subprocess.PIPE, "text": True}
    with running([server(), "0", behind], "local-aws.log", **options) as process:
        for line in process.stdout:
            name, _, endpoint = line.strip().partition("AWS_ENDPOINT_URL=")
            if name.startswith("export") and endpoint:
                yield endpoint
                return
        raise RuntimeError(f"the local AWS ended with {process.wait()} before it was ready")


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(process: subprocess.Popen, port: int) -> bool:
    """Whether the program came to listen on the port."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def environment(account: str, endpoint: str | None = None) -> dict[str, str]:
    """The environment of a program that calls as an account, without the caller's settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
    }
    kept |= BARE | {
        "AWS_ACCESS_KEY_ID": access_key(account),
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": HOME,
        "AWS_REGION": HOME,
    }
    if endpoint is not None:
        kept["AWS_ENDPOINT_URL"] = endpoint
    return kept


@cache
def session() -> boto3.Session:
    """One session, so that every service model is read once."""
    return boto3.Session()


@cache
def pages(service: str, operation: str) -> bool:
    """Whether AWS answers the operation in pages."""
    made = client(service, "http://127.0.0.1:1", MANAGEMENT)
    return bool(model.page_tokens(made.meta.service_model.operation_model(operation)))


def client(
    service: str,
    endpoint: str,
    account: str,
    region: str = HOME,
    token: str | None = None,
    **more: Any,
) -> Any:
    """A boto3 client with botocore's validation of parameters on and without retries."""
    settings: dict[str, Any] = {
        "parameter_validation": True,
        "retries": {"total_max_attempts": 1},
        "connect_timeout": 5,
        "read_timeout": PATIENCE,
        "s3": {"addressing_style": "path"},
    }
    if service == "s3control":
        # botocore puts the account before the host, a name that only a proxy takes.
        settings["proxies"] = {"http": endpoint}
    credentials = {
        "aws_access_key_id": access_key(account),
        "aws_secret_access_key": SECRET,
        "aws_session_token": token,
        **more,
    }
    return session().client(
        service, endpoint_url=endpoint, region_name=region, config=Config(**settings), **credentials
    )


@dataclass
class Call:
    """A call that was answered."""

    service: str
    operation: str
    parameters: dict[str, Any]
    status: int
    error: str | None
    modelled: bool
    problems: list[str]
    asked_for_page: bool


@dataclass
class Driver:
    """Clients of one local AWS, which keep and judge every reply."""

    endpoint: str
    calls: list[Call] = field(default_factory=list)
    _clients: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def client(self, service: str, account: str, region: str = HOME) -> Any:
        """A client as an account, in a Region."""
        key = (service, account, region)
        if key not in self._clients:
            self._clients[key] = self.watched(client(service, self.endpoint, account, region))
        return self._clients[key]

    def watched(self, made: Any) -> Any:
        """A client whose replies are judged."""
        made.meta.events.register("before-parameter-build", self._note_parameters)
        made.meta.events.register("response-received", self._judge(made))
        return made

    def _note_parameters(self, params: dict[str, Any], **_: Any) -> None:
        self._parameters = dict(params)

    def _judge(self, made: Any) -> Callable[..., None]:
        def judge(event_name: str, response_dict: dict[str, Any] | None, **_: Any) -> None:
            if response_dict is None:
                return
            operation = made.meta.service_model.operation_model(event_name.rsplit(".", 1)[-1])
            reply = model.Reply(
                response_dict["status_code"],
                {name.lower(): value for name, value in response_dict["headers"].items()},
                response_dict["body"] if isinstance(response_dict["body"], bytes) else b"",
            )
            self.calls.append(self._call(operation, reply))

        return judge

    def _call(self, operation: OperationModel, reply: model.Reply) -> Call:
        parameters = getattr(self, "_parameters", {})
        failed = reply.status >= 300
        code = model.error_code(operation, reply) if failed else None
        check = model.check_error if failed else model.check_success
        return Call(
            service=operation.service_model.service_name,
            operation=operation.name,
            parameters=parameters,
            status=reply.status,
            # The reply to a HEAD has no body, so clients call the error by its status.
            error=(code or str(reply.status)) if failed else None,
            modelled=code in model.modelled_errors(operation),
            problems=check(operation, reply),
            asked_for_page=bool(model.page_tokens(operation) & parameters.keys()),
        )

    def refused(self, code: str, call: Callable[..., Any], **parameters: Any) -> ClientError:
        """Makes a call that must fail with a code."""
        try:
            reply = call(**parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] != code:
                raise AssertionError(f"expected {code}: {error}") from error
            return error
        raise AssertionError(f"expected {code}, found the reply {reply}")

    def control(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """A request to the control endpoints of the local AWS."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.endpoint}/_local/{path}", data=data)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE) as reply:
            return json.load(reply)

    def advance(self, duration: str) -> None:
        """Turns the clock forward by an ISO 8601 duration."""
        self.control("clock", {"advance": duration})
