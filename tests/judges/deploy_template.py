"""What a template of ours asks for with given parameters, in an account and Region."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import templates

# Property that is the physical name, and the rest of the ARN after the partition, by type.
NAMES: dict[str, tuple[str, Callable[[str, str, str], str]]] = {
    "AWS::CloudWatch::Alarm": ("AlarmName", lambda r, a, n: f"cloudwatch:{r}:{a}:alarm:{n}"),
    "AWS::Events::EventBus": ("Name", lambda r, a, n: f"events:{r}:{a}:event-bus/{n}"),
    "AWS::IAM::Role": ("RoleName", lambda _, a, n: f"iam::{a}:role/{n}"),
    "AWS::Lambda::Function": ("FunctionName", lambda r, a, n: f"lambda:{r}:{a}:function:{n}"),
    "AWS::Logs::LogGroup": ("LogGroupName", lambda r, a, n: f"logs:{r}:{a}:log-group:{n}:*"),
    "AWS::S3::Bucket": ("BucketName", lambda _, _a, n: f"s3:::{n}"),
    "AWS::SQS::Queue": ("QueueName", lambda r, a, n: f"sqs:{r}:{a}:{n}"),
    "AWS::SSM::Parameter": ("Name", lambda r, a, n: f"ssm:{r}:{a}:parameter{n}"),
}


class Unknown:
    """A value that the engine chooses, such as the id of a key: equal to any."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None

    def __repr__(self) -> str:
        return "<chosen by the engine>"


class Template(templates.Resolver):
    """A template with parameters, in an account and Region.

    `chosen` has what only the engine knows, such as `ResultsKey.Arn`.
    """

    def __init__(
        self,
        path: Path,
        given: dict[str, str],
        account: str,
        region: str,
        chosen: dict[str, str] | None = None,
    ) -> None:
        document = templates.load(str(path))
        self.account, self.region = account, region
        pseudo = {
            "AWS::AccountId": account,
            "AWS::NoValue": None,
            "AWS::Partition": "aws",
            "AWS::Region": region,
            "AWS::URLSuffix": "amazonaws.com",
        }
        super().__init__(document, {**pseudo, **(chosen or {})})
        for name, declared in document["Parameters"].items():
            value = given.get(name, declared.get("Default"))
            is_list = declared["Type"] == "CommaDelimitedList"
            self.values[name] = value.split(",") if is_list else value

    def asked(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Type and properties of every resource, by logical id."""
        return {name: (one["Type"], one["Properties"]) for name, one in self.resources().items()}

    def function(self, name: str, argument: Any) -> Any:
        """Resolves one function; attributes are those of named resources."""
        if name == "Fn::GetAtt":
            return self.attribute(*argument)
        return super().function(name, argument)

    def reference(self, name: str) -> Any:
        """The physical id of a resource, which is the name for all but queues."""
        if name in self.values:
            return self.values[name]
        kind = self.template["Resources"][name]["Type"]
        return self._name(name) if kind in NAMES and kind != "AWS::SQS::Queue" else Unknown()

    def attribute(self, name: str, attribute: str) -> Any:
        """The ARN of a resource, or its name."""
        if f"{name}.{attribute}" in self.values:
            return self.values[f"{name}.{attribute}"]
        kind = self.template["Resources"][name]["Type"]
        if kind not in NAMES:
            return Unknown()
        if attribute != "Arn":
            return self._name(name)
        return f"arn:aws:{NAMES[kind][1](self.region, self.account, self._name(name))}"

    def text(self, name: str) -> str:
        """What a placeholder of `Fn::Sub` stands for."""
        logical, _, attribute = name.partition(".")
        return str(self.attribute(logical, attribute) if attribute else self.reference(logical))

    def _name(self, name: str) -> str:
        resource = self.template["Resources"][name]
        return self.resolve(resource["Properties"][NAMES[resource["Type"]][0]])
