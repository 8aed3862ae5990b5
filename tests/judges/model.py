"""Checks raw replies against the service models that AWS publishes with botocore.

botocore's own parser is lenient: it drops members that it does not know, and takes any text where
the model has an enumeration. Here each of these is a problem, told with its path.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree

from botocore.model import OperationModel, Shape, StructureShape

Problems = Iterator[str]

DEFAULT_TIMESTAMP = {
    "json": "unixTimestamp",
    "rest-json": "unixTimestamp",
    "query": "iso8601",
    "rest-xml": "iso8601",
}

# Codes of SQS before it spoke JSON that are not the error's name with the service before it
# (SQS API Reference, errors of CreateQueue and GetQueueUrl).
OLD_CODES = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
}


@dataclass(frozen=True)
class Reply:
    """An HTTP reply; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def protocol(operation: OperationModel) -> str:
    """The protocol in which botocore speaks to the service."""
    return operation.service_model.resolved_protocol


def check_success(operation: OperationModel, reply: Reply) -> list[str]:
    """What a successful reply has that the model does not allow."""
    output = operation.output_shape
    if output is None:
        kind = protocol(operation)
        if kind == "query":
            return list(_query(operation, reply, StructureShape("Empty", {"members": {}})))
        return _nothing(reply)
    match protocol(operation):
        case "json":
            return list(_json_body(output, reply.body, "json"))
        case "query":
            return list(_query(operation, reply, output))
        case "rest-json" | "rest-xml" as kind:
            return list(_rest(operation, reply, output, kind))
        case other:
            return [f"the judge cannot read protocol {other}"]


def error_code(operation: OperationModel, reply: Reply) -> str | None:
    """The code of an error reply, as the SDKs find it."""
    if protocol(operation) in ("json", "rest-json"):
        text = reply.headers.get("x-amzn-errortype") or _json(reply.body).get("__type", "")
        return text.split(":")[0].rsplit("#", 1)[-1] or None
    found = _find(ElementTree.fromstring(reply.body), "Code") if reply.body else None
    return found.text if found is not None else None


def check_error(operation: OperationModel, reply: Reply) -> list[str]:
    """What an error reply has that the model does not allow; unmodelled codes are passed over."""
    code = error_code(operation, reply)
    shape = modelled_errors(operation).get(code or "")
    problems = list(_error_status(operation, shape, reply))
    if shape is None or protocol(operation) not in ("json", "rest-json"):
        return problems
    document = _json(reply.body)
    document.pop("__type", None)
    # Services spell the member in either way, and every SDK reads both.
    message = document.pop("message", document.pop("Message", None))
    if not isinstance(message, str) or not message:
        problems.append("the error has no message")
    known = {_key(name, member): member for name, member in shape.members.items()}
    for name, value in document.items():
        if name not in known:
            problems.append(f".{name}: not a member of {shape.name}")
        else:
            problems += _value(known[name], value, f".{name}", "unixTimestamp")
    problems += _query_header(operation, shape, reply)
    return problems


def modelled_errors(operation: OperationModel) -> dict[str, StructureShape]:
    """The errors that the model lists for the operation, by the name that replies carry."""
    names = "name" if protocol(operation) in ("json", "rest-json") else "error_code"
    return {getattr(shape, names): shape for shape in operation.error_shapes}


def page_tokens(operation: OperationModel) -> set[str]:
    """The members of the input that ask for a further page, if replies tell of one."""
    tokens = {"NextToken", "nextToken", "ContinuationToken", "PaginationToken"}
    told = tokens | {"NextContinuationToken"}
    if operation.input_shape is None or operation.output_shape is None:
        return set()
    if not told & set(operation.output_shape.members):
        return set()
    return tokens & set(operation.input_shape.members)


