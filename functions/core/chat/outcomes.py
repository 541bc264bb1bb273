"""What a chat is told of a deployment's change of state, in words that no chat has spelled yet; and which changes that
came together share a message."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from functions.core.messages import texts
from functions.core.messages.announcements import State
from functions.core.messages.measures import seconds_taken
from functions.core.messages.revision_names import revision_name
from functions.core.place import Place
from functions.core.records import Deployment, Target
from functions.core.rollout.analysis import decisive
from functions.core.rollout.holds import approval_asked
from functions.core.statuses import Creator

MAX_CAUSES = 5  # for which targets failed, shown in one message
DIGEST_FROM = 11  # outcomes for one channel at a time that become one message; fewer keep their details

Facts = list[tuple[str, str]]

_HEADLINES = {
    State.START: (":rocket:", "Deployment started", "Rollback started"),
    State.SUCCESS: (":white_check_mark:", "Deployment succeeded", "Rolled back"),
    State.FAILURE: (":x:", "Deployment failed", "Rollback failed"),
    State.STOP: (":octagonal_sign:", "Deployment stopped", "Rollback stopped"),
    State.READY: (":raised_hand:", "Deployment waits for approval", "Rollback waits for approval"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A deployment's change of state, as a chat hears of it."""

    message_id: str  # of the queue's message that brought it
    state: State
    moment: str  # ISO 8601
    place: Place
    deployment: Deployment
    failed: tuple[Target, ...] = ()  # of each cause the first target, with its log
    going_back: Deployment | None = None  # the rollback of this one

    @property
    def is_over(self) -> bool:
        return self.state not in (State.START, State.READY)

    @property
    def why(self) -> str:
        """Why it did not succeed."""
        return self.deployment.failure.message if self.is_over and self.deployment.failure else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message to one channel, and the queue's messages that it tells of."""

    channel: str | None
    payload: dict[str, Any]
    message_ids: frozenset[str]


def posts(
    outcomes: Iterable[Outcome], payload_of: Callable[[str | None, Sequence[Outcome]], dict[str, Any]]
) -> list[Post]:
    """What is posted for the outcomes that came together, oldest first. `payload_of`: the message to a channel that
    tells of one outcome, or of many."""

    def channel_of(outcome: Outcome) -> str:
        return outcome.deployment.settings.slack_channel or ""

    planned = []
    ordered = sorted(outcomes, key=lambda each: (each.moment, each.is_over))
    for channel, group in groupby(sorted(ordered, key=channel_of), channel_of):
        together = list(group)
        parts = [together] if len(together) >= DIGEST_FROM else [[each] for each in together]
        for part in parts:
            ids = frozenset(each.message_id for each in part)
            planned.append(Post(channel=channel or None, payload=payload_of(channel or None, part), message_ids=ids))
    return planned


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(9.4), duration(252), duration(3723)
    ('9 s', '4 min 12 s', '1 h 2 min')
    """
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def headline(deployment: Deployment, state: State) -> tuple[str, str]:
    """An emoji, and what became of the deployment: a success does not hide failed hosts."""
    emoji, name = kind(deployment, state)
    counts = deployment.counts
    if state is State.SUCCESS and (hidden := texts.hosts_failed(counts.failed, counts.total)):
        return ":warning:", f"{name}, {hidden}"
    return emoji, name


def kind(deployment: Deployment, state: State) -> tuple[str, str]:
    emoji, name, of_rollback = _HEADLINES[state]
    if deployment.creator is Creator.ROLLBACK:
        return ":rewind:" if state in (State.START, State.SUCCESS) else emoji, of_rollback
    return emoji, name


def line(outcome: Outcome) -> str:
    """An outcome among many, without its emoji."""
    deployment = outcome.deployment
    why = f": {outcome.why}" if outcome.why else ""
    return f"{deployment.group_key} {headline(deployment, outcome.state)[1]} ({deployment.deployment_id}){why}"


def digest(outcomes: Sequence[Outcome]) -> tuple[str, list[Outcome]]:
    """The title of a digest, and what it shows: a start is left out where the same deployment's end is there too."""
    over = {each.deployment.deployment_id for each in outcomes if each.is_over}
    shown = [each for each in outcomes if each.is_over or each.deployment.deployment_id not in over]
    counts: dict[str, int] = {}
    for each in shown:
        name = kind(each.deployment, each.state)[1].lower()
        counts[name] = counts.get(name, 0) + 1
    return f"{len(shown)} deployment messages: " + ", ".join(f"{count} {name}" for name, count in counts.items()), shown


def going_back(deployment: Deployment, rollback: Deployment | None) -> str:
    """What a rollback does, told of both: the deployment that it undoes, and itself. `rollback`: of the deployment."""
    linked = deployment.rollback
    if rollback:
        return f"Going back to {revision_name(rollback)}: {rollback.deployment_id}"
    if linked and linked.rollback_triggering_deployment_id and deployment.creator is Creator.ROLLBACK:
        return f"Goes back from {linked.rollback_triggering_deployment_id} to {revision_name(deployment)}"
    return (linked and linked.rollback_message) or ""


def command(deployment: Deployment, state: State | None) -> str:
    """What to type to see more; `state` None: it runs."""
    verb = "approve" if state is State.READY else "watch" if state in (None, State.START) else "show"
    return f"stepdeploy {verb} {deployment.deployment_id}"


def facts(outcome: Outcome) -> Facts:
    """What there is to know, by name."""
    deployment, counts = outcome.deployment, outcome.deployment.counts
    found = [*about(deployment), *besides(deployment)]
    if outcome.is_over and counts.total:
        found.append(("Targets", texts.ended(counts)))
    if outcome.is_over and (seconds := seconds_taken(deployment)) is not None:
        found.append(("Took", duration(seconds)))
    return found


def about(deployment: Deployment) -> Facts:
    """What is the same from the deployment's beginning to its end."""
    return [
        ("Deployment", deployment.deployment_id),
        ("Revision", revision_name(deployment)),
        ("By", deployment.requested_by or deployment.creator),
        ("Configuration", deployment.settings.config.name),
    ]


def besides(deployment: Deployment) -> Facts:
    """What only some deployments have."""
    return [*approval(deployment), *_analysis(deployment), *_bypass(deployment)]


def approval(deployment: Deployment) -> Facts:
    """What waits for an approval, and who may give it."""
    if (asked := approval_asked(deployment)) is None:
        return []
    stage, rule = asked
    who = texts.approvers(rule.approvers)
    return [("After the stage", stage.name), ("Approval by", who + " (not its creator)" * rule.by_another)]


def _analysis(deployment: Deployment) -> Facts:
    """What the metrics said for which it waits, or ended."""
    found = decisive(deployment)
    return [(f"Metrics: {found.verdict}", found.reason)] if found else []


def _bypass(deployment: Deployment) -> Facts:
    given = deployment.bypass
    return [("Windows bypassed by", f"{given.by}: {given.why}")] if given else []
