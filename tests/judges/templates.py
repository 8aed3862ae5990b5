"""The templates as CloudFormation sees them: short forms read, intrinsic functions resolved."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

import world

NAMES = [
    "stacksets/workload-account.yaml",
    "stacksets/stack-set.yaml",
    "stacksets/execution-role.yaml",
    "delegated-admin/controller.yaml",
    "delegated-admin/costs.yaml",
    "delegated-admin/management-account.yaml",
    "delegated-admin/organization-events.yaml",
]

# Values for every parameter, pseudo parameter and attribute that a policy names. A parameter that
# is not here has its default.
SAMPLES: dict[str, Any] = {
    "AWS::Partition": "aws",
    "AWS::AccountId": "222222222222",
    "AWS::Region": "eu-west-1",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": None,
    "OrganizationId": "o-exampleorg1",
    "AdministratorAccountId": "222222222222",
    "HomeRegion": "eu-west-1",
    "Regions": ["eu-west-1", "us-east-1"],
    "OrganizationalUnitIds": ["ou-ab12-workload1"],
    "OptInPolicy": '{"version":1}',
    "OperatorPrincipalArn": "arn:aws:iam::222222222222:role/example/operators-*",
    "OperatorRole": "macie-self-service-operator",
    "MacieServicePrincipals": ["macie.amazonaws.com", "macie.eu-south-1.amazonaws.com"],
    "MoveFrom": "300000000009",
    "AlarmEmail": "alarms@example.com",
    "ServiceControlPolicyTargets": ["ou-ab12-workload1"],
    "TagPolicyTargets": ["ou-ab12-workload1"],
    "CodeBucket": "example-code",
    "StackSetsAccountId": "111111111111",
    "BudgetUsd": "250",
    "BudgetEmail": "finops@example.com",
    "ResultsKeyArn": "arn:aws:kms:eu-west-1:222222222222:key/example",
    "ResultsKey.Arn": "arn:aws:kms:eu-west-1:222222222222:key/example",
    "OptInPolicyParameter": "/macie-self-service/policy",
    "Bus.Arn": "arn:aws:events:eu-west-1:222222222222:event-bus/macie-self-service",
    "Queue.Arn": "arn:aws:sqs:eu-west-1:222222222222:macie-self-service",
    "SweepQueue.Arn": "arn:aws:sqs:eu-west-1:222222222222:macie-self-service-sweep",
    "DeadLetters.Arn": "arn:aws:sqs:eu-west-1:222222222222:macie-self-service-dead-letters",
    "ControllerFunction.Arn": (
        "arn:aws:lambda:eu-west-1:222222222222:function:macie-self-service-controller"
    ),
    "SweeperFunction.Arn": (
        "arn:aws:lambda:eu-west-1:222222222222:function:macie-self-service-sweeper"
    ),
    "ResultsBucket.Arn": "arn:aws:s3:::macie-self-service-results-222222222222-eu-west-1",
}


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms; dates stay text, as CloudFormation keeps them."""


def short_form(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """Reads `!Sub x` as `{"Fn::Sub": x}`."""
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", short_form)
Loader.add_constructor("tag:yaml.org,2002:timestamp", yaml.SafeLoader.construct_yaml_str)


def load(name: str) -> dict[str, Any]:
    """Read one template, intrinsic functions in their long form."""
    return yaml.load((world.ROOT / name).read_text(), Loader)


class Resolver:
    """Resolves what a template says, with sample values."""

    def __init__(self, template: Mapping[str, Any], samples: Mapping[str, Any] = SAMPLES) -> None:
        """Take the parameters' defaults, and the samples before them."""
        self.template = template
        parameters = template.get("Parameters", {})
        defaults = {name: of["Default"] for name, of in parameters.items() if "Default" in of}
        self.values = {**defaults, **samples}

    def resources(self, kind: str | None = None) -> dict[str, Any]:
        """All resources that exist with the samples, resolved; `kind` is the type to keep."""
        return {
            name: self.resolve(of)
            for name, of in self.template["Resources"].items()
            if (kind is None or of["Type"] == kind)
            and ("Condition" not in of or self.condition(of["Condition"]))
        }

    def condition(self, name: str) -> bool:
        """Whether a condition of the template holds."""
        return bool(self.resolve(self.template["Conditions"][name]))

    def resolve(self, value: Any) -> Any:
        """Replace every intrinsic function below a value; `AWS::NoValue` removes its key."""
        if isinstance(value, list):
            return [self.resolve(part) for part in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self.function(name, argument)
        resolved = {key: self.resolve(part) for key, part in value.items()}
        return {key: part for key, part in resolved.items() if part is not None}

    def function(self, name: str, argument: Any) -> Any:
        """Resolve one intrinsic function; one that is not known here fails."""
        match name:
            case "Ref":
                return self.reference(argument)
            case "Fn::GetAtt":
                return self.values.get(".".join(argument), f"<{'.'.join(argument)}>")
            case "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda found: self.text(found[1]), argument)
            case "Fn::If":
                condition, yes, no = argument
                return self.resolve(yes if self.condition(condition) else no)
            case "Fn::Equals":
                left, right = self.resolve(argument)
                return left == right
            case "Fn::Not":
                return not self.resolve(argument[0])
            case "Fn::Join":
                between, parts = self.resolve(argument)
                return between.join([parts] if isinstance(parts, str) else parts)
        raise NotImplementedError(f"`{name}` is not resolved here: add it to templates.py")

    def reference(self, name: str) -> Any:
        """What `Ref` stands for: a sample, or the name of the resource in brackets."""
        if name in self.values:
            return self.values[name]
        if name in self.template["Resources"]:
            return f"<{name}>"
        raise KeyError(f"`{name}` has no sample value: add it to SAMPLES in templates.py")

    def text(self, name: str) -> str:
        """What a placeholder of `Fn::Sub` stands for."""
        if "." in name and name not in self.values:
            return f"<{name}>"
        return str(self.reference(name))


def filled(text: str) -> Any:
    """Read a JSON policy, samples in its placeholders; a list takes the whole string's place."""

    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(part) for part in value]
        if isinstance(value, dict):
            return {key: fill(part) for key, part in value.items()}
        if not isinstance(value, str):
            return value
        whole = re.fullmatch(r"\$\{([^}]+)\}", value)
        if whole:
            return SAMPLES[whole[1]]
        return re.sub(r"\$\{([^}]+)\}", lambda found: str(DEFAULTS[found[1]]), value)

    return fill(json.loads(text))


# What policies name that has a default in its template.
DEFAULTS = {**SAMPLES, "AdministrationRoleName": "AWSCloudFormationStackSetAdministrationRole"}
