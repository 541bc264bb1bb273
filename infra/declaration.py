"""deployments.yaml as a resource of the stack: a change of the file is applied by `cdk deploy`."""

import json
from pathlib import Path

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sns as sns
from constructs import Construct

from functions.core.declaration import Declaration
from functions.core.shapes import to_plain
from infra.function import Function, Shape
from infra.store import Store


class Declared(Construct):
    """The declaration as an asset, and `declare`, which CloudFormation calls when the asset changed.

    The custom resource's properties: Bucket, Key and Hash of the declaration's JSON, and TopicArn of the engine's own
    topic. An unchanged file has the same hash, so it changes nothing.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        shape: Shape,
        store: Store,
        topic: sns.ITopic,
        declaration: Declaration,
        build: Path,
    ) -> None:
        """`build`: a folder where the JSON may be written."""
        super().__init__(scope, id)
        file = build / "declaration.json"
        file.write_text(json.dumps(to_plain(declaration), indent=1, sort_keys=True))
        asset = assets.Asset(self, "Asset", path=str(file))
        self.function = Function(
            self,
            "Declare",
            shape=shape,
            description="Writes the declared applications and groups to the table",
            environment={"TABLE_NAME": store.table.table_name},
            timeout=Duration.minutes(5),
        )
        self.function.allow(
            "dynamodb:GetItem",
            "dynamodb:Query",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
            on=store.table.table_arn,
        )
        self.function.allow("s3:GetObject", on=asset.bucket.arn_for_objects(asset.s3_object_key))
        self.function.keep_failed_events()
        CustomResource(
            self,
            "Resource",
            resource_type="Custom::Declaration",
            service_token=self.function.function_arn,
            service_timeout=Duration.minutes(15),
            properties={
                "Bucket": asset.s3_bucket_name,
                "Key": asset.s3_object_key,
                "Hash": asset.asset_hash,
                "TopicArn": topic.topic_arn,
            },
        )
