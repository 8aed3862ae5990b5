"""Runs a Lambda function's program as Lambda does, with its Runtime API on loopback.

The API is the one of the AWS Lambda Developer Guide, "Using the Lambda runtime API". Only the
standard library is used: LocalStack's own Python runs this too.
"""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PATH = "/2018-06-01/runtime/"


@dataclass
class Invocation:
    """A payload that waits for its answer."""

    request_id: str
    arn: str
    payload: bytes
    seconds: float
    answered: threading.Event = field(default_factory=threading.Event)
    answer: bytes = b""
    failed: bool = False

    def finish(self, answer: bytes, failed: bool) -> None:
        """Keeps the answer and wakes whoever waits for it."""
        self.answer, self.failed = answer, failed
        self.answered.set()


class Function:
    """A program that asks its Runtime API for work, as long as it is not stopped."""

    def __init__(self, program: Path, environment: dict[str, str], log: Path) -> None:
        self.log = log
        self._next: queue.Queue[Invocation] = queue.Queue()
        self._running: dict[str, Invocation] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        api = f"127.0.0.1:{self._server.server_address[1]}"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [program],
                env={"PATH": os.environ["PATH"], **environment, "AWS_LAMBDA_RUNTIME_API": api},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def invoke(self, invocation: Invocation) -> Invocation:
        """Waits for the program's answer; one that ends or takes too long has failed."""
        self._running[invocation.request_id] = invocation
        self._next.put(invocation)
        deadline = time.monotonic() + invocation.seconds
        while not invocation.answered.wait(0.05):
            if self._process.poll() is not None:
                message = f'{{"errorMessage": "exit status {self._process.returncode}"}}'
                invocation.finish(message.encode(), failed=True)
            elif time.monotonic() > deadline:
                invocation.finish(b'{"errorMessage": "Task timed out"}', failed=True)
        del self._running[invocation.request_id]
        return invocation

    def stop(self) -> None:
        """Ends the program and the API."""
        self._process.kill()
        self._process.wait()
        self._server.shutdown()
        self._server.server_close()

    def _handler(function) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                invocation = function._next.get()
                deadline = int((time.time() + invocation.seconds) * 1000)
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                    "Lambda-Runtime-Deadline-Ms": str(deadline),
                    "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
                    "Content-Type": "application/json",
                }
                self._reply(200, invocation.payload, headers)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                what = self.path.removeprefix(PATH).split("/")
                if what[0] == "invocation" and what[1] in function._running:
                    function._running[what[1]].finish(body, failed=what[2] == "error")
                self._reply(202, b"{}", {})

            def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
