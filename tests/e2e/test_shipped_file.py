"""deployments.yaml as it is shipped: the first upload that the README shows reaches a host."""

import io
import tarfile
from collections.abc import Iterator

import pytest

from functions.core.statuses import DeploymentStatus
from local.bundles import EXAMPLES
from local.cloud import LocalCloud, LocalInstance
from local.driver import Engine


@pytest.fixture
def host(cloud: LocalCloud) -> Iterator[LocalInstance]:
    """With the tags that the file's one group names, and the engine's own."""
    made = cloud.add_instance("webapp-1", {"app": "webapp", "stage": "production", "stepdeploy": "enabled"})
    yield made
    cloud.remove_instance(made)


def test_the_first_upload_reaches_a_host(engine: Engine, host: LocalInstance) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(EXAMPLES / "webapp", ".")
    one = engine.wait(engine.upload("webapp/production/1.tgz", packed.getvalue()))
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    assert host.path("srv/webapp/server.py").exists()
