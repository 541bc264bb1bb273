"""The records as CodeDeploy's API tells them: its members, its spelling."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from functions.api import stage_responses, target_responses
from functions.api.declared_responses import only_declared
from functions.api.revision_responses import good_deployment, pinned_revision, revision, rollback_choice
from functions.api.scaling_responses import auto_scaling, membership, related, rollback, scaling_group
from functions.api.stage_responses import minimum
from functions.core.place import Place
from functions.core.planning.cost import Estimate, estimate_of
from functions.core.planning.prices import REGION, YEAR
from functions.core.records import (
    Alarms,
    Application,
    Bypass,
    Closed,
    Counts,
    CustomConfig,
    Deployment,
    DeploymentSummary,
    Group,
    GroupSettings,
    Host,
    LifecycleEventRecord,
    LoadBalancers,
    OnPremisesInstance,
    SharedFailure,
    StopMark,
    TagFilter,
    TagGroup,
    Target,
    TargetFailure,
    Trigger,
)
from functions.core.records.traffic import balancers_of
from functions.core.rollout.health import PREDEFINED_CONFIGS, DeploymentConfig, ZonalConfig
from functions.core.rollout.rollback_choice import candidates, choose_for
from functions.core.statuses import (
    DeploymentOption,
    DeploymentStatus,
    OutdatedInstancesStrategy,
    OverriddenSetting,
    TriggerFormat,
)

PLATFORM = "Server"
_DECLARED = UUID("f0f3b1f2-6c35-4d0b-9c39-2b7b8f3a7c11")  # names the ids of what deployments.yaml declares


def deployment(record: Deployment) -> dict[str, Any]:
    """A DeploymentInfo."""
    settings, error = record.settings, record.failure
    return {
        "deploymentId": record.deployment_id,
        "applicationName": record.application,
        "deploymentGroupName": record.group,
        "deploymentConfigName": settings.config.name,
        "previousRevision": revision(record.previous_revision) if record.previous_revision else None,
        "revision": revision(record.revision),
        "pinnedRevision": pinned_revision(record.revision),
        "status": record.status,
        "errorInformation": {"code": error.code, "message": error.message} if error else None,
        "createTime": record.create_time,
        "startTime": record.start_time,
        "completeTime": record.complete_time,
        "deploymentOverview": overview(record.counts),
        "description": record.description,
        "creator": record.creator,
        "deploymentMode": record.mode if record.is_restart else None,
        "ignoreApplicationStopFailures": settings.ignore_application_stop_failures,
        "autoRollbackConfiguration": auto_rollback(settings),
        "updateOutdatedInstancesOnly": record.outdated_only,
        "rollbackInfo": rollback(record.rollback) if record.rollback else None,
        "relatedDeployments": related(record),
        "deploymentStyle": style(settings.load_balancers),
        "loadBalancerInfo": load_balancers(settings.load_balancers),
        "instanceTerminationWaitTimeStarted": False,
        "fileExistsBehavior": settings.file_exists_behavior,
        "computePlatform": PLATFORM,
        "targetInstances": target_instances(record),
        "overrideAlarmConfiguration": alarms(settings.alarms) if OverriddenSetting.ALARMS in record.own else None,
        "metadata": record.metadata or None,
        "requestedBy": record.requested_by,
        "closed": closed(record.closed) if record.closed and record.status is DeploymentStatus.QUEUED else None,
        "bypass": bypass(record.bypass) if record.bypass else None,
        "supersededBy": record.superseded_by or (record.stop.superseded_by if record.stop else None),
        "stopInfo": stop(record.stop) if record.stop else None,
        "healthyHosts": healthy_hosts(record.counts) if record.counts.total else None,
        "causes": [cause(each) for each in record.causes] or None,
        "estimatedCost": cost(found) if (found := estimate_of(record)) else None,
        **stage_responses.of_deployment(record),
    }


def cost(found: Estimate) -> dict[str, Any]:
    """An EstimatedCost."""
    return {"usd": round(found.usd, 6), "region": REGION, "year": YEAR}


def closed(record: Closed) -> dict[str, Any]:
    """Until when the calendar keeps a deployment, or a group."""
    return {"until": record.until, "reason": record.why}


def bypass(record: Bypass) -> dict[str, Any]:
    return {"by": record.by, "time": record.at, "reason": record.why}


def cause(record: SharedFailure) -> dict[str, Any]:
    """A FailureCause."""
    return {
        **failure(record.failure),
        "targetCount": record.count,
        "targetIds": list(record.target_ids),
        "since": record.since or None,
        "outOfLoadBalancers": list(record.out_of) or None,
    }


def failure(record: TargetFailure) -> dict[str, Any]:
    """A TargetFailure."""
    return {
        "cause": record.cause,
        "event": record.event,
        "script": record.script_name,
        "exitCode": record.exit_code,
        "signal": record.signal,
        "message": record.message,
    }


def stop(record: StopMark) -> dict[str, Any]:
    return {"stoppedBy": record.by, "stopTime": record.at, "message": record.message}


def healthy_hosts(counts: Counts) -> dict[str, int]:
    """The targets that must stay in service, and those that are: they have the old revision, or the new one."""
    return {"total": counts.total, "minimum": counts.promised, "healthy": counts.in_service}


def host(record: Host, brought_by: Deployment | None) -> dict[str, Any]:
    """A Host; `brought_by` is its deployment."""
    return {
        "hostId": record.target_id,
        "deploymentId": record.deployment_id,
        "revision": revision(brought_by.revision) if brought_by else None,
        "pinnedRevision": pinned_revision(brought_by.revision) if brought_by else None,
        "status": record.status,
        "since": record.since,
        "outOfLoadBalancers": list(balancers_of(record.out_of)) or None,
    }


def application(record: Application) -> dict[str, Any]:
    """An ApplicationInfo."""
    return {
        "applicationId": record.application_id,
        "applicationName": record.name,
        "createTime": record.create_time,
        "linkedToGitHub": False,
        "computePlatform": PLATFORM,
    }


def group(record: Group) -> dict[str, Any]:
    """A DeploymentGroupInfo."""
    settings, last, good = record.settings, record.last_attempted, record.last_successful
    ec2 = filters_and_lists(settings.tag_groups, is_set=record.has_tag_set)
    on_premises = filters_and_lists(settings.on_premises_tag_groups, is_set=record.has_on_premises_tag_set)
    return {
        "applicationName": record.application,
        "deploymentGroupId": record.group_id,
        "deploymentGroupName": record.name,
        "deploymentConfigName": settings.config.name,
        "ec2TagFilters": ec2[0],
        "ec2TagSet": {"ec2TagSetList": ec2[1]} if ec2[1] else None,
        "onPremisesInstanceTagFilters": on_premises[0],
        "onPremisesTagSet": {"onPremisesTagSetList": on_premises[1]} if on_premises[1] else None,
        "autoScalingGroups": [scaling_group(each, record) for each in settings.auto_scaling.groups],
        "serviceRoleArn": record.service_role_arn,
        "targetRevision": revision(last.revision) if last and last.revision else None,
        "triggerConfigurations": [trigger(each) for each in settings.triggers],
        "alarmConfiguration": alarms(settings.alarms),
        "autoRollbackConfiguration": auto_rollback(settings),
        "deploymentStyle": style(settings.load_balancers),
        "loadBalancerInfo": load_balancers(settings.load_balancers),
        "outdatedInstancesStrategy": record.outdated_instances_strategy or OutdatedInstancesStrategy.UPDATE,
        "lastSuccessfulDeployment": last_deployment(good) if good else None,
        "lastAttemptedDeployment": last_deployment(last) if last else None,
        "computePlatform": PLATFORM,
        "terminationHookEnabled": settings.auto_scaling.has_termination_hook,
        **auto_scaling(settings.auto_scaling),
        "allowedPrincipals": list(settings.allowed_principals) or None,
        "budgets": list(settings.budgets) or None,
        "hostBusySeconds": settings.host_busy_seconds,
        "onBusy": settings.on_busy,
        "sequence": settings.is_sequence,
        "onFreeze": settings.on_freeze,
        "rollbackChoice": rollback_choice(choose_for(record)) if last or good else None,
        "goodDeployments": [good_deployment(each) for each in candidates(record)] or None,
        "sharedWith": list(settings.shared_with) or None,
        **only_declared(record),
    }


def last_deployment(record: DeploymentSummary) -> dict[str, Any]:
    """A LastDeploymentInfo."""
    return {
        "deploymentId": record.deployment_id,
        "status": record.status,
        "endTime": record.complete_time,
        "createTime": record.create_time,
        "failedHosts": record.failed_hosts or None,
    }


def trigger(record: Trigger) -> dict[str, Any]:
    """A TriggerConfig."""
    return {
        "triggerName": record.name,
        "triggerTargetArn": record.topic_arn,
        "triggerEvents": list(record.events),
        "triggerFormat": None if record.format is TriggerFormat.CODEDEPLOY else record.format,
    }


def predefined_config(record: DeploymentConfig) -> dict[str, Any]:
    """A DeploymentConfigInfo; CodeDeploy itself tells the first one by a type that its model does not have."""
    number = list(PREDEFINED_CONFIGS).index(record.name) + 1
    return {
        "deploymentConfigId": f"00000000-0000-0000-0000-{number:012}",
        "deploymentConfigName": record.name,
        "minimumHealthyHosts": minimum(record.minimum) if record.minimum else {"type": "MAX_CONCURRENCY", "value": 1},
        "computePlatform": PLATFORM,
        **stage_responses.of_config(record.stages, record.order_tag),
    }


def custom_config(record: CustomConfig) -> dict[str, Any]:
    """A DeploymentConfigInfo; one of deployments.yaml has the same id in every account."""
    return {
        "deploymentConfigId": record.config_id or str(uuid5(_DECLARED, record.name)),
        "deploymentConfigName": record.name,
        "minimumHealthyHosts": minimum(record.minimum),
        "zonalConfig": zonal(record.zonal) if record.zonal else None,
        **stage_responses.of_config(record.stages, record.order_tag),
        "createTime": record.create_time,
        "computePlatform": PLATFORM,
    }


def zonal(record: ZonalConfig) -> dict[str, Any]:
    """A ZonalConfig, as it was given."""
    return {
        "firstZoneMonitorDurationInSeconds": record.first_monitor_seconds,
        "monitorDurationInSeconds": record.monitor_seconds or None,
        "minimumHealthyHostsPerZone": minimum(record.minimum) if record.minimum else None,
    }


def overview(counts: Counts) -> dict[str, int]:
    """A DeploymentOverview: where the targets are."""
    return {**counts.overview, "Ready": 0}


def auto_rollback(settings: GroupSettings) -> dict[str, Any]:
    """An AutoRollbackConfiguration."""
    return {
        "enabled": bool(settings.auto_rollback),
        "events": list(settings.auto_rollback or settings.idle_auto_rollback),
    }


def style(record: LoadBalancers) -> dict[str, Any]:
    """A DeploymentStyle."""
    has, has_not = DeploymentOption.WITH_TRAFFIC_CONTROL, DeploymentOption.WITHOUT_TRAFFIC_CONTROL
    return {"deploymentType": "IN_PLACE", "deploymentOption": has if record.has_control else has_not}


def load_balancers(record: LoadBalancers) -> dict[str, Any] | None:
    """A LoadBalancerInfo, None for a group that names none."""
    named = {"targetGroupInfoList": record.target_groups, "elbInfoList": record.classic}
    return {member: [{"name": each} for each in names] for member, names in named.items() if names} or None


def alarms(record: Alarms) -> dict[str, Any]:
    """An AlarmConfiguration."""
    return {
        "enabled": record.enabled and bool(record.names),
        "ignorePollAlarmFailure": record.ignore_poll_alarm_failure,
        "alarms": [{"name": name} for name in record.names],
    }


def target_instances(record: Deployment) -> dict[str, Any] | None:
    """A TargetInstances, of a deployment that goes to only some of its group's instances."""
    groups = _lists(record.own_tag_groups)
    if record.instance_ids:
        return {"instanceIds": list(record.instance_ids)}
    if OverriddenSetting.TAG_FILTERS in record.own:
        return {"tagFilters": groups[0]}
    return {"ec2TagSet": {"ec2TagSetList": groups}} if OverriddenSetting.TAG_SET in record.own else None


