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
launchOrder: 2
launchesTakePlaces: true
afterFailedLaunches: ABANDON
"""
    )
    assert read.auto_scaling == AutoScaling(
        groups=("fleet", "spare"),
        has_termination_hook=True,
        suspended=("AZRebalance", "Terminate"),
        order=2,
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
        ("autoScalingGroups: [a]\nlaunchOrder: first", '"first" must be a whole number from 1 to 99'),
        ("autoScalingGroups: [a]\nlaunchOrder: 100", "100 must be a whole number from 1 to 99"),
        ("autoScalingGroups: [a]\nlaunchesTakePlaces: 3", "3 is not true or false"),
        ("autoScalingGroups: [a]\nec2DeploymentOptions: {processesToSuspend: [Launch]}", '"Launch" is not one of'),
    ],
)
def test_auto_scaling_groups_are_checked(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(says)):
        settings(text)


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("", "", "fleet: shop/web has this Auto Scaling group already: give both groups a launchOrder"),
        (", launchOrder: 1", "", "give both groups a launchOrder"),
        (
            ", launchOrder: 3",
            ", launchOrder: 3",
            "shop/web has this Auto Scaling group too, and the same launchOrder 3",
        ),
    ],
)
def test_two_groups_share_an_auto_scaling_group_in_an_order_only(first: str, second: str, says: str) -> None:
    text = "applications: {{shop: {{groups: {{web: {{{}}}, api: {{{}}}}}}}}}"
    named = "autoScalingGroups: [fleet]"
    with pytest.raises(InvalidInput, match=says):
        load(text.format(named + first, named + second))
    assert load(text.format(f"{named}, launchOrder: 2", f"{named}, launchOrder: 1")).scaling_groups == ("fleet",)


def test_the_engine_may_use_the_auto_scaling_groups_that_the_file_names() -> None:
    text = "autoScalingGroups: [open]\napplications: {shop: {groups: {web: {autoScalingGroups: [fleet]}}}}"
    assert load(text).scaling_groups == ("fleet", "open")
