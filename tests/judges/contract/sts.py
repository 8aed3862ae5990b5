"""STS."""

from contract import case
from world import ADMINISTRATOR, OPERATOR, WORKLOADS, Driver, client

ROLE = f"arn:aws:iam::{WORKLOADS[0]}:role/macie-self-service-member"


@case("sts", "GetCallerIdentity")
def get_caller_identity(aws: Driver) -> None:
    sts = aws.client("sts", WORKLOADS[0])
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{WORKLOADS[0]}:user/admin"
    forged = {"aws_access_key_id": "AKIAFORGED0000000000"}
    stranger = aws.watched(client("sts", aws.endpoint, WORKLOADS[0], **forged))
    aws.refused("InvalidClientTokenId", stranger.get_caller_identity)


@case("sts", "AssumeRole")
def assume_role(aws: Driver) -> None:
    sts = aws.client("sts", OPERATOR)
    assumed = sts.assume_role(RoleArn=ROLE, RoleSessionName="judge", DurationSeconds=900)
    keys = assumed["Credentials"]
    session = aws.watched(
        client(
            "sts",
            aws.endpoint,
            ADMINISTRATOR,
            token=keys["SessionToken"],
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
        )
    )
    identity = session.get_caller_identity()
    assert identity["Account"] == WORKLOADS[0]
    assert identity["Arn"] == assumed["AssumedRoleUser"]["Arn"]
    assert identity["UserId"] == assumed["AssumedRoleUser"]["AssumedRoleId"]
    missing = ROLE.replace("member", "missing")
    aws.refused("AccessDenied", sts.assume_role, RoleArn=missing, RoleSessionName="judge")
    for stranger in (WORKLOADS[1], ADMINISTRATOR):
        foreign = aws.client("sts", stranger)
        aws.refused("AccessDenied", foreign.assume_role, RoleArn=ROLE, RoleSessionName="judge")
    name = {"RoleArn": ROLE, "RoleSessionName": "not valid"}
    aws.refused("ValidationError", sts.assume_role, **name)
