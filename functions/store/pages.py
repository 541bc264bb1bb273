"""Pages of a query, and the tokens by which a caller asks for the next one.

A token is the key where a page ended, with a mark of the question: it works again and again, and for no other question.
"""

import base64
import hashlib
import json
from typing import Any

from functions.aws.clients import client
from functions.core.errors import Refused
from functions.store.keys import Item, from_wire

PAGE = 100  # items of a page, as CodeDeploy's


def page(
    question: dict[str, Any], token: str | None, limit: int = PAGE, beyond: str = ""
) -> tuple[list[Item], str | None]:
    """One page of what DynamoDB's Query answers, and the token of the next. Raises Refused for a token of another.

    `beyond` is the part of the caller's question that DynamoDB is not asked: a token is good for it alone, too.

    At most two requests: a filter may leave a page short, or empty, and there still be more.
    """
    asked = {**question, "beyond": beyond} if beyond else question
    start = _start(asked, token) if token else None
    items: list[Item] = []
    for _ in range(2):
        begin = {"ExclusiveStartKey": start} if start else {}
        try:
            answer = client("dynamodb").query(**question, **begin, Limit=limit - len(items))
        except client("dynamodb").exceptions.ClientError as error:
            if start and error.response["Error"]["Code"] == "ValidationException":  # of a key that somebody made up
                raise _not_ours() from error
            raise
        items += map(from_wire, answer["Items"])
        start = answer.get("LastEvaluatedKey")
        if start is None or len(items) == limit:
            break
    return items, _token(asked, start) if start else None


def _mark(question: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:16]


def _token(question: dict[str, Any], key: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([_mark(question), key]).encode()).decode()


def _start(question: dict[str, Any], token: str) -> dict[str, Any]:
    try:
        mark, key = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError):
        raise _not_ours() from None
    if mark != _mark(question) or not isinstance(key, dict) or not all(map(_is_text, key.values())):
        raise _not_ours()
    return key


def _is_text(value: Any) -> bool:
    """Whether it is DynamoDB's form of a text, as the attributes of every key are."""
    return isinstance(value, dict) and list(value) == ["S"] and isinstance(value["S"], str)


def _not_ours() -> Refused:
    return Refused("InvalidNextTokenException", "nextToken: is not one that this request was answered with")
