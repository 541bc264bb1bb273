"""deployments.yaml as it is shipped: the way that the README shows, from its page, to the first revisions on a host."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.core.statuses import DeploymentStatus
from local.bundles import EXAMPLES
from local.cloud import LocalCloud, LocalInstance
from local.driver import Engine
from local.server import REGION
from tests.recorded import differences


@pytest.fixture
def host(cloud: LocalCloud) -> Iterator[LocalInstance]:
    """Without a tag."""
    made = cloud.add_instance("webapp-1", {})
    yield made
    cloud.remove_instance(made)


def test_the_first_revisions_reach_a_host(
    engine: Engine, cloud: LocalCloud, host: LocalInstance, tmp_path: Path
) -> None:
    (tmp_path / "examples").symlink_to(EXAMPLES)
    environment = {**cloud.environment(), "AWS_DEFAULT_REGION": REGION, "INSTANCE": host.id}
    assert list(map(str, differences("the first revision", tmp_path, environment))) == []
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(EXAMPLES / "webapp", ".")
    one = engine.wait(engine.upload("webapp/production/1.tgz", packed.getvalue()))
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    assert host.path("srv/webapp/server.py").exists()