def _error_status(
    operation: OperationModel, shape: StructureShape | None, reply: Reply
) -> Problems:
    if shape is None:
        return
    expected = shape.metadata.get("error", {}).get("httpStatusCode")
    if expected is None and protocol(operation) == "json":
        expected = 500 if shape.metadata.get("fault") else None
    if expected is not None and expected != reply.status:
        yield f"{shape.name} has status {reply.status}, the model says {expected}"


def _query_header(operation: OperationModel, shape: StructureShape, reply: Reply) -> Problems:
    """Services that came from the query protocol repeat the old code in a header."""
    if "awsQueryCompatible" not in operation.service_model.metadata:
        return
    prefixed = f"AWS.SimpleQueueService.{shape.name}"
    old = {shape.name, OLD_CODES.get(shape.name, prefixed)}
    code, _, fault = reply.headers.get("x-amzn-query-error", "").partition(";")
    if code not in old or fault not in ("Sender", "Receiver"):
        yield f"x-amzn-query-error is `{code};{fault}`, expected one of {sorted(old)} and a fault"


def _nothing(reply: Reply) -> list[str]:
    if reply.body.strip() in (b"", b"{}"):
        return []
    return [f"the model has no output, the body is {reply.body[:200]!r}"]


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body) if body else {}
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _json_body(shape: Shape, body: bytes, kind: str) -> Problems:
    try:
        document = json.loads(body) if body else {}
    except ValueError as error:
        yield f"the body is not JSON: {error}"
        return
    yield from _value(shape, document, "", DEFAULT_TIMESTAMP[kind])


def _key(name: str, member: Shape) -> str:
    return member.serialization.get("name", name)


def _in_body(shape: StructureShape) -> dict[str, Shape]:
    """The members that are not in headers or the status, by their names in the document."""
    return {
        _xml_key(name, member): member
        for name, member in shape.members.items()
        if "location" not in member.serialization
    }


def _value(shape: Shape, value: Any, path: str, timestamps: str) -> Problems:
    if shape.metadata.get("document"):
        return
    if value is None:
        yield f"{path}: null, where AWS leaves the member out"
        return
    match shape.type_name:
        case "structure":
            yield from _structure(shape, value, path, timestamps)
        case "list":
            yield from _list(shape, value, path, timestamps)
        case "map":
            yield from _map(shape, value, path, timestamps)
        case _:
            yield from _scalar(shape, value, path, timestamps)


def _structure(shape: StructureShape, value: Any, path: str, timestamps: str) -> Problems:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is not an object"
        return
    known = {
        _key(name, member): member
        for name, member in shape.members.items()
        if "location" not in member.serialization
    }
    required = {_key(name, shape.members[name]) for name in shape.required_members}
    for name in required & known.keys() - value.keys():
        yield f"{path}.{name}: missing, {shape.name} requires it"
    for name, member in value.items():
        if name not in known:
            yield f"{path}.{name}: not a member of {shape.name}"
        else:
            yield from _value(known[name], member, f"{path}.{name}", timestamps)


def _list(shape: Shape, value: Any, path: str, timestamps: str) -> Problems:
    if not isinstance(value, list):
        yield f"{path}: {value!r} is not a list"
        return
    yield from _length(shape, len(value), path)
    for index, item in enumerate(value):
        yield from _value(shape.member, item, f"{path}[{index}]", timestamps)


def _map(shape: Shape, value: Any, path: str, timestamps: str) -> Problems:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is not an object"
        return
    for key, item in value.items():
        yield from _scalar(shape.key, key, f"{path} key {key!r}", timestamps)
        yield from _value(shape.value, item, f"{path}[{key!r}]", timestamps)


def _scalar(shape: Shape, value: Any, path: str, timestamps: str) -> Problems:
    match shape.type_name:
        case "string" | "char":
            yield from _string(shape, value, path)
        case "boolean":
            if not isinstance(value, bool):
                yield f"{path}: {value!r} is not true or false"
        case "integer" | "long":
            if isinstance(value, bool) or not isinstance(value, int):
                yield f"{path}: {value!r} is not a whole number"
            else:
                yield from _length(shape, value, path)
        case "float" | "double":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                yield f"{path}: {value!r} is not a number"
        case "timestamp":
            yield from _timestamp(shape, value, path, timestamps)
        case "blob":
            yield from _blob(value, path)
        case other:
            yield f"{path}: the judge does not know type {other}"


