"""What a template of ours asks for: its resources with every function of CloudFormation applied.

Only the functions that the templates use are known; another one is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

NO_VALUE = object()


class Unknown:
    """A value that the engine chooses, such as the id of a key: equal to any."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None

    def __repr__(self) -> str:
        return "<chosen by the engine>"


class _Loader(yaml.SafeLoader):
    """YAML with the short forms of CloudFormation's functions, which become one-entry maps."""


def _short_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    else:
        value = loader.construct_sequence(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)
# A version date is text.
_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

# Property that is the physical name, and the rest of the ARN after the account, by type.
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


@dataclass
class Template:
    """A template with parameters, in an account and Region."""

    path: Path
    given: dict[str, str]
    account: str
    region: str
    # Ids that the engine has chosen, by logical id.
    chosen: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.document = yaml.load(self.path.read_text(), _Loader)
        self.parameters = {
            name: self._parameter(name, declared)
            for name, declared in self.document["Parameters"].items()
        }

    def resources(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Type and properties of every resource that is made here, by logical id."""
        return {
            name: (one["Type"], self._value(one["Properties"]))
            for name, one in self.document["Resources"].items()
            if "Condition" not in one or self._holds(one["Condition"])
        }

    def _parameter(self, name: str, declared: dict[str, Any]) -> Any:
        value = self.given.get(name, declared.get("Default"))
        return value.split(",") if declared["Type"] == "CommaDelimitedList" else value

    def _holds(self, condition: str) -> bool:
        return self._value(self.document["Conditions"][condition])

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            found = [self._value(one) for one in value]
            return [one for one in found if one is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument)
        found = {name: self._value(one) for name, one in value.items()}
        return {name: one for name, one in found.items() if one is not NO_VALUE}

    def _function(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._reference(argument)
            case "Fn::GetAtt":
                return self._attribute(*argument)
            case "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", self._substitute, argument)
            case "Fn::If":
                return self._value(argument[1 if self._holds(argument[0]) else 2])
            case "Fn::Equals":
                return self._value(argument[0]) == self._value(argument[1])
            case "Fn::Not":
                return not self._value(argument[0])
            case "Fn::Join":
                return argument[0].join(self._value(argument[1]))
        raise NotImplementedError(f"{name} in {self.path}")

    def _substitute(self, found: re.Match[str]) -> str:
        name, _, attribute = found[1].partition(".")
        known = self._attribute(name, attribute) if attribute else self._reference(name)
        if isinstance(known, list | Unknown):
            raise NotImplementedError(f"{found[0]} in {self.path}")
        return str(known)

    def _reference(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::NoValue": NO_VALUE,
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        kind = self.document["Resources"][name]["Type"]
        if kind == "AWS::SQS::Queue":
            return Unknown()
        return self._name(name) if kind in NAMES else Unknown()

    def _attribute(self, name: str, attribute: str) -> Any:
        kind = self.document["Resources"][name]["Type"]
        if name in self.chosen:
            return f"arn:aws:kms:{self.region}:{self.account}:key/{self.chosen[name]}"
        if kind not in NAMES:
            return Unknown()
        if attribute != "Arn":
            return self._name(name)
        return f"arn:aws:{NAMES[kind][1](self.region, self.account, self._name(name))}"

    def _name(self, name: str) -> str:
        resource = self.document["Resources"][name]
        return self._value(resource["Properties"][NAMES[resource["Type"]][0]])
