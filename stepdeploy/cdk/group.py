"""A deployment group: the hosts that get an application's revisions, and how."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jsii
from aws_cdk import IResolveContext, IStringProducer, Lazy, Stack, Token
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from constructs import Construct, IValidation

from stepdeploy.cdk.application import IServerApplication, ServerApplication
from stepdeploy.cdk.config import IServerDeploymentConfig, ServerDeploymentConfig
from stepdeploy.cdk.hooks import lifecycle_hooks
from stepdeploy.cdk.registration import arn, made_name, register


class IServerDeploymentGroup(Protocol):
    """One of this stack, or one that is there."""

    @property
    def application(self) -> IServerApplication: ...

    @property
    def deployment_group_name(self) -> str: ...

    @property
    def deployment_group_arn(self) -> str: ...

    @property
    def deployment_config(self) -> IServerDeploymentConfig: ...


class _Named(Construct):
    """A deployment group by its names."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        application: IServerApplication | None,
        name: str | None,
        config: IServerDeploymentConfig | None,
    ) -> None:
        super().__init__(scope, id)
        self._application = application or ServerApplication(self, "Application")
        self._name = name or made_name(self)
        self._config = config or ServerDeploymentConfig.ONE_AT_A_TIME

    @property
    def application(self) -> IServerApplication:
        return self._application

    @property
    def deployment_group_name(self) -> str:
        return self._name

    @property
    def deployment_group_arn(self) -> str:
        return arn(self, "deploymentgroup", f"{self._application.application_name}/{self._name}")

    @property
    def deployment_config(self) -> IServerDeploymentConfig:
        return self._config


class ServerDeploymentGroup(_Named):
    """Registers a deployment group. Once its stack is deleted, no deployment starts in it any more; its history stays.

    The engine checks the group when the stack is deployed. It may use those load balancers and Auto Scaling groups
    that its deployments.yaml names (docs/cdk.md).
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        application: IServerApplication | None = None,
        deployment_group_name: str | None = None,
        deployment_config: IServerDeploymentConfig | None = None,
        auto_scaling_groups: Sequence[autoscaling.IAutoScalingGroup] | None = None,
        ec2_instance_tags: codedeploy.InstanceTagSet | None = None,
        on_premise_instance_tags: codedeploy.InstanceTagSet | None = None,
        alarms: Sequence[cloudwatch.IAlarm] | None = None,
        ignore_poll_alarms_failure: bool | None = None,
        ignore_alarm_configuration: bool | None = None,
        auto_rollback: codedeploy.AutoRollbackConfig | Mapping[str, Any] | None = None,
        load_balancer: codedeploy.LoadBalancer | None = None,
        load_balancers: Sequence[codedeploy.LoadBalancer] | None = None,
        termination_hook: bool | None = None,
        role: iam.IRole | None = None,
        install_agent: bool | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        """
        :param role: Clients read it; the engine acts by roles of its own. Default: none.
        :param install_agent: Has no effect: the engine reaches hosts through the SSM Agent that is there.
        :param extensions: What CodeDeploy's groups do not have, or its construct does not, by the keys of
            deployments.yaml, for example ``{"onBusy": "queue", "bakeTime": "5m"}``.

        All other props mean what they mean to aws_codedeploy.ServerDeploymentGroup.
        """
        super().__init__(scope, id, application=application, name=deployment_group_name, config=deployment_config)
        if load_balancer and load_balancers:
            raise ValueError("load_balancer and load_balancers: give one of them")
        self._balancers = [load_balancer] if load_balancer else list(load_balancers or ())
        self._ec2_tags, self._on_premises_tags = ec2_instance_tags, on_premise_instance_tags
        self._alarms = list(alarms or ())
        self._ignores_unknown_alarms = bool(ignore_poll_alarms_failure)
        self._ignores_alarms = bool(ignore_alarm_configuration)
        self._rollback = _rollback_config(auto_rollback)
        self._has_termination_hook = bool(termination_hook)
        self._role = role
        self._extensions = dict(extensions or {})
        self._scaling: list[autoscaling.IAutoScalingGroup] = []
        self._resource = register(
            self,
            "DeploymentGroup",
            ApplicationName=self._application.application_name,
            DeploymentGroupName=self._name,
            Group=Lazy.uncached_string(_Content(self)),
        )
        for needed in (self._application, self._config):
            if isinstance(needed, Construct):
                self._resource.node.add_dependency(needed)
        for group in auto_scaling_groups or ():
            self.add_auto_scaling_group(group)
        self.node.add_validation(_Check(self))

    @staticmethod
    def from_server_deployment_group_attributes(
        scope: Construct,
        id: str,
        *,
        application: IServerApplication,
        deployment_group_name: str,
        deployment_config: IServerDeploymentConfig | None = None,
    ) -> IServerDeploymentGroup:
        """One that deployments.yaml, another stack or a request has made."""
        return _Named(scope, id, application=application, name=deployment_group_name, config=deployment_config)

    @property
    def role(self) -> iam.IRole | None:
        return self._role

    @property
    def auto_scaling_groups(self) -> list[autoscaling.IAutoScalingGroup]:
        return list(self._scaling)

    def add_alarm(self, alarm: cloudwatch.IAlarm) -> None:
        """Stops deployments when the alarm is in ALARM."""
        self._alarms.append(alarm)

    def add_auto_scaling_group(self, asg: autoscaling.IAutoScalingGroup) -> None:
        """Deploys to its instances, and through lifecycle hooks, which are made here, to each that it launches."""
        key = f"{self._application.application_name}/{self._name}"
        if Token.is_unresolved(key):
            raise ValueError(
                "application, deployment_group_name: a group with auto_scaling_groups needs names that are known at"
                " synth, because lifecycle hooks are called by them: give texts instead of tokens"
            )
        self._scaling.append(asg)
        # Before the group is registered, an instance that waits in a hook is let through.
        for hook in lifecycle_hooks(self, asg, group_key=key, with_termination=self._has_termination_hook):
            self._resource.node.add_dependency(hook)

    def _content(self) -> dict[str, Any]:
        """The group with the keys of deployments.yaml."""
        own: dict[str, Any] = {
            "autoScalingGroups": [each.auto_scaling_group_name for each in self._scaling],
            "terminationHookEnabled": self._has_termination_hook,
            "ec2TagSet": _tag_set("ec2TagSetList", self._ec2_tags),
            "onPremisesTagSet": _tag_set("onPremisesTagSetList", self._on_premises_tags),
            "deploymentConfigName": self._config.deployment_config_name,
            "alarmConfiguration": self._alarm_configuration(),
            "autoRollbackConfiguration": self._auto_rollback_configuration(),
            "loadBalancerInfo": self._load_balancer_info(),
            "serviceRoleArn": self._role.role_arn if self._role else None,
        }
        given = {name: value for name, value in own.items() if value}
        # CodeDeploy's groups reject a deployment while another one runs.
        return {"onBusy": "reject", **given, **self._extensions}

    def _alarm_configuration(self) -> dict[str, Any] | None:
        if not self._alarms:
            return None
        return {
            "enabled": not self._ignores_alarms,
            "ignorePollAlarmFailure": self._ignores_unknown_alarms,
            "alarms": [{"name": each.alarm_name} for each in self._alarms],
        }

    def _auto_rollback_configuration(self) -> dict[str, Any]:
        """The CDK's defaults: a failure rolls back, and so does an alarm, if there is one."""
        wanted = self._rollback
        watches = bool(self._alarms) and not self._ignores_alarms
        events = {
            "DEPLOYMENT_FAILURE": wanted.failed_deployment is not False,
            "DEPLOYMENT_STOP_ON_REQUEST": wanted.stopped_deployment is True,
            "DEPLOYMENT_STOP_ON_ALARM": watches and wanted.deployment_in_alarm is not False,
        }
        named = [event for event, is_wanted in events.items() if is_wanted]
        return {"enabled": True, "events": named} if named else {"enabled": False}

    def _load_balancer_info(self) -> dict[str, Any]:
        lists: dict[str, list[dict[str, str]]] = {}
        for each in self._balancers:
            is_classic = each.generation == codedeploy.LoadBalancerGeneration.FIRST
            lists.setdefault("elbInfoList" if is_classic else "targetGroupInfoList", []).append({"name": each.name})
        return dict(lists)

    def _problems(self) -> list[str]:
        """What can be known to be wrong at synth."""
        found, content = [], self._content()
        if own := sorted(self._extensions.keys() & _OWN_KEYS):
            found.append(f"extensions: {own[0]} belongs to a prop of the construct: give {_OWN_KEYS[own[0]]}")
        if not content.keys() & _SELECTING:
            found.append("selects no host: give ec2_instance_tags, on_premise_instance_tags or auto_scaling_groups")
        if self._rollback.deployment_in_alarm and (not self._alarms or self._ignores_alarms):
            found.append("auto_rollback.deployment_in_alarm: no alarm is watched: give alarms, or leave it out")
        if self._has_termination_hook and not self._scaling:
            found.append("termination_hook: has no effect without auto_scaling_groups: leave it out")
        return found