def _string(shape: Shape, value: Any, path: str) -> Problems:
    if not isinstance(value, str):
        yield f"{path}: {value!r} is not a string"
        return
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        yield f"{path}: `{value}` is not one of {', '.join(allowed)}"
    yield from _length(shape, len(value), path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _fits(pattern, value):
        yield f"{path}: `{value}` does not fit {pattern}"


def _fits(pattern: str, value: str) -> bool:
    try:
        return re.search(_python(pattern), value) is not None
    except re.error:
        # A pattern that only Java can read judges nothing.
        return True


def _python(pattern: str) -> str:
    """Java's classes in Python's words."""
    return pattern.replace("\\p{L}", "\\w").replace("\\p{Z}", "\\s").replace("\\p{N}", "\\d")


def _length(shape: Shape, length: int, path: str) -> Problems:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and length < least) or (most is not None and length > most):
        yield f"{path}: {length} is outside {least} to {most}"


def _timestamp(shape: Shape, value: Any, path: str, default: str) -> Problems:
    match shape.serialization.get("timestampFormat", default):
        case "unixTimestamp":
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value):
                yield f"{path}: {value!r} is not a number of seconds"
        case "iso8601":
            if not isinstance(value, str) or not _is_iso8601(value):
                yield f"{path}: {value!r} is not an ISO 8601 time in UTC"
        case "rfc822":
            try:
                parsedate_to_datetime(str(value))
            except ValueError:
                yield f"{path}: {value!r} is not an RFC 822 time"
        case other:
            yield f"{path}: the judge does not know times in {other}"


def _is_iso8601(text: str) -> bool:
    try:
        return text.endswith("Z") and datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def _blob(value: Any, path: str) -> Problems:
    try:
        base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        yield f"{path}: {value!r} is not base64"


def _rest(operation: OperationModel, reply: Reply, output: Shape, kind: str) -> Problems:
    expected = operation.http.get("responseCode")
    # Where the status is a member of the output, as with Lambda's Invoke, it may differ.
    places = [member.serialization.get("location") for member in output.members.values()]
    if expected not in (None, reply.status) and "statusCode" not in places:
        yield f"status {reply.status}, the model says {expected}"
    yield from _headers(output, reply)
    payload = output.serialization.get("payload")
    if payload is not None:
        shape = output.members[payload]
        if shape.type_name in ("blob", "string"):
            return
    else:
        shape = output
    if not reply.body:
        yield from _missing(shape)
    elif kind == "rest-json":
        yield from _json_body(shape, reply.body, kind)
    elif operation.name == "GetBucketLocation":
        yield from _location(output, reply.body)
    else:
        yield from _xml_body(shape, reply.body)


def _location(output: Shape, body: bytes) -> Problems:
    """GetBucketLocation's document is its one member, which the model cannot say."""
    root = ElementTree.fromstring(body)
    if _local(root) != "LocationConstraint" or len(root):
        yield f"the document is {body[:200]!r}"
    elif root.text:
        yield from _string(output.members["LocationConstraint"], root.text, ".LocationConstraint")


def _missing(shape: StructureShape) -> Problems:
    inside = _in_body(shape)
    for name in shape.required_members:
        if name in inside:
            yield f".{name}: missing, {shape.name} requires it"


def _headers(output: StructureShape, reply: Reply) -> Problems:
    for name, member in output.members.items():
        if member.serialization.get("location") != "header":
            continue
        text = reply.headers.get(_key(name, member).lower())
        if text is not None:
            yield from _text(member, text, f"header {name}", "rfc822")


