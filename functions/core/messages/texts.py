"""Sentences that must read as CodeDeploy's, because people and programs know them.

Source: messages of the service as observed on real topics.
"""

from collections.abc import Sequence

from functions.core.limits import NAMES, SHOWN
from functions.core.records.counts import Counts
from functions.core.records.traffic import shown
from functions.core.text.plain_text import listed


def subject(status: str, deployment_id: str, region: str, application_or_instance: str) -> str:
    """Subject of an SNS trigger message; SNS allows at most 100 ASCII characters.

    >>> subject("FAILED", "d-A1B2C3111", "eu-west-1", "shop")
    'FAILED: AWS CodeDeploy d-A1B2C3111 in eu-west-1 to shop'
    """
    text = f"{status}: AWS CodeDeploy {deployment_id} in {region} to {application_or_instance}"
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)[:100]


_NAMED = 3  # of many hosts or groups
_NO_INSTANCES = "The deployment failed because no instances were found for your deployment group"
_UNIDENTIFIED = "An unidentified caller (an S3 upload or a direct function call)"

STOPPING = "No more commands will be scheduled for execution in the deployment instances"


def alarms_activated(names: Sequence[str]) -> str:
    """errorInformation of a deployment that alarms stopped."""
    return (
        "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the"
        f" affected deployments have been stopped. Activated alarms: {listed(list(names), NAMES, ' ')}"
    )


def rollback_triggered(failed_id: str, rollback_id: str) -> str:
    """rollbackMessage of a deployment that is rolled back."""
    return f"Deployment {failed_id} terminated. Automatic rollback is triggered with a DeploymentId {rollback_id}."


def rolls_back(rollback_id: str, failed_id: str) -> str:
    """rollbackMessage of a rollback."""
    return f"Deployment {rollback_id} is triggered to roll back deployment {failed_id}."


def busy(group: str, active_id: str) -> str:
    """DeploymentLimitExceededException: a group that already deploys."""
    return f"The Deployment Group '{group}' already has an active Deployment '{active_id}'"


def not_allowed(group_key: str, principal: str | None) -> str:
    remedy = "Use the control API as one of the group's allowedPrincipals, or add the caller to that list."
    return f"{principal or _UNIDENTIFIED} may not deploy to {group_key}. {remedy}"


def not_an_approver(deployment_id: str, principal: str | None, approvers: Sequence[str]) -> str:
    """Why somebody may not let a deployment go on after a stage."""
    return (
        f"{principal or _UNIDENTIFIED} may not approve {deployment_id}: its stage names {_some(list(approvers))} as"
        " approvers. Approve as one of them, or stop the deployment."
    )


def approves_himself(deployment_id: str, principal: str | None) -> str:
    """Why the creator of a deployment may not approve it."""
    return (
        f"{principal or _UNIDENTIFIED} has created {deployment_id}, and its stage wants the approval of somebody else."
        " Ask another approver."
    )


def nobody_approves(config: str, stage: str, principal: str) -> str:
    """Why a group may not have a configuration."""
    return (
        f"the stage {stage} of {config} wants another approver than the deployment's creator, and {principal} alone may"
        " deploy and approve: name another principal, too, or leave out byAnother"
    )


def guarded(group_key: str, principal: str | None, hosts: Sequence[str], guards: Sequence[str]) -> str:
    """Why a deployment of a group may not touch hosts, which belong to `guards`, groups with allowedPrincipals."""
    plural = "the host belongs" if len(hosts) == 1 else "these hosts belong"
    return (
        f"{principal or _UNIDENTIFIED} may not deploy to {_some(hosts)} by way of {group_key}: {plural} to"
        f" {_some(guards)}, where the caller is not one of the allowedPrincipals. Leave the hosts out, deploy as one of"
        f" the allowedPrincipals there, or add {group_key} to sharedWith there."
    )


def goes_back(group_key: str, mine: tuple[str, str], last: tuple[str, str], accepted_by: str) -> str:
    """Why a sequence refuses a revision; each with the time at which S3 stored it."""
    return (
        f"{group_key} takes revisions in sequence: {mine[0]}, stored at {mine[1]}, is older than {last[0]}, stored at"
        f" {last[1]}, which {accepted_by} brought. Upload it again to deploy it after all, or roll back."
    )


