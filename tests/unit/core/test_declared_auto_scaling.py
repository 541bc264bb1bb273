"""deployments.yaml: what it says of Auto Scaling, and every way in which that can be wrong."""

import re

import pytest

from functions.core.declaration import load
from functions.core.errors import InvalidInput
from functions.core.records import AfterFailedLaunches, AutoScaling
from tests.unit.core.test_declaration import settings


def test_auto_scaling_groups_are_read() -> None:
    read = settings(
        """
autoScalingGroups: [fleet, spare]
terminationHookEnabled: true
ec2DeploymentOptions: {processesToSuspend: [AZRebalance, Terminate]}
launchesTakePlaces: true
afterFailedLaunches: ABANDON
"""
    )
    assert read.auto_scaling == AutoScaling(
        groups=("fleet", "spare"),
        has_termination_hook=True,
        suspended=("AZRebalance", "Terminate"),
        takes_places=True,
        after_failed_launches=AfterFailedLaunches.ABANDON,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("autoScalingGroups: ['a:b']", '"a:b" is not the name of an Auto Scaling group'),
        ("autoScalingGroups: [a, a]", 'the Auto Scaling group "a" is there twice'),
        ("autoScalingGroups: []", "give at least one name"),
        ("terminationHookEnabled: true", "does not have any effect unless autoScalingGroups names a group"),
        ("launchesTakePlaces: true", "does not have any effect unless autoScalingGroups names a group"),
        ("autoScalingGroups: [a]\nlaunchesTakePlaces: 3", "3 is not true or false"),
        ("autoScalingGroups: [a]\nec2DeploymentOptions: {processesToSuspend: [Launch]}", '"Launch" is not one of'),
    ],
)
def test_auto_scaling_groups_are_checked(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(says)):
        settings(text)


def test_two_groups_do_not_share_an_auto_scaling_group() -> None:
    groups = "{web: {autoScalingGroups: [fleet]}, api: {autoScalingGroups: [fleet]}}"
    with pytest.raises(InvalidInput, match="fleet: shop/web has this Auto Scaling group already"):
        load(f"applications: {{shop: {{groups: {groups}}}}}")


def test_the_engine_may_use_the_auto_scaling_groups_that_the_file_names() -> None:
    text = "autoScalingGroups: [open]\napplications: {shop: {groups: {web: {autoScalingGroups: [fleet]}}}}"
    assert load(text).scaling_groups == ("fleet", "open")
