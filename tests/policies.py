"""The policies of docs/api-policies.md, as somebody fills them in."""

import re
from collections.abc import Mapping

from local.cloud import ROOT
from local.server import ACCOUNT, REGION

PAGE = ROOT / "docs" / "api-policies.md"
_POLICY = re.compile(r"^## (?P<name>.+?)$(?:(?!^## ).)*?^```json$(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def policies(*, api_id: str, bucket: str) -> Mapping[str, str]:
    """The documents by the headings above them, for an API and a bucket of the local cloud."""
    values = {"REGION": REGION, "ACCOUNT": ACCOUNT, "API_ID": api_id, "BUCKET": bucket}
    found = {match["name"]: match["text"] for match in _POLICY.finditer(PAGE.read_text())}
    return {name: re.sub("|".join(values), lambda place: values[place[0]], text) for name, text in found.items()}
