"""LocalStack with two changes: functions are programs on this machine instead of containers, and
the access keys that roles have on the local AWS are known, so that one key fits both.

It runs in LocalStack's own Python. `localstack_engine.py` starts it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from localstack.aws import accounts
from localstack.runtime.main import main
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import DockerRuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

import runtime_api

LOOPBACK = "127.0.0.1"


class Programs(RuntimeExecutor):
    """Runs `bootstrap` of the function's zip with the environment that the function has.

    What is added to the environment is where the rest of AWS is: FUNCTIONS, as JSON.
    """

    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id, function_version)
        name = function_version.id.function_name
        self.log = Path(os.environ["FUNCTION_LOGS"], f"{name}-{id[:8]}.log")

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        pass

    @classmethod
    def validate_environment(cls) -> bool:
        return True

    def start(self, env_vars: dict[str, str]) -> None:
        program = self.function_version.config.code.get_unzipped_code_location() / "bootstrap"
        environment = {name: str(value) for name, value in env_vars.items()}
        environment |= json.loads(os.environ["FUNCTIONS"])
        # The local AWS's standing session of the role that the function has.
        role = self.function_version.config.role.rsplit("/", 1)[-1].upper().replace("-", "_")
        environment["AWS_ACCESS_KEY_ID"] = f"ASIA{self.function_version.id.account}{role}"
        self.function = runtime_api.Function(program, environment, self.log)

    def stop(self) -> None:
        self.function.stop()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        invocation = runtime_api.Invocation(
            payload["invoke-id"],
            payload["invoked-function-arn"],
            payload["payload"].encode(),
            self.function_version.config.timeout,
        )
        done = self.function.invoke(invocation)
        return InvocationResult(done.request_id, done.answer, done.failed, self.get_logs())

    def get_logs(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def get_address(self) -> str:
        return LOOPBACK

    def get_endpoint_from_executor(self) -> str:
        return LOOPBACK

    def get_runtime_endpoint(self) -> str:
        return f"http://{LOOPBACK}"


def account_of(access_key: str) -> str:
    """The account of a session's key: of one of LocalStack's, or of a role on the local AWS."""
    local_aws = re.match(r"ASIA(\d{12})", access_key)
    return local_aws[1] if local_aws else extract(access_key)


extract = accounts.extract_account_id_from_access_key_id
accounts.extract_account_id_from_access_key_id = account_of
DockerRuntimeExecutorPlugin.load = lambda self, *_, **__: Programs

if __name__ == "__main__":
    main()
