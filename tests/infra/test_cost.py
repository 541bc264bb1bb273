"""docs/cost.md counts what the template has."""

import re
from typing import Any

from infra.app import ROOT
from tests.infra.conftest import Synthesized, resources

PAGE = (ROOT / "docs" / "cost.md").read_text()
WORDS = {1: "a", 9: "nine"}


def test_what_is_paid_while_nobody_deploys_is_what_the_template_has(local: Synthesized) -> None:
    """Of the stack without Auto Scaling, as deployments.yaml is shipped."""
    template: dict[str, Any] = local.template

    def count(kind: str) -> int:
        return len(resources(template, kind))

    assert (
        f"| {count('AWS::CloudWatch::Alarm')} alarms at $0.10 | ${count('AWS::CloudWatch::Alarm') / 10:.2f} |" in PAGE
    )
    secrets = count("AWS::SecretsManager::Secret")
    assert f"| {secrets} secrets at $0.40 | ${secrets * 0.4:.2f} |" in PAGE
    assert (count("AWS::KMS::Key"), count("AWS::CloudWatch::Dashboard")) == (1, 1)
    assert f"| {WORDS[count('AWS::SQS::Queue')]} queues" in PAGE
    lines = [float(each) for each in re.findall(r"\| \$([0-9.]+) \|", PAGE)]
    assert "about $10" in PAGE and 9.5 < sum(lines) < 10.5
