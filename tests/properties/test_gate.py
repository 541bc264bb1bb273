"""Invariants 1 and 3 over the pure core: hosts that fail, hang, are skipped and stopped, in any order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from functions.core.rollout.gate import Counters, GateDecision, ask
from functions.core.rollout.health import (
    DeploymentConfig,
    HealthConstraintsInvalid,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    is_success,
)

PERCENT = st.builds(MinimumHealthyHosts, st.just(MinimumHealthyHostsType.FLEET_PERCENT), st.integers(0, 99))
COUNT = st.builds(MinimumHealthyHosts, st.just(MinimumHealthyHostsType.HOST_COUNT), st.integers(0, 40))
CONFIGS = st.builds(DeploymentConfig, st.just("any"), st.one_of(st.none(), PERCENT, COUNT))
MOVES = st.lists(st.sampled_from(["ask", "succeed", "fail", "stop"]), max_size=200)


class SimulatedGroup:
    """Hosts of a deployment, moved by the answers of the gate as the state machine moves them."""

    def __init__(self, targets: int, allowed: int) -> None:
        self.counters = Counters(total=targets, allowed=allowed)
        self.stopping = False

    def play(self, move: str) -> None:
        counters = self.counters
        if move == "stop":
            self.stopping = True
        elif move == "ask" and counters.pending:
            match ask(counters, stopping=self.stopping):
                case GateDecision.GO:
                    self.counters = replace(counters, out=counters.out + 1, started=counters.started + 1)
                case GateDecision.SKIP:
                    self.counters = replace(counters, skipped=counters.skipped + 1)
        elif move == "succeed" and counters.in_flight:
            self.counters = replace(counters, out=counters.out - 1, succeeded=counters.succeeded + 1)
        elif move == "fail" and counters.in_flight:
            self.counters = replace(counters, failed=counters.failed + 1)

    @property
    def healthy(self) -> int:
        return self.counters.total - self.counters.out


def allowed_out(config: DeploymentConfig, targets: int) -> int | None:
    try:
        return config.allowed_out(targets)
    except HealthConstraintsInvalid:
        return None


@given(st.integers(1, 40), CONFIGS, MOVES)
def test_healthy_hosts_never_fall_below_the_promise(targets: int, config: DeploymentConfig, moves: list[str]) -> None:
    """Invariant 1."""
    allowed = allowed_out(config, targets)
    if allowed is None:
        assert config.minimum and config.minimum.required(targets) >= targets
        return
    group = SimulatedGroup(targets, allowed)
    for move in moves:
        group.play(move)
        assert group.healthy >= (config.minimum.required(targets) if config.minimum else targets - 1)
        assert group.counters.pending >= 0 and group.counters.in_flight >= 0


@given(st.integers(1, 40), CONFIGS, st.lists(st.booleans(), min_size=40, max_size=40), st.integers(0, 60))
def test_every_target_ends_and_success_means_what_the_rule_says(
    targets: int, config: DeploymentConfig, goes_well: list[bool], stop_after: int
) -> None:
    """Invariant 3: whoever asks long enough is let go or skipped, so the deployment comes to its end."""
    allowed = allowed_out(config, targets)
    if allowed is None:
        return
    group, rounds = SimulatedGroup(targets, allowed), 0
    outcomes = iter(goes_well)
    while group.counters.pending or group.counters.in_flight:
        if rounds == stop_after:
            group.play("stop")
        before = group.counters
        group.play("ask")
        if group.counters == before:  # told to wait, or nobody left to ask: somebody in flight must end
            group.play("succeed" if next(outcomes) else "fail")
        rounds += 1
        assert rounds <= 4 * targets + 4
    ended = group.counters
    assert ended.succeeded + ended.failed + ended.skipped == targets
    good = is_success(targets=targets, allowed_out=allowed, succeeded=ended.succeeded)
    assert good == (ended.succeeded >= 1 and ended.succeeded >= targets - allowed)
