"""Asks a custom resource's function as CloudFormation does, and waits for its answer."""

from __future__ import annotations

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import deploy
from deploy_template import Template

FUNCTIONS = {
    "Custom::MacieAdministratorSettings": "macie-self-service-settings",
    "Custom::MacieRegistration": "macie-self-service-registration",
}


def ask(functions: Any, template: Template, logical: str, kind: str) -> dict[str, Any]:
    """The answer to a request of a kind (Create, Update, Delete) for a resource of a template."""
    resource, properties = template.asked()[logical]
    answers: queue.Queue[dict[str, Any]] = queue.Queue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answers))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    request = {
        "RequestType": kind,
        "RequestId": f"{logical}-{kind}",
        "ResponseURL": f"http://127.0.0.1:{server.server_address[1]}/answer?signature=secret",
        "StackId": f"arn:aws:cloudformation:{template.region}:{template.account}:stack/judge/1",
        "LogicalResourceId": logical,
        "ResourceType": resource,
        "ResourceProperties": _as_text(properties),
    }
    if kind != "Create":
        request |= {"PhysicalResourceId": logical, "OldResourceProperties": _as_text(properties)}
    try:
        reply = functions.invoke(
            FunctionName=FUNCTIONS[resource], Payload=json.dumps(request).encode()
        )
        assert "FunctionError" not in reply, reply["Payload"].read()
        return answers.get(timeout=deploy.PATIENCE)
    finally:
        server.shutdown()
        server.server_close()


def _as_text(value: Any) -> Any:
    """CloudFormation hands every number and boolean over as text."""
    if isinstance(value, dict):
        return {name: _as_text(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    return value if isinstance(value, str) else str(value)


def _handler(answers: queue.Queue[dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
