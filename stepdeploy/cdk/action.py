"""An action of CodePipeline that deploys an artifact to a deployment group, and ends when the deployment ends."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Stack, Token
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

from stepdeploy.cdk.config import IServerDeploymentConfig
from stepdeploy.cdk.group import IServerDeploymentGroup
from stepdeploy.cdk.registration import function_arn, function_name

_FUNCTION = "pipeline_job"
_MAX_PARAMETERS = 1000  # characters of UserParameters, by CodePipeline's API model (ActionConfigurationValue)
_ON_BUSY = ("reject", "queue", "supersede")
_ONE_ARTIFACT = codepipeline.ActionArtifactBounds(min_inputs=1, max_inputs=1, min_outputs=0, max_outputs=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentVariables:
    """What later actions can use: each is a reference that CodePipeline replaces when the action has succeeded."""

    deployment_id: str
    revision_key: str
    sha256: str
    succeeded: str
    failed: str


class StepDeployAction(actions.Action):
    """Takes the place of aws_codepipeline_actions.CodeDeployServerDeployAction, whose props it has."""

    def __init__(
        self,
        *,
        action_name: str,
        input: codepipeline.Artifact,
        deployment_group: IServerDeploymentGroup | str,
        run_order: int | None = None,
        variables_namespace: str | None = None,
        role: iam.IRole | None = None,
        deployment_config: IServerDeploymentConfig | None = None,
        on_busy: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        stop_with_pipeline: bool = False,
    ) -> None:
        """
        :param deployment_group: The construct, or the names "application/group" of one that is there.
        :param deployment_config: A deployment configuration instead of the group's.
        :param on_busy: queue, supersede or reject when the group is busy. Default: what the group says.
        :param description: What the deployment is for.
        :param metadata: Kept with the deployment. A value may be a variable of an earlier action.
        :param stop_with_pipeline: Who stops and abandons the execution stops the deployment, too. Default: it goes on.

        All other props mean what they mean to aws_codepipeline_actions.CodeDeployServerDeployAction.
        """
        super().__init__(
            action_name=action_name,
            category=codepipeline.ActionCategory.INVOKE,
            provider="Lambda",
            artifact_bounds=_ONE_ARTIFACT,
            inputs=[input],
            run_order=run_order,
            variables_namespace=variables_namespace,
            role=role,
        )
        if on_busy not in (None, *_ON_BUSY):
            raise ValueError(f"on_busy {on_busy!r}: give one of {', '.join(_ON_BUSY)}")
        self._group = deployment_group
        application, group = _names(deployment_group)
        self._parameters: dict[str, Any] = {"application": application, "group": group} | {
            name: value
            for name, value in (
                ("config", deployment_config.deployment_config_name if deployment_config else None),
                ("onBusy", on_busy),
                ("description", description),
                ("metadata", dict(metadata or {})),
                ("stopWithPipeline", stop_with_pipeline),
            )
            if value
        }
        _check_length(json.dumps(self._parameters, separators=(",", ":")))

    @property
    def variables(self) -> DeploymentVariables:
        return DeploymentVariables(
            deployment_id=self._variable_expression("deploymentId"),
            revision_key=self._variable_expression("revisionKey"),
            sha256=self._variable_expression("sha256"),
            succeeded=self._variable_expression("succeeded"),
            failed=self._variable_expression("failed"),
        )

    def _bound(
        self, scope: Construct, stage: codepipeline.IStage, *, bucket: s3.IBucket, role: iam.IRole
    ) -> codepipeline.ActionConfig:
        if isinstance(self._group, Construct):
            _check_environment(self._group, scope)
            _begin_after(stage.pipeline, self._group)
        call = iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function_arn(scope, _FUNCTION)])
        role.add_to_principal_policy(call)
        bucket.grant_read(role)  # CodePipeline lends it to the engine's function
        return codepipeline.ActionConfig(
            configuration={
                "FunctionName": function_name(scope, _FUNCTION),
                "UserParameters": Stack.of(scope).to_json_string(self._parameters),
            }
        )


def _names(group: IServerDeploymentGroup | str) -> tuple[str, str]:
    if not isinstance(group, str):
        return group.application.application_name, group.deployment_group_name
    application, slash, name = group.partition("/")
    if not (application and slash and name) or "/" in name:
        raise ValueError(f"deployment_group {group!r}: give the construct, or a text such as 'shop/web'")
    return application, name


def _check_length(parameters: str) -> None:
    if len(parameters) > _MAX_PARAMETERS and not Token.is_unresolved(parameters):
        raise ValueError(
            f"description, metadata: the UserParameters of the action have {len(parameters)} characters, and"
            f" CodePipeline takes {_MAX_PARAMETERS}: shorten them"
        )


def _check_environment(group: Construct, scope: Construct) -> None:
    theirs, ours = Stack.of(group), Stack.of(scope)
    for what, there, here in (("account", theirs.account, ours.account), ("Region", theirs.region, ours.region)):
        if there != here and not (Token.is_unresolved(there) or Token.is_unresolved(here)):
            raise ValueError(
                f"deployment_group {group.node.path}: is in the {what} {there} and the pipeline in {here}: put both"
                " into one, because the pipeline calls the engine of its own account and Region"
            )


def _begin_after(pipeline: IConstruct, group: Construct) -> None:
    """CodePipeline runs a new pipeline at once: the group has to be registered before."""
    if made := pipeline.node.default_child:
        made.node.add_dependency(group)
