"""What requests say of groups and deployments, as settings: the way back of `described`.

Source: CodeDeploy API model 2014-10-06 (AlarmConfiguration, AutoRollbackConfiguration, EC2TagSet, and the exceptions).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from functions.api.requests.on_premises import tag_filters
from functions.core import quotas
from functions.core.errors import Refused
from functions.core.limits import SHOWN
from functions.core.load_balancers import NAME_RULE, is_target_group
from functions.core.load_balancers import is_name as is_balancer_name
from functions.core.records import Alarms, AutoRollback, LoadBalancers, TagGroup
from functions.core.statuses import AutoRollbackEvent

_MAX_NAME = 255  # characters of an alarm's name


def alarms(given: Mapping[str, Any], place: str = "alarmConfiguration") -> Alarms:
    """An AlarmConfiguration. Raises Refused; `place` is the member that holds it.

    >>> alarms({"enabled": True, "alarms": [{"name": "errors"}]}).watched
    ('errors',)
    """
    listed = given.get("alarms") or []
    if len(listed) > quotas.MAX_ALARMS:
        raise Refused("AlarmsLimitExceededException", f"{place}.alarms: has {len(listed)}, at most {quotas.MAX_ALARMS}")
    names: list[str] = []
    for number, alarm in enumerate(listed):
        name, where = alarm.get("name", ""), f"{place}.alarms[{number}].name"
        if not 1 <= len(name) <= _MAX_NAME:
            raise _no_alarms(f"{where}: has {len(name)} characters: give 1 to {_MAX_NAME}")
        if name in names:
            raise _no_alarms(f"{where}: {name} is listed twice")
        names.append(name)
    if given.get("enabled") and not names:
        raise _no_alarms(f"{place}: is enabled without alarms: name at least one, or give enabled false")
    return Alarms(
        names=tuple(names),
        enabled=bool(given.get("enabled")),
        ignore_poll_alarm_failure=bool(given.get("ignorePollAlarmFailure")),
    )


def auto_rollback(given: Mapping[str, Any], place: str = "autoRollbackConfiguration") -> AutoRollback:
    """An AutoRollbackConfiguration. Raises Refused.

    >>> auto_rollback({"enabled": False, "events": ["DEPLOYMENT_FAILURE"]}).events
    (<AutoRollbackEvent.DEPLOYMENT_FAILURE: 'DEPLOYMENT_FAILURE'>,)
    """
    enabled, events = (
        bool(given.get("enabled")),
        tuple(map(AutoRollbackEvent, dict.fromkeys(given.get("events") or ()))),
    )
    if enabled and not events:
        what = f"{place}: is enabled without events: give one of {', '.join(AutoRollbackEvent)}, or enabled false"
        raise Refused("InvalidAutoRollbackConfigException", what)
    return AutoRollback(events=events, enabled=enabled)


def load_balancers(before: LoadBalancers, given: Mapping[str, Any], place: str = "loadBalancerInfo") -> LoadBalancers:
    """A LoadBalancerInfo in the place of the one before; the rest stays. Raises Refused.

    >>> load_balancers(LoadBalancers(), {"elbInfoList": [{"name": "old"}]}).classic
    ('old',)
    """
    if given.get("targetGroupPairInfoList"):
        raise _no_balancers(f"{place}.targetGroupPairInfoList: is for ECS, which is not supported: leave it out")
    groups = _balancer_names(given, f"{place}.targetGroupInfoList", is_target_group, "a target group's name or ARN")
    classic = _balancer_names(given, f"{place}.elbInfoList", is_balancer_name, "a Classic Load Balancer's name")
    return replace(before, target_groups=groups, classic=classic)


def _balancer_names(given: Mapping[str, Any], place: str, fits: Callable[[str], bool], what: str) -> tuple[str, ...]:
    listed = given.get(place.rpartition(".")[2]) or []
    if len(listed) > quotas.MAX_LOAD_BALANCERS:
        raise _no_balancers(f"{place}: has {len(listed)}, at most {quotas.MAX_LOAD_BALANCERS}")
    names: list[str] = []
    for number, each in enumerate(listed):
        name, where = each.get("name") or "", f"{place}[{number}].name"
        if not fits(name):
            raise _no_balancers(f"{where}: {name[:SHOWN]!r} is not {what}; a name has {NAME_RULE}")
        if name in names:
            raise _no_balancers(f"{where}: {name} is listed twice: name it once")
        names.append(name)
    return tuple(names)


def tag_group(given: list[dict[str, str]], place: str, code: str) -> TagGroup:
    """A list of EC2TagFilters, of which one must fit. Raises Refused; `code` is its exception."""
    if not given:
        raise Refused(code, f"{place}: is empty, and would select nothing: give at least one filter")
    return TagGroup(filters=tag_filters(given, place, code))


def tag_set(given: Mapping[str, Any], place: str, code: str) -> tuple[TagGroup, ...]:
    """An EC2TagSet, or an OnPremisesTagSet, of lists of filters. Raises Refused; `code` is its exception."""
    name, lists = next(iter(given.items()), ("ec2TagSetList", []))
    place = f"{place}.{name}"
    if not lists:
        raise Refused(code, f"{place}: is empty, and would select nothing: give at least one list of filters")
    if len(lists) > quotas.MAX_TAG_GROUPS:
        raise Refused(code, f"{place}: has {len(lists)} lists, at most {quotas.MAX_TAG_GROUPS}")
    return tuple(tag_group(each, f"{place}[{number}]", code) for number, each in enumerate(lists))


def _no_balancers(message: str) -> Refused:
    return Refused("InvalidLoadBalancerInfoException", message)


def _no_alarms(message: str) -> Refused:
    return Refused("InvalidAlarmConfigException", message)