_OWN_KEYS = {
    "autoScalingGroups": "auto_scaling_groups",
    "terminationHookEnabled": "termination_hook",
    "ec2TagFilters": "ec2_instance_tags",
    "ec2TagSet": "ec2_instance_tags",
    "onPremisesInstanceTagFilters": "on_premise_instance_tags",
    "onPremisesTagSet": "on_premise_instance_tags",
    "deploymentConfigName": "deployment_config",
    "alarmConfiguration": "alarms",
    "autoRollbackConfiguration": "auto_rollback",
    "serviceRoleArn": "role",
}
_SELECTING = {"autoScalingGroups", "ec2TagSet", "onPremisesTagSet"}


@jsii.implements(IStringProducer)
class _Content:
    """The group as JSON once alarms and Auto Scaling groups have been added."""

    def __init__(self, group: ServerDeploymentGroup) -> None:
        self._group = group

    def produce(self, context: IResolveContext) -> str:
        return Stack.of(self._group).to_json_string(self._group._content())


@jsii.implements(IValidation)
class _Check:
    """Says at synth what is wrong with a group."""

    def __init__(self, group: ServerDeploymentGroup) -> None:
        self._group = group

    def validate(self) -> list[str]:
        return self._group._problems()


def _rollback_config(
    given: codedeploy.AutoRollbackConfig | Mapping[str, Any] | None,
) -> codedeploy.AutoRollbackConfig:
    if isinstance(given, codedeploy.AutoRollbackConfig):
        return given
    return codedeploy.AutoRollbackConfig(**(given or {}))


def _tag_set(name: str, tags: codedeploy.InstanceTagSet | None) -> dict[str, Any] | None:
    if tags is None:
        return None
    return {name: [[*_filters(group)] for group in tags.instance_tag_groups]}


def _filters(group: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """The CDK's groups of tags: values by key; without a key any key, without values any value."""
    found = []
    for key, values in group.items():
        of_key = {"Key": key} if key else {}
        found += [{**of_key, "Value": value} for value in values] or [of_key]
    return found
