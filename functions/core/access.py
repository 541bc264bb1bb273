"""Who may do what to a deployment group and to its hosts: decided here, for every way in.

IAM decides who may call an operation or a function at all, but it does not see the group that a request names. So a
group says itself who may deploy to it (`allowedPrincipals`), and is then *guarded*: its hosts are closed to deployments
of other groups, too, unless the principal is allowed in the guarded group, or the guarded group shares its hosts with
the other one (`sharedWith`).

A decision is None when it is a yes, and otherwise the sentence that says why not and what to do.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from functions.core.messages import texts
from functions.core.records import Deployment, Group, Guard
from functions.core.rollout.health import DeploymentConfig
from functions.core.selection import Instance, OutsideHosts, matches
from functions.core.text import principals


def may_deploy(group: Group, principal: str | None) -> str | None:
    """Whether the principal may create, retry and roll back deployments of the group. None: an unidentified caller."""
    return decide(group.key, group.settings.allowed_principals, principal)


def may_stop(deployment: Deployment, group: Group | None, principal: str | None) -> str | None:
    """Whether the principal may stop the deployment. `group`: what is on record under the deployment's group now.

    The group as it is now decides, not the deployment's copy: a principal that was removed since must not reach the
    deployment any more, and one that was added in an incident must. The copy decides when the group was deleted, also
    when another one has its name now: who may make a group must not thereby become able to stop what runs.
    """
    is_same = group is not None and group.group_id == deployment.group_id
    settings = group.settings if group and is_same else deployment.settings
    return decide(deployment.group_key, settings.allowed_principals, principal)


def may_approve(deployment: Deployment, group: Group | None, stage: int, principal: str | None) -> str | None:
    """Whether the principal may let the deployment go on after a stage: whoever the stage's approval names, otherwise
    who may stop it; and where it wants another one, not who created it."""
    rule = deployment.stages[stage].approval if 0 <= stage < len(deployment.stages) else None
    approvers = rule.approvers if rule else ()
    if approvers and not (principal and principals.fits(approvers, principal)):
        return texts.not_an_approver(deployment.deployment_id, principal, approvers)
    if rule and rule.by_another and principal in (None, principal_of(deployment)):
        return texts.approves_himself(deployment.deployment_id, principal)
    return None if approvers else may_stop(deployment, group, principal)


def without_approver(config: DeploymentConfig, allowed: Sequence[str]) -> str | None:
    """Why nobody could ever approve a stage in a group with these allowedPrincipals: it wants another than the creator,
    and one principal alone may deploy and approve."""
    creator = principals.only_one(allowed)
    for stage in config.stages:
        rule = stage.approval
        if creator and rule and rule.by_another and principals.only_one(rule.approvers or allowed) == creator:
            return texts.nobody_approves(config.name, stage.name, creator)
    return None


def decide(group_key: str, allowed: Sequence[str], principal: str | None) -> str | None:
    """The one rule, whatever is asked for: to create, retry, roll back or stop, by the API or by a direct call."""
    return None if _is_allowed(allowed, principal) else texts.not_allowed(group_key, principal)


def _is_allowed(allowed: Sequence[str], principal: str | None) -> bool:
    """Without patterns everybody is, and with some nobody whom the engine cannot identify."""
    return not allowed or (principal is not None and principals.fits(allowed, principal))


def principal_of(deployment: Deployment) -> str | None:
    """The principal on whose behalf the deployment runs, None for an unidentified caller.

    A record of an engine that did not keep the principal has it in `requested_by`, but that is whatever a caller of the
    function `start` wrote there. It counts only where the group named who may deploy: such a group let in nobody whom
    the engine could not identify.
    """
    if deployment.principal:
        return deployment.principal
    allowed, said = deployment.settings.allowed_principals, deployment.requested_by
    return said if said and allowed and principals.fits(allowed, said) else None


def guard(group: Group | None) -> Guard | None:
    """What the group holds against deployments of other groups; None when it is not guarded."""
    if group is None or group.removed_at or not group.settings.allowed_principals:
        return None
    return Guard(
        application=group.application,
        group=group.name,
        group_id=group.group_id,
        allowed_principals=group.settings.allowed_principals,
        shared_with=group.settings.shared_with,
        tag_groups=group.settings.tag_groups,
        on_premises_tag_groups=group.settings.on_premises_tag_groups,
        scaling_groups=group.settings.auto_scaling.groups,
    )


_NONE_OUTSIDE = OutsideHosts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The hosts that a deployment is about to touch."""

    ec2: Sequence[Instance]
    on_premises: Sequence[Instance] = ()
    outside: OutsideHosts = _NONE_OUTSIDE  # what those on premises were chosen from

    @property
    def hosts(self) -> list[Instance]:
        return [*self.ec2, *self.on_premises]

    def only(self, ids: Collection[str]) -> "Fleet":
        """Those of these ids."""
        ec2 = [host for host in self.ec2 if host.instance_id in ids]
        return replace(self, ec2=ec2, on_premises=[host for host in self.on_premises if host.instance_id in ids])


def may_touch(deployment: Deployment, fleet: Fleet, guards: Iterable[Guard]) -> str | None:
    """Whether the deployment may touch all of these hosts. A host belongs to every group whose tags it fits."""
    principal = principal_of(deployment)
    closed: set[str] = set()
    by: list[str] = []
    for each in guards:
        if _lets_in(each, deployment, principal):
            continue
        if held := _hosts_of(each, fleet):
            closed |= held
            by.append(each.key)
    return texts.guarded(deployment.group_key, principal, sorted(closed), sorted(by)) if by else None


def _lets_in(each: Guard, deployment: Deployment, principal: str | None) -> bool:
    is_own = each.group_id == deployment.group_id
    shares = deployment.group_key in each.shared_with
    return is_own or shares or _is_allowed(each.allowed_principals, principal)


def _hosts_of(each: Guard, fleet: Fleet) -> set[str]:
    """The ids of the fleet's hosts that fit the guarded group's tags, or are members of its Auto Scaling groups.

    On premises a host is known by its id, because it can be registered under two names with different tags.
    """
    held = {
        host.instance_id
        for host in fleet.ec2
        if matches(host.tags, each.tag_groups) or host.scaling_group in each.scaling_groups
    }
    if fleet.on_premises and each.on_premises_tag_groups:
        theirs = {host.instance_id for host in fleet.outside.select(each.on_premises_tag_groups)}
        held |= theirs & {host.instance_id for host in fleet.on_premises}
    return held
