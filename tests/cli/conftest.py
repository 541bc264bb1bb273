"""The command line against the control API, which is really served, over moto's AWS."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.account.connection import Engine
from cli.exits import Exit
from cli.view.watch_view import How
from tests.clients import client
from tests.conftest import BUCKET, put_group
from tests.served import Served, serve
from tests.store import Store

Watched = list[tuple[str, How]]  # ids, and how each was followed


@pytest.fixture
def served(store: Store, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with serve() as found:
        monkeypatch.setenv("STEPDEPLOY_ENDPOINT", found.endpoint)
        yield found


def launched(*names: str) -> list[str]:
    """Instances of shop/web by these names; their ids."""
    found = []
    for name in names:
        made = client("ec2").run_instances(
            ImageId="ami-12c6146b",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[
                {
                    "ResourceType": "instance",
                    "Tags": [{"Key": "role", "Value": "web"}, {"Key": "Name", "Value": name}],
                }
            ],
        )
        found.append(made["Instances"][0]["InstanceId"])
    return found


@pytest.fixture
def engine(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The served API with a group shop/web, and a stack of which the outputs are known."""
    put_group()
    monkeypatch.setattr(Engine, "outputs", {"BucketName": BUCKET})
    return served


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder that can be deployed."""
    root = tmp_path / "site"
    root.mkdir()
    (root / "appspec.yml").write_text("version: 0.0\nos: linux\n")
    return root


@dataclass
class Api:
    """What the command line asks the API for."""

    asked: dict[str, dict[str, Any]] = field(default_factory=dict)  # the members that were given, by operation

    def watch(self, client: Any) -> Any:
        client.meta.events.register("before-parameter-build.stepdeploy", self._note, "note")
        return client

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.asked[model.name] = dict(params)


@pytest.fixture
def api(engine: Served, monkeypatch: pytest.MonkeyPatch) -> Api:
    api, make = Api(), Engine.client
    monkeypatch.setattr(Engine, "client", lambda self, name, **how: api.watch(make(self, name, **how)))
    return api


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """The deployments that a verb watched, and how; each is told as failed."""
    found: Watched = []

    def watch(engine: Engine, deployment_id: str, how: How, **_: Any) -> Exit:
        found.append((deployment_id, how))
        return Exit.FAILED

    monkeypatch.setitem(sys.modules, "cli.view.watch_view", SimpleNamespace(watch=watch, How=How))
    return found
