"""The published policy and its schema, judged by Python's jsonschema."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import world

SCHEMA = json.loads((world.ROOT / "policies/self-service.schema.json").read_text())
POLICY = json.loads((world.ROOT / "policies/self-service.json").read_text())


SPOILT: dict[str, Callable[[dict[str, Any]], object]] = {
    "no version": lambda policy: policy.pop("version"),
    "another version": lambda policy: policy.update(version=2),
    "a member that is not known": lambda policy: policy.update(color="red"),
    "no Region": lambda policy: policy.update(regions=[]),
    "a duration in words": lambda policy: policy.update(gracePeriod="one day"),
    "a tag of AWS's own": lambda policy: policy["tag"].update(key="aws:macie"),
    "an account that is no id": lambda policy: policy["accounts"].update(mandatory=["1234"]),
    "a unit that is no id": lambda policy: policy["organizationalUnits"].update(excluded=["ou"]),
    "no accepted value": lambda policy: policy["tag"].update(values=[]),
    "more than every object": lambda policy: policy["jobs"].update(samplingPercentage=101),
    "text for a number": lambda policy: policy["circuitBreaker"].update(maxSuspensions="3"),
}


def test_the_schema_is_a_schema() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(SCHEMA)


def test_every_pattern_is_an_expression() -> None:
    found = patterns(SCHEMA)
    assert found
    for expression in found:
        re.compile(expression)


def patterns(schema: object) -> list[str]:
    """Find every `pattern` in a schema."""
    if isinstance(schema, list):
        return [found for part in schema for found in patterns(part)]
    if not isinstance(schema, dict):
        return []
    inner = [found for part in schema.values() for found in patterns(part)]
    own = schema.get("pattern")
    return [own, *inner] if isinstance(own, str) else inner


def test_the_policy_fits() -> None:
    assert not list(Draft202012Validator(SCHEMA).iter_errors(POLICY))


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_policy_does_not(name: str) -> None:
    policy = copy.deepcopy(POLICY)
    SPOILT[name](policy)
    assert list(Draft202012Validator(SCHEMA).iter_errors(policy))
