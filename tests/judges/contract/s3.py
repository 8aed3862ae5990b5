"""S3 and the tag operations of S3 Control."""

from typing import Any

from contract import case
from world import HOME, WORKLOADS, Driver

OWNER, OTHER = WORKLOADS[0], WORKLOADS[1]
TAGS = [{"Key": "macie", "Value": "true"}, {"Key": "team", "Value": "orders + payments"}]


def s3(aws: Driver, account: str = OWNER, region: str = HOME) -> Any:
    return aws.client("s3", account, region)


def bucket(aws: Driver, name: str = "orders", **more: Any) -> str:
    configuration = {"LocationConstraint": HOME, **more}
    s3(aws).create_bucket(Bucket=name, CreateBucketConfiguration=configuration)
    return name


def by_key(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(tags, key=lambda tag: tag["Key"])


@case("s3", "CreateBucket")
def create_bucket(aws: Driver) -> None:
    bucket(aws)
    bucket(aws, "tagged", Tags=TAGS)
    assert by_key(s3(aws).get_bucket_tagging(Bucket="tagged")["TagSet"]) == TAGS
    s3(aws, region="us-east-1").create_bucket(Bucket="classic")
    s3(aws, region="us-east-1").create_bucket(Bucket="classic")
    here = {"CreateBucketConfiguration": {"LocationConstraint": HOME}}
    create = s3(aws).create_bucket
    aws.refused("BucketAlreadyOwnedByYou", create, Bucket="orders", **here)
    aws.refused("BucketAlreadyExists", s3(aws, OTHER).create_bucket, Bucket="orders", **here)
    aws.refused("IllegalLocationConstraintException", create, Bucket="elsewhere")
    aws.refused("InvalidBucketName", create, Bucket="Not_Valid", **here)


@case("s3", "DeleteBucket")
def delete_bucket(aws: Driver) -> None:
    name = bucket(aws)
    s3(aws).put_object(Bucket=name, Key="a.csv", Body=b"1")
    aws.refused("BucketNotEmpty", s3(aws).delete_bucket, Bucket=name)
    aws.refused("AccessDenied", s3(aws, OTHER).delete_bucket, Bucket=name)
    s3(aws).delete_object(Bucket=name, Key="a.csv")
    s3(aws).delete_bucket(Bucket=name)
    aws.refused("NoSuchBucket", s3(aws).delete_bucket, Bucket=name)


@case("s3", "ListBuckets")
def list_buckets(aws: Driver) -> None:
    names = [bucket(aws, f"orders-{number}") for number in range(3)]
    everything = s3(aws).list_buckets()
    assert [entry["Name"] for entry in everything["Buckets"]] == names
    pages = s3(aws).get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 2})
    entries = [page["Buckets"] for page in pages]
    assert [[entry["Name"] for entry in page] for page in entries] == [names[:2], names[2:]]
    assert {entry["BucketRegion"] for page in entries for entry in page} == {HOME}
    found = s3(aws).list_buckets(Prefix="orders-1", BucketRegion=HOME)
    assert [entry["Name"] for entry in found["Buckets"]] == ["orders-1"]
    assert s3(aws, OTHER).list_buckets()["Buckets"] == []
    aws.refused("InvalidArgument", s3(aws).list_buckets, BucketRegion="us-east-1")


@case("s3", "HeadBucket")
def head_bucket(aws: Driver) -> None:
    name = bucket(aws)
    assert s3(aws).head_bucket(Bucket=name)["BucketRegion"] == HOME
    aws.refused("404", s3(aws).head_bucket, Bucket="missing")
    aws.refused("403", s3(aws, OTHER).head_bucket, Bucket=name)


@case("s3", "GetBucketLocation")
def get_bucket_location(aws: Driver) -> None:
    name = bucket(aws)
    s3(aws, region="us-east-1").create_bucket(Bucket="classic")
    assert s3(aws).get_bucket_location(Bucket=name)["LocationConstraint"] == HOME
    assert s3(aws).get_bucket_location(Bucket="classic")["LocationConstraint"] is None
    aws.refused("NoSuchBucket", s3(aws).get_bucket_location, Bucket="missing")
    aws.refused("AccessDenied", s3(aws, OTHER).get_bucket_location, Bucket=name)


@case("s3", "GetBucketTagging", "PutBucketTagging", "DeleteBucketTagging")
def bucket_tagging(aws: Driver) -> None:
    name = bucket(aws)
    get = s3(aws).get_bucket_tagging
    put = s3(aws).put_bucket_tagging
    aws.refused("NoSuchTagSet", get, Bucket=name)
    put(Bucket=name, Tagging={"TagSet": TAGS})
    assert by_key(get(Bucket=name)["TagSet"]) == TAGS
    put(Bucket=name, Tagging={"TagSet": TAGS[:1]})
    assert get(Bucket=name)["TagSet"] == TAGS[:1]
    twice = {"TagSet": [TAGS[0], TAGS[0]]}
    aws.refused("InvalidTag", put, Bucket=name, Tagging=twice)
    system = {"TagSet": [{"Key": "aws:mine", "Value": "x"}]}
    aws.refused("InvalidTag", put, Bucket=name, Tagging=system)
    many = {"TagSet": [{"Key": f"k{number}", "Value": ""} for number in range(51)]}
    aws.refused("BadRequest", put, Bucket=name, Tagging=many)
    aws.refused("AccessDenied", s3(aws, OTHER).get_bucket_tagging, Bucket=name)
    aws.refused("AccessDenied", get, Bucket=name, ExpectedBucketOwner=OTHER)
    aws.refused("NoSuchBucket", s3(aws).delete_bucket_tagging, Bucket="missing")
    s3(aws).delete_bucket_tagging(Bucket=name)
    aws.refused("NoSuchTagSet", get, Bucket=name)