def no_such_instances(group_key: str, ids: Sequence[str]) -> str:
    return f"Not among the instances of {group_key}: {_some(ids)}. Name running instances that the group's tags select."


def none_narrowed(group_key: str, ids: Sequence[str], member: str) -> str:
    """errorInformation NO_INSTANCES of a deployment whose own tags fit none of its group's instances (`ids`)."""
    those = f"Its EC2 instances are {_some(ids)}" if ids else "It has no running or stopped EC2 instance"
    return (
        f"{_NO_INSTANCES} {group_key} that also have the tags of {member}. {those}. A request's tags choose among the"
        " EC2 instances of the group: give tags that some of these have."
    )


def nothing_to_retry(group_key: str, failed_id: str) -> str:
    """errorInformation NO_INSTANCES of a retry whose targets have left the group."""
    return (
        f"{_NO_INSTANCES} {group_key}: none of the targets of {failed_id} that failed or were skipped belongs to it any"
        " more. Create a new deployment."
    )


def nothing_to_restart(group_key: str, revision: str) -> str:
    """errorInformation NO_INSTANCES of a restart of which no instance has the revision."""
    return (
        f"{_NO_INSTANCES} {group_key}: none of its instances that the deployment means has {revision}, the group's last"
        " successful revision, to restart. Deploy it."
    )


def undeclared(names: Sequence[str]) -> str:
    """Why load balancers or Auto Scaling groups that deployments.yaml does not name cannot be used."""
    return f"the engine may not use {_some(names)}: name it in deployments.yaml and run cdk deploy"


def no_such_budget(group_key: str, name: str, known: Sequence[str]) -> str:
    there = f"there are {_some(known)}" if known else "there is none"
    return (
        f"{group_key} names the budget {name}, which does not exist; {there}. Declare it, or take it out of the group."
    )


def budget_without_hosts(name: str) -> str:
    return f"Budget {name} selects no host that runs or is stopped: change its tags or Auto Scaling groups."


def budget_without_places(name: str, maximum: str, hosts: int) -> str:
    """Of a percentage that is less than one host."""
    return f"Budget {name}: {maximum} of {hosts} hosts is less than one host, so none could be deployed to: raise it."


def out_of(balancers: Sequence[str]) -> str:
    """What hosts that a deployment left out are out of, by ARN or name; nothing where there are none."""
    return f"out of {listed([shown(each) for each in balancers], NAMES)}" if balancers else ""


def hosts_failed(failed: int, total: int = 0) -> str:
    """What a success must not hide; nothing where no host failed. `total` 0: nobody knows.

    >>> hosts_failed(6, 12), hosts_failed(1), hosts_failed(0, 12)
    ('6 of 12 hosts failed', '1 host failed', '')
    """
    if not failed:
        return ""
    noun = "host" if max(failed, total) == 1 else "hosts"
    return f"{failed:,} of {total:,} {noun} failed" if total else f"{failed:,} {noun} failed"


def approvers(names: Sequence[str]) -> str:
    """Who may approve a deployment: without names, those who may stop it."""
    return ", ".join(names) or "those who may stop it"


def ended(counts: Counts) -> str:
    """How targets ended.

    >>> ended(Counts(total=3, succeeded=2, failed=1))
    '2 succeeded, 1 failed of 3'
    """
    words = (counts.succeeded, "succeeded"), (counts.failed, "failed"), (counts.skipped, "skipped")
    return f"{', '.join(f'{count} {word}' for count, word in words if count) or '0 done'} of {counts.total}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def no_instances(group_key: str, selects: str) -> str:
    """errorInformation NO_INSTANCES; CodeDeploy's opening, our remedy. `selects`: by what it finds its instances."""
    what = f"no running or stopped EC2 instance has {selects[:SHOWN]}" if selects else "it has no tags to find them by"
    return f"{_NO_INSTANCES} {group_key}: {what}. Tag instances so, or change the group."
