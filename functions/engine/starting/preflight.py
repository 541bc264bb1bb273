"""Preflight: what a deployment would do, and what is in its way, as one value. Nothing is written.

Prepare begins what is found here (`begin.py`), and PlanDeployment shows it to people (`outlook.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from functions.aws import bucket, clock
from functions.aws.bucket import Examined
from functions.aws.fleet import ec2
from functions.core.access import Fleet
from functions.core.auto_scaling import ScalingGroup
from functions.core.errors import NotDeployable
from functions.core.planning.contents import Contents
from functions.core.records import Deployment, HookKind, Host, Launch, Revision, Step, Target
from functions.core.rollout import stages
from functions.core.rollout.budgets import in_order
from functions.core.rollout.health import HealthConstraintsInvalid
from functions.core.rollout.selecting import Standing, Traits
from functions.core.rollout.stages import Round
from functions.core.rollout.steps import Hooks, launch_steps, plan_steps, termination_steps
from functions.core.rollout.traffic import pin
from functions.core.selection import ONLINE, Contact, Instance, new_targets
from functions.core.statuses import DeploymentErrorCode, TargetStatus
from functions.engine.auto_scaling import scaling
from functions.engine.starting import balancers, budgets, selected, who_may
from functions.engine.starting import fleet as engine_fleet
from functions.engine.starting.balancers import CheckedBalancers
from functions.store.records import hosts


@dataclass(slots=True)
class Checks:
    """What is in a deployment's way. It cannot begin after the first error; people want to hear of all of them."""

    stop_at_first: bool = True
    errors: list[NotDeployable] = field(default_factory=list)

    @contextmanager
    def each(self) -> Iterator[None]:
        """What follows is left out where it cannot be done, and noted; or its error ends everything."""
        try:
            yield
        except NotDeployable as error:
            if self.stop_at_first:
                raise
            self.errors.append(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What the hosts of a group have, by their ids, and the deployments that brought it, by theirs."""

    hosts: Mapping[str, Host] = field(default_factory=dict)
    by: Mapping[str, Deployment] = field(default_factory=dict)

    def on(self, host_id: str) -> Deployment | None:
        """What was installed there well; None where nothing was, or nobody knows what is there."""
        host = self.hosts.get(host_id)
        return self.by.get(host.deployment_id) if host and host.status is TargetStatus.SUCCEEDED else None

    def standing(self, host_id: str, revision: Revision) -> Standing:
        """Whether the host has that revision."""
        before = self.on(host_id)
        if before is None:
            return Standing.UNKNOWN
        return Standing.CURRENT if before.revision.is_same(revision) else Standing.OLD

    def hooks(self, host_id: str) -> Hooks:
        """Those of the revision that the host has; None where a deployment failed on it, and no one knows which. A host
        that is not there has never been deployed to."""
        if host_id not in self.hosts:
            return ()
        found = self.on(host_id)
        return found.revision.hooks if found else None


NOTHING_INSTALLED = Installed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A deployment as it would begin: pinned, with its counts, places, stages, budgets and load balancers."""

    deployment: Deployment
    targets: Sequence[Target] = ()  # each with its stage, rank, steps and the shards that it asks
    contents: Contents | None = None  # what its AppSpec says; None: it was not read
    installed: Installed = NOTHING_INSTALLED
    contacts: Mapping[str, Contact] = field(default_factory=dict)  # what SSM says of the hosts, by id
    checked: CheckedBalancers = balancers.NONE
    counted: budgets.Counted = ()
    scaling_groups: Sequence[ScalingGroup] = ()

    @property
    def rounds(self) -> list[Round]:
        return rounds(self.deployment, self.targets)


def rounds(deployment: Deployment, targets: Sequence[Target]) -> list[Round]:
    """The stages as they are run, their targets in the order in which they begin."""
    return [replace(each, target_ids=in_order(each.target_ids, targets)) for each in stages.plan(deployment, targets)]


def preflight(deployment: Deployment, checks: Checks, examine: Callable[[Deployment], Examined] | None = None) -> Plan:
    """What the deployment would do. Raises NotDeployable, unless `checks` notes it. `examine`: what is known of its
    revision, by default all that is in its archive."""
    plan = Plan(deployment=deployment)
    if not deployment.is_restart:
        with checks.each():
            found = (examine or (lambda each: bucket.examine(each.revision)))(deployment)
            plan = replace(plan, deployment=replace(deployment, revision=found.revision), contents=found.contents)
    if deployment.launch:
        return _begun(_alone(plan, deployment.launch), {})
    with checks.each():
        return _to_fleet(plan, checks)
    return plan


def _to_fleet(plan: Plan, checks: Checks) -> Plan:
    deployment = plan.deployment
    scaling_groups = scaling.check(deployment)
    fleet = selected.select(deployment, scaling_groups)
    if not fleet.hosts:
        return replace(plan, deployment=replace(deployment, counters=None))
    plan = replace(plan, scaling_groups=scaling_groups)
    with checks.each():
        who_may.check_hosts(deployment, fleet)
    with checks.each():
        plan = replace(plan, checked=balancers.check_load_balancers(deployment, fleet.hosts))
    with checks.each():
        plan = replace(plan, counted=budgets.count(deployment, [each.instance_id for each in fleet.hosts]))
    plan = replace(plan, installed=_installed(deployment), contacts=engine_fleet.contacts(fleet))
    traits = {each.instance_id: _traits(each, plan) for each in fleet.hosts}
    plan = replace(plan, targets=_targets(plan, fleet))
    with checks.each():
        plan = _begun(plan, traits)
    return plan


def _begun(plan: Plan, traits: Mapping[str, Traits]) -> Plan:
    """With what a begin fixes. Raises NotDeployable where the configuration keeps every target in service, or a stage
    selects none."""
    deployment = replace(plan.deployment, balancers=plan.checked.balancers, budgets=budgets.shares(plan.counted))
    try:
        begun, targets = stages.begin(deployment, plan.targets, traits)
    except HealthConstraintsInvalid as error:
        raise NotDeployable(DeploymentErrorCode.HEALTH_CONSTRAINTS_INVALID, str(error)) from error
    begun = replace(begun, step_count=sum(len(each.steps) for each in targets))
    return replace(plan, deployment=begun, targets=budgets.with_homes(targets, plan.counted))


def _installed(deployment: Deployment) -> Installed:
    found = hosts.of(deployment.group_id)
    return Installed(hosts={each.target_id: each for each in found}, by=hosts.deployments_of(found))


def _traits(instance: Instance, plan: Plan) -> Traits:
    """What the stages choose an instance by: its tags, and what it runs."""
    standing = plan.installed.standing(instance.instance_id, plan.deployment.revision)
    return Traits(tags=instance.tags, standing=standing)


def _targets(plan: Plan, fleet: Fleet) -> list[Target]:
    deployment, known = plan.deployment, plan.installed.hosts
    found = new_targets(
        deployment.deployment_id,
        deployment.group_id,
        fleet.hosts,
        plan.contacts,
        clock.timestamp(),
        lambda each: _steps(plan, each),
    )
    out = {name for name, host in known.items() if host.status is TargetStatus.FAILED}
    return [replace(each, was_out_of_service=each.target_id in out) for each in found]


def _steps(plan: Plan, instance: Instance) -> tuple[Step, ...]:
    deployment = plan.deployment
    return plan_steps(
        deployment.settings,
        is_ec2=instance.is_ec2,
        hooks=deployment.revision.hooks,
        hooks_before=plan.installed.hooks(instance.instance_id),
        is_restart=deployment.is_restart,
    )


def _alone(plan: Plan, launch: Launch) -> Plan:
    """To the one target of a deployment to an instance that waits in a lifecycle hook. Whether SSM reaches it already,
    the target waits for."""
    deployment, instance = plan.deployment, ec2.named(launch.action.instance_id)
    if instance is None:
        raise NotDeployable(DeploymentErrorCode.NO_INSTANCES, f"{launch.action.instance_id} is gone")
    who_may.check_hosts(deployment, Fleet(ec2=[instance]))
    checked = balancers.check_load_balancers(deployment, [instance])
    settings, hooks, now = deployment.settings, deployment.revision.hooks, clock.timestamp()
    is_launch = launch.action.kind is HookKind.LAUNCH
    steps = launch_steps(settings, hooks=hooks) if is_launch else termination_steps(settings, hooks_before=hooks)
    group_id = deployment.group_id if is_launch else ""  # what is about to end says nothing of what hosts run
    contacts = {instance.instance_id: Contact(ping=ONLINE)}
    (target,) = new_targets(deployment.deployment_id, group_id, [instance], contacts, now, lambda each: steps)
    has_traffic = checked.balancers and is_launch
    traffic = pin(instance.instance_id, checked.balancers, {}, ()) if has_traffic else None
    return replace(plan, targets=[replace(target, traffic=traffic)], checked=checked, contacts=contacts)
