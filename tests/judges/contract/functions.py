"""Lambda."""

from contract import case
from world import MANAGEMENT, Driver


@case("lambda", "Invoke")
def invoke(aws: Driver) -> None:
    functions = aws.client("lambda", MANAGEMENT)
    event = {"FunctionName": "registration", "Payload": b'{"RequestType":"Create"}'}
    assert functions.invoke(InvocationType="Event", **event)["StatusCode"] == 202
    aws.refused("InvalidParameterValueException", functions.invoke, **event)
