"""Every record comes back from its plain form, and from DynamoDB's, as it was."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.quotas import LONGEST_DEPLOYMENT_SECONDS
from functions.core.records import Deployment, Group, SegmentResult, StopMark, Target
from functions.core.rollout.health import (
    Approval,
    DeploymentConfig,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    Select,
    StageRule,
    ZonalConfig,
)
from functions.core.text.shapes import from_plain, to_plain
from functions.store.table.wire import from_wire, to_wire

st.register_type_strategy(
    MinimumHealthyHosts,
    st.builds(MinimumHealthyHosts, st.sampled_from(MinimumHealthyHostsType), st.integers(0, 99)),
)
# What CloudWatch tells, and people compare it with: finite, and within what DynamoDB's numbers hold.
st.register_type_strategy(float, st.floats(-1e30, 1e30, allow_subnormal=False).filter(lambda each: abs(each) > 1e-30))
_SECONDS = st.integers(0, LONGEST_DEPLOYMENT_SECONDS)
st.register_type_strategy(
    ZonalConfig,
    st.builds(
        ZonalConfig,
        minimum=st.none() | st.from_type(MinimumHealthyHosts),
        monitor_seconds=_SECONDS,
        first_monitor_seconds=st.none() | _SECONDS,
    ),
)
st.register_type_strategy(
    StageRule,
    st.builds(
        StageRule,
        name=st.text(max_size=5),
        select=st.sampled_from(Select),
        value=st.integers(2, 99),  # of one host, no half can stay in service
        zones=st.just(("us-east-1a",)),
        tag_key=st.just("ring"),
        tag_value=st.none() | st.text(max_size=5),
        minimum=st.just(None) | st.just(MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, 50)),
        bake_seconds=_SECONDS,
        approval=st.none() | st.from_type(Approval),
    ),
)
_LAST = StageRule(name="rest of them", select=Select.REST)


def _in_stages(config: DeploymentConfig, first: StageRule) -> DeploymentConfig:
    return replace(config, zonal=None, stages=(_LAST,) if first.takes_all else (first, _LAST))


_CONFIGS = st.builds(
    DeploymentConfig,
    st.text(max_size=5),
    st.none() | st.from_type(MinimumHealthyHosts),
    st.none() | st.from_type(ZonalConfig),
    order_tag=st.none() | st.text(max_size=5),
)
st.register_type_strategy(DeploymentConfig, _CONFIGS | st.builds(_in_stages, _CONFIGS, st.from_type(StageRule)))


RECORDS: dict[Any, st.SearchStrategy[Any]] = {
    kind: st.from_type(kind) for kind in (Deployment, Target, Group, SegmentResult, StopMark)
}


@pytest.mark.parametrize("kind", RECORDS)
@given(data=st.data())
def test_a_record_survives_the_table(kind: Any, data: st.DataObject) -> None:
    record = data.draw(RECORDS[kind])
    plain = to_plain(record)
    assert from_plain(kind, plain) == record
    assert from_plain(kind, from_wire(to_wire(plain))) == record


def test_a_missing_field_is_named() -> None:
    with pytest.raises(KeyError, match=r"StopMark\.by"):
        from_plain(StopMark, {})


def test_fields_of_a_later_version_are_ignored() -> None:
    plain = {"by": "me", "code": "MANUAL_STOP", "message": "m", "at": "t", "later": 1}
    assert from_plain(StopMark, plain).by == "me"
