"""What is driven: one case for each operation, which succeeds, fails and pages."""

from __future__ import annotations

from collections.abc import Callable

from world import Driver

Case = Callable[[Driver], None]
CASES: dict[tuple[str, str], Case] = {}


def case(service: str, *operations: str) -> Callable[[Case], Case]:
    """Registers what drives an operation, by the names that the local AWS lists."""

    def register(drive: Case) -> Case:
        for operation in operations:
            assert (service, operation) not in CASES, f"{operation} is driven twice"
            CASES[service, operation] = drive
        return drive

    return register


# Error codes that replies may carry although the operation's model does not list them, with where
# AWS documents them.
UNMODELLED: dict[str, dict[str, str]] = {
    "sts": {
        "AccessDenied": "STS API Reference, CommonErrors",
        "InternalFailure": "STS API Reference, CommonErrors",
        "InvalidClientTokenId": "STS API Reference, CommonErrors",
        "Throttling": "STS API Reference, CommonErrors (ThrottlingException); SDKs retry it",
        "ValidationError": "STS API Reference, CommonErrors",
    },
    "s3": {
        "AccessDenied": "S3 API Reference, ErrorResponses, list of error codes",
        "BadRequest": "S3 API Reference, ErrorResponses, list of error codes",
        "BucketNotEmpty": "S3 API Reference, ErrorResponses, list of error codes",
        "IllegalLocationConstraintException": "S3 API Reference, ErrorResponses",
        "InternalError": "S3 API Reference, ErrorResponses, list of error codes",
        "InvalidAccessKeyId": "S3 API Reference, ErrorResponses, list of error codes",
        "InvalidArgument": "S3 API Reference, ErrorResponses, list of error codes",
        "InvalidBucketName": "S3 API Reference, ErrorResponses, list of error codes",
        "InvalidRequest": "S3 API Reference, ErrorResponses, list of error codes",
        "InvalidTag": "S3 API Reference, PutBucketTagging",
        "NoSuchBucket": "S3 API Reference, ErrorResponses, list of error codes",
        "NoSuchTagSet": "S3 API Reference, GetBucketTagging",
        "PermanentRedirect": "S3 API Reference, ErrorResponses, list of error codes",
        "SlowDown": "S3 API Reference, ErrorResponses, list of error codes",
        # HeadBucket's errors have no body: clients make the code from the status.
        "301": "S3 API Reference, HeadBucket: a generic code without a body",
        "403": "S3 API Reference, HeadBucket: a generic code without a body",
        "404": "S3 API Reference, HeadBucket: a generic code without a body",
    },
    "s3control": {
        "AccessDenied": "S3 API Reference, ErrorResponses, list of error codes",
        "InternalError": "S3 API Reference, ErrorResponses, list of error codes",
        "InvalidTag": "S3 API Reference, ErrorResponses, list of error codes",
        "SlowDown": "S3 API Reference, ErrorResponses, list of error codes",
        "NoSuchResource": "S3 API Reference, S3 Control error codes",
    },
    "resourcegroupstaggingapi": {
        "AccessDeniedException": "Resource Groups Tagging API Reference, CommonErrors",
    },
    "events": {
        "AccessDeniedException": "EventBridge API Reference, CommonErrors",
        "ThrottlingException": "EventBridge API Reference, CommonErrors",
        "ValidationException": "EventBridge API Reference, CommonErrors (ValidationError)",
    },
    "sqs": {
        "AccessDeniedException": "SQS API Reference, CommonErrors",
        "InternalFailure": "SQS API Reference, CommonErrors",
        "InvalidParameterValue": "SQS API Reference, CommonErrors (InvalidParameterValue)",
    },
    "cloudformation": {
        "AccessDenied": "CloudFormation API Reference, CommonErrors (AccessDeniedException)",
        "InternalFailure": "CloudFormation API Reference, CommonErrors",
        "Throttling": "CloudFormation API Reference, CommonErrors (ThrottlingException)",
        "ValidationError": "CloudFormation API Reference, CommonErrors",
    },
    "cloudtrail": {
        "AccessDeniedException": "CloudTrail API Reference, CommonErrors",
        "InternalFailure": "CloudTrail API Reference, CommonErrors",
        "ThrottlingException": "CloudTrail API Reference, CommonErrors",
    },
    "lambda": {
        "AccessDeniedException": "Lambda API Reference, CommonErrors",
    },
    "ssm": {
        "AccessDeniedException": "Systems Manager API Reference, CommonErrors",
        "ThrottlingException": "Systems Manager API Reference, CommonErrors",
    },
    "ce": {
        "AccessDeniedException": "AWS Cost Management API Reference, CommonErrors",
        "InternalFailure": "AWS Cost Management API Reference, CommonErrors",
        "ValidationException": "AWS Cost Management API Reference, CommonErrors",
    },
    "macie2": {
        # The three tagging operations list no errors in the model.
        "ResourceNotFoundException": "Macie API Reference, tags-resourcearn",
        "ValidationException": "Macie API Reference, tags-resourcearn",
    },
}

# Operations that page in AWS and whose second page cannot be reached here, with the reason.
ONE_PAGE: dict[tuple[str, str], str] = {
    ("organizations", "ListRoots"): "an organization has one root",
    ("organizations", "ListParents"): "an account or unit has one parent",
    ("organizations", "ListTagsForResource"): "an account's 50 tags are one page here",
    ("cloudformation", "ListStackSets"): "an organization has one StackSet here",
    ("macie2", "ListOrganizationAdminAccounts"): "an organization has one administrator",
}


def load() -> dict[tuple[str, str], Case]:
    """Every case."""
    from contract import (
        account,
        cost_explorer,
        deployment,
        events,
        functions,
        macie,
        organizations,
        pricing,
        s3,
        sqs,
        sts,
        tagging,
    )

    assert all((account, cost_explorer, deployment, events, functions, macie))
    assert all((organizations, pricing, s3, sqs, sts, tagging))
    return CASES