def _query(operation: OperationModel, reply: Reply, output: StructureShape) -> Problems:
    root = ElementTree.fromstring(reply.body)
    if _local(root) != f"{operation.name}Response":
        yield f"the document is <{_local(root)}>, expected <{operation.name}Response>"
    space = operation.metadata.get("xmlNamespace")
    if space and not root.tag.startswith("{" + space):
        yield f"the document's name is {root.tag}, expected it in {space}"
    request_id = _find(root, "RequestId")
    if request_id is None or not request_id.text:
        yield "ResponseMetadata has no RequestId"
    wrapper = output.serialization.get("resultWrapper")
    children = [child for child in root if _local(child) != "ResponseMetadata"]
    if wrapper is None:
        yield from (f"<{_local(child)}>: unexpected" for child in children)
        return
    if [_local(child) for child in children] != [wrapper]:
        yield f"the document holds {[_local(child) for child in children]}, expected {wrapper}"
        return
    yield from _element(output, children[0], "", "iso8601")


def _xml_body(shape: Shape, body: bytes) -> Problems:
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        yield f"the body is not XML: {error}"
        return
    name = shape.serialization.get("name")
    if name is not None and _local(root) != name:
        yield f"the document is <{_local(root)}>, expected <{name}>"
    yield from _element(shape, root, "", "iso8601")


def _local(element: ElementTree.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _find(root: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((element for element in root.iter() if _local(element) == name), None)


def _xml_key(name: str, member: Shape) -> str:
    if member.type_name == "list" and member.serialization.get("flattened"):
        return member.member.serialization.get("name") or _key(name, member)
    return _key(name, member)


def _element(shape: Shape, element: ElementTree.Element, path: str, timestamps: str) -> Problems:
    match shape.type_name:
        case "structure":
            yield from _xml_structure(shape, element, path, timestamps)
        case "list":
            name = shape.member.serialization.get("name", "member")
            for index, child in enumerate(element):
                if _local(child) != name:
                    yield f"{path}[{index}]: <{_local(child)}>, expected <{name}>"
                else:
                    yield from _element(shape.member, child, f"{path}[{index}]", timestamps)
        case "map":
            yield f"{path}: the judge does not read maps in XML"
        case _:
            if len(element):
                yield f"{path}: holds <{_local(element[0])}>, expected text"
            else:
                yield from _text(shape, element.text or "", path, timestamps)


def _xml_structure(
    shape: StructureShape, element: ElementTree.Element, path: str, timestamps: str
) -> Problems:
    known = _in_body(shape)
    found: dict[str, list[ElementTree.Element]] = {}
    for child in element:
        found.setdefault(_local(child), []).append(child)
    attributes = {name.rsplit("}", 1)[-1] for name in element.attrib}
    for name in shape.required_members:
        key = _xml_key(name, shape.members[name])
        bare = key.rsplit(":", 1)[-1]
        if key in known and key not in found and bare not in attributes:
            yield f"{path}.{name}: missing, {shape.name} requires it"
    for name, children in found.items():
        member = known.get(name)
        if member is None:
            yield f"{path}.{name}: not a member of {shape.name}"
            continue
        flat = member.type_name == "list" and member.serialization.get("flattened")
        if len(children) > 1 and not flat:
            yield f"{path}.{name}: {len(children)} times"
        for child in children:
            inner = member.member if flat else member
            yield from _element(inner, child, f"{path}.{name}", timestamps)


def _text(shape: Shape, text: str, path: str, timestamps: str) -> Problems:
    """A scalar that is written as text, in XML or in a header."""
    try:
        match shape.type_name:
            case "integer" | "long":
                value: Any = int(text)
            case "float" | "double":
                value = float(text)
            case "boolean":
                value = {"true": True, "false": False}[text]
            case _:
                value = text
    except (ValueError, KeyError):
        yield f"{path}: `{text}` is not a {shape.type_name}"
        return
    yield from _scalar(shape, value, path, timestamps)