def filters_and_lists(record: Sequence[TagGroup], *, is_set: bool) -> tuple[Any, Any]:
    """The filters of one list, or the lists of a set; the other is None."""
    lists = _lists(record)
    return (None, lists) if is_set or len(lists) > 1 else (lists[0] if lists else [], None)


def _lists(record: Sequence[TagGroup]) -> list[list[dict[str, Any]]]:
    return [[tag_filter(each) for each in group.filters] for group in record]


def tag_filter(record: TagFilter) -> dict[str, Any]:
    """An EC2TagFilter."""
    kind = "VALUE_ONLY" if record.key is None else "KEY_ONLY" if record.value is None else "KEY_AND_VALUE"
    return {"Key": record.key, "Value": record.value, "Type": kind}


def has_targets(record: Deployment) -> bool:
    """Before it has any, CodeDeploy answers DeploymentNotStartedException."""
    return record.status not in (DeploymentStatus.CREATED, DeploymentStatus.QUEUED)


def target(record: Target, place: Place) -> dict[str, Any]:
    """A DeploymentTarget."""
    return {
        "deploymentTargetType": "InstanceTarget",
        "instanceTarget": {
            "deploymentId": record.deployment_id,
            "targetId": record.target_id,
            "targetArn": record.arn(place),
            "status": record.status,
            "lastUpdatedAt": record.last_updated_at,
            "lifecycleEvents": [lifecycle_event(event) for event in record.events],
            "waitingFor": record.waits_for,
            "failure": failure(record.failure) if record.failure else None,
            "outOfLoadBalancers": list(balancers_of(record.out_of)) or None,
            **target_responses.service(record),
            **membership(record),
        },
    }


