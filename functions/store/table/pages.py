"""Pages of a query, and the tokens by which a caller asks for the next one.

A token is the key where a page ended, with a mark of the question: it works again and again, and for no other question.
"""

import base64
import hashlib
import json
from typing import Any

from functions.core.errors import Refused
from functions.store.table.items import items
from functions.store.table.values import Item, Query

PAGE = 100  # items of a page, as CodeDeploy's


def page(query: Query, token: str | None, limit: int = PAGE, beyond: str = "") -> tuple[list[Item], str | None]:
    """One page of what a query finds, and the token of the next. Raises Refused for a token of another query.

    `beyond` is the part of the caller's question that the store is not asked: a token is good for it alone, too.

    At most two requests: a filter may leave a page short, or empty, and there still be more.
    """
    mark = hashlib.sha256(repr((query, beyond)).encode()).hexdigest()[:16]
    after = _start(query, mark, token) if token else None
    found: list[Item] = []
    for _ in range(2):
        one = items().page(query, limit - len(found), after)
        found += one.items
        after = one.after
        if after is None or len(found) == limit:
            break
    return found, _token(mark, after) if after else None


def _token(mark: str, after: Item) -> str:
    return base64.urlsafe_b64encode(json.dumps([mark, after]).encode()).decode()


def _start(query: Query, mark: str, token: str) -> dict[str, Any]:
    try:
        known, key = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError):
        raise _not_ours() from None
    if known != mark or not query.may_continue_after(key):
        raise _not_ours()
    found: dict[str, Any] = key
    return found


def _not_ours() -> Refused:
    return Refused("InvalidNextTokenException", "nextToken: is not a token that this request returned")
