"""IAM: AWS authorizes a batch operation as the single one (there is no sns:PublishBatch); ministack 1.5.33 asks for it,
and of a batch of statements on any resource.

Source: Service Authorization Reference, the actions of Amazon SNS, of Amazon SQS and of Amazon DynamoDB.
"""

import json
from typing import Any

SAME_AS = {
    "sns:PublishBatch": "sns:Publish",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "dynamodb:BatchExecuteStatement": "dynamodb:PartiQLInsert",  # the engine has no other statements
}


def install() -> None:
    """Ask IAM about the action that AWS asks about."""
    from ministack.core import iam_actions

    extract = iam_actions.extract_iam_action

    def action(*request: Any) -> str | None:
        found: str | None = extract(*request)
        return SAME_AS.get(found, found) if found else found

    iam_actions.extract_iam_action = action
    tables = iam_actions.dynamodb_resource_arns

    def of_statements(body: bytes, region: str, account: str) -> list[str]:
        names = inserted_into(json.loads(body or b"{}"))
        return [f"arn:aws:dynamodb:{region}:{account}:table/{name}" for name in names] or tables(body, region, account)

    iam_actions.dynamodb_resource_arns = of_statements


def inserted_into(request: dict[str, Any]) -> list[str]:
    """The tables of a batch of PartiQL's INSERT statements."""
    return sorted({each["Statement"].split('"')[1] for each in request.get("Statements", ())})