def instance(record: Target, place: Place) -> dict[str, Any]:
    """An InstanceSummary, the form of a target before there were DeploymentTargets; it names the instance by ARN."""
    return {
        "deploymentId": record.deployment_id,
        "instanceId": record.arn(place),
        "status": record.status,
        "lastUpdatedAt": record.last_updated_at,
        "lifecycleEvents": [lifecycle_event(event) for event in record.events],
    }


def on_premises_instance(record: OnPremisesInstance) -> dict[str, Any]:
    """An InstanceInfo."""
    return {
        "instanceName": record.name,
        "instanceArn": record.instance_arn,
        "iamUserArn": record.iam_user_arn,
        "iamSessionArn": record.iam_session_arn,
        "registerTime": record.register_time,
        "deregisterTime": record.deregister_time,
        "tags": [{"Key": key, "Value": value} for key, value in sorted(record.tags.items())],
    }


def lifecycle_event(record: LifecycleEventRecord) -> dict[str, Any]:
    left = record.diagnostics
    return {
        "lifecycleEventName": record.name,
        "status": record.status,
        "startTime": record.start_time,
        "endTime": record.end_time,
        "diagnostics": {
            "errorCode": left.error_code,
            "scriptName": left.script_name,
            "message": left.message,
            "logTail": left.log_tail,
        }
        if left
        else None,
    }
