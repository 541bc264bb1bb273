"""IAM: AWS authorizes a batch operation as the single one (there is no sns:PublishBatch); ministack 1.5.33 asks for it.

Source: Service Authorization Reference, the actions of Amazon SNS and of Amazon SQS.
"""

from typing import Any

SAME_AS = {
    "sns:PublishBatch": "sns:Publish",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}


def install() -> None:
    """Ask IAM about the action that AWS asks about."""
    from ministack.core import iam_actions

    extract = iam_actions.extract_iam_action

    def action(*request: Any) -> str | None:
        found: str | None = extract(*request)
        return SAME_AS.get(found, found) if found else found

    iam_actions.extract_iam_action = action