@case("s3", "GetBucketAbac", "PutBucketAbac")
def bucket_abac(aws: Driver) -> None:
    name = bucket(aws)
    assert s3(aws).get_bucket_abac(Bucket=name)["AbacStatus"]["Status"] == "Disabled"
    s3(aws).put_bucket_abac(Bucket=name, AbacStatus={"Status": "Enabled"})
    assert s3(aws).get_bucket_abac(Bucket=name)["AbacStatus"]["Status"] == "Enabled"
    put = s3(aws).put_bucket_tagging
    aws.refused("InvalidRequest", put, Bucket=name, Tagging={"TagSet": TAGS})
    aws.refused("NoSuchBucket", s3(aws).get_bucket_abac, Bucket="missing")
    status = {"AbacStatus": {"Status": "Enabled"}}
    aws.refused("AccessDenied", s3(aws, OTHER).put_bucket_abac, Bucket=name, **status)


@case("s3", "PutObject", "DeleteObject", "ListObjectsV2")
def objects(aws: Driver) -> None:
    name = bucket(aws)
    keys = ["a b+c.csv", "logs/1 &<2>.json", "logs/2.json", "z.txt"]
    for key in keys:
        assert s3(aws).put_object(Bucket=name, Key=key, Body=b"12345")["ETag"]
    paginator = s3(aws).get_paginator("list_objects_v2")
    pages = list(paginator.paginate(Bucket=name, PaginationConfig={"PageSize": 3}))
    assert [page["KeyCount"] for page in pages] == [3, 1]
    found = [entry for page in pages for entry in page["Contents"]]
    assert [(entry["Key"], entry["Size"]) for entry in found] == [(key, 5) for key in keys]
    folders = s3(aws).list_objects_v2(Bucket=name, Delimiter="/", Prefix="l")
    assert [entry["Prefix"] for entry in folders["CommonPrefixes"]] == ["logs/"]
    s3(aws).delete_object(Bucket=name, Key=keys[0])
    s3(aws).delete_object(Bucket=name, Key=keys[0])
    assert s3(aws).list_objects_v2(Bucket=name)["KeyCount"] == 3
    missing = {"Bucket": "missing"}
    aws.refused("NoSuchBucket", s3(aws).put_object, Key="a", Body=b"1", **missing)
    aws.refused("NoSuchBucket", s3(aws).delete_object, Key="a", **missing)
    aws.refused("NoSuchBucket", s3(aws).list_objects_v2, **missing)
    # boto3 learns the bucket's Region from the refusal, and asks again.
    assert s3(aws, region="us-east-1").list_objects_v2(Bucket=name)["KeyCount"] == 3
    redirected = [call.error for call in aws.calls if call.operation == "ListObjectsV2"]
    assert redirected[-2:] == ["PermanentRedirect", None]


@case("s3", "GetObject")
def contents(aws: Driver) -> None:
    name = bucket(aws)
    once = {"Bucket": name, "Key": "usage/a b.jsonl", "IfNoneMatch": "*"}
    s3(aws).put_object(Body=b"first\r\n", **once)
    aws.refused("PreconditionFailed", s3(aws).put_object, Body=b"second", **once)
    found = s3(aws).get_object(Bucket=name, Key="usage/a b.jsonl")
    assert found["Body"].read() == b"first\r\n"
    assert found["LastModified"]
    s3(aws).put_object(Bucket=name, Key="usage/a b.jsonl", Body=b"third")
    found = s3(aws).get_object(Bucket=name, Key="usage/a b.jsonl", ExpectedBucketOwner=OWNER)
    assert (found["Body"].read(), found["ContentLength"]) == (b"third", 5)
    aws.refused("NoSuchKey", s3(aws).get_object, Bucket=name, Key="missing")
    aws.refused("NoSuchBucket", s3(aws).get_object, Bucket="missing", Key="a")
    aws.refused("AccessDenied", s3(aws, OTHER).get_object, Bucket=name, Key="usage/a b.jsonl")


@case("s3", "TagResource", "UntagResource", "ListTagsForResource")
def control(aws: Driver) -> None:
    name = bucket(aws)
    arn = {"AccountId": OWNER, "ResourceArn": f"arn:aws:s3:::{name}"}
    tags = aws.client("s3control", OWNER)
    assert tags.list_tags_for_resource(**arn)["Tags"] == []
    s3(aws).put_bucket_abac(Bucket=name, AbacStatus={"Status": "Enabled"})
    tags.tag_resource(Tags=TAGS, **arn)
    assert by_key(tags.list_tags_for_resource(**arn)["Tags"]) == TAGS
    assert by_key(s3(aws).get_bucket_tagging(Bucket=name)["TagSet"]) == TAGS
    tags.untag_resource(TagKeys=["team", "unknown"], **arn)
    assert tags.list_tags_for_resource(**arn)["Tags"] == TAGS[:1]
    missing = arn | {"ResourceArn": "arn:aws:s3:::missing"}
    aws.refused("NoSuchResource", tags.list_tags_for_resource, **missing)
    aws.refused("NoSuchResource", tags.untag_resource, TagKeys=["team"], **missing)
    foreign = aws.client("s3control", OTHER)
    aws.refused("AccessDenied", foreign.tag_resource, Tags=TAGS, **arn)
    system = [{"Key": "aws:mine", "Value": "x"}]
    aws.refused("InvalidTag", tags.tag_resource, Tags=system, **arn)
