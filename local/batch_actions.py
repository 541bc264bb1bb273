"""IAM: AWS authorizes PublishBatch as sns:Publish (there is no action of that name); ministack 1.5.33 asks for one.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SNS".
"""

from typing import Any

SAME_AS = {"sns:PublishBatch": "sns:Publish"}


def install() -> None:
    """Ask IAM about the action that AWS asks about."""
    from ministack.core import iam_actions

    extract = iam_actions.extract_iam_action

    def action(*request: Any) -> str | None:
        found: str | None = extract(*request)
        return SAME_AS.get(found, found) if found else found

    iam_actions.extract_iam_action = action
