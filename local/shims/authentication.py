"""Who a request comes from: the emulator believes some callers that AWS refuses.

- It checks no signature of the root user's: with the key's id alone, whatever the secret, one is root. AWS checks
  every signature (SignatureDoesNotMatch).
- An Authorization header that it does not know (`Basic ...`, `Bearer ...`) names no key, and who names no key is root.
  AWS refuses it (IncompleteSignature, or a service's own word for it). An empty header is none at all to both; but the
  emulator lets one in where IAM decides about an HTTP API.
- aws:PrincipalArn of a role's session is the role's ARN to AWS, the session's to the emulator. (For a role with a path
  this would not do: the session does not tell it.)
- Whoever sends no credentials may list buckets and create them, as root. AWS refuses it (AccessDenied).

It also parses all policies of the caller for each request, twice: here each text is parsed once.

Sources: IAM User Guide, "AWS Signature Version 4 for API requests" and "AWS global condition context keys"; Amazon S3
API Reference, "Error responses".
"""

import re
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

_NEEDS_A_CALLER = frozenset({"s3:ListAllMyBuckets", "s3:CreateBucket"})  # of the others, S3 asks the bucket
_SESSION = re.compile(r"arn:([a-z-]+):sts::(\d{12}):assumed-role/([^/]+)/.+")
_deciding: ContextVar[bool] = ContextVar("deciding what is checked", default=False)


def install() -> None:
    """Let the emulator check each request's signature, and refuse what has none that it could check."""
    from ministack import app
    from ministack.core import iam_evaluator as iam

    pin, is_root, enforce = iam.pin_signed_request, iam._is_root_key, iam.enforce

    def pin_each(
        method: str, raw_path: str, query: dict[str, Any], headers: list[tuple[bytes, bytes]], handshake: bool = False
    ) -> None:
        deciding = _deciding.set(True)
        try:
            pin(method, raw_path, query, headers, handshake)
        finally:
            _deciding.reset(deciding)
        given = next((value for name, value in headers if name.lower() == b"authorization"), None)
        if given is not None and iam._signed_request.get() is None:
            claimed = app.extract_access_key_id({"authorization": given.decode("latin-1")}, query)
            iam._signed_request.set(iam.SignedRequest(claimed, method, raw_path, query, {}, unverifiable=True))

    def has_unchecked_signature(access_key_id: str) -> bool:
        return not _deciding.get() and is_root(access_key_id)

    def enforce_each(access_key_id: str, action: str, service: str, *rest: Any, **how: Any) -> Any:
        if action in _NEEDS_A_CALLER and not access_key_id and iam._signed_request.get() is None:
            return iam.AuthError("AccessDenied", "Access Denied")
        return enforce(access_key_id, action, service, *rest, **how)

    parse = iam.parse_policy_document
    parse_text = lru_cache(maxsize=1024)(parse)

    def parse_once(document: str | dict[str, Any]) -> Any:
        return parse_text(document) if isinstance(document, str) else parse(document)

    resolve = iam._resolve_condition_key

    def resolve_each(key: str, request: Any) -> Any:
        value = resolve(key, request)
        session = _SESSION.fullmatch(str(value)) if key.lower() == "aws:principalarn" else None
        return f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}" if session else value

    iam._resolve_condition_key = resolve_each
    iam.pin_signed_request = app.pin_signed_request = pin_each
    iam._is_root_key = has_unchecked_signature
    iam.enforce = enforce_each
    iam.parse_policy_document = parse_once
