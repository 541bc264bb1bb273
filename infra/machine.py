"""The state machine that is one deployment: its role, its log, its flow with the functions put in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.checks.nag import acknowledge_wildcard
from infra.flow import TARGETS
from infra.function import Function
from infra.rights.encryption import via
from infra.store import MANIFESTS, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """How fast and how much at one time (docs/operate.md, "When AWS throttles")."""

    reconcile_seconds: int
    connection_lost_seconds: int
    ssm_send_rate: int
    map_concurrency: int
    reserved_concurrency: int  # of each function that works for targets; 0: none is kept for it


def deployment_machine(
    scope: Construct,
    flow: Mapping[str, Any],
    functions: Mapping[str, Function],
    *,
    store: Store,
    log_retention: logs.RetentionDays,
) -> sfn.StateMachine:
    """`functions` by the names that the flow has for them; the machine has the stack's name."""
    stack = Stack.of(scope)
    name = stack.stack_name
    # Of this account alone: else another one's machine could have Step Functions take this role ("confused deputy").
    of_account = {"StringEquals": {"aws:SourceAccount": stack.account}}
    role = iam.Role(
        scope, "MachineRole", assumed_by=iam.ServicePrincipal("states.amazonaws.com", conditions=of_account)
    )
    manifests = store.bucket.arn_for_objects(f"{MANIFESTS}*")
    executions = [states_arn(stack, "execution", f"{name}{label}:*") for label in ("", f"/{TARGETS}")]
    for actions, resources in (
        (["lambda:InvokeFunction"], [function.function_arn for function in functions.values()]),
        # What a Distributed Map needs: it starts its children as executions of its own machine, watches them, and
        # reads its items.
        (["states:StartExecution"], [states_arn(stack, "stateMachine", name)]),
        (["states:DescribeExecution", "states:StopExecution"], executions),
        (["s3:GetObject"], [manifests]),
    ):
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
    if store.key:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt"], resources=[store.key.key_arn], conditions=via("s3", stack.region)
            )
        )
    acknowledge_wildcard(role, manifests, "Manifests have the deployment's id in their key.")
    for arn in executions:
        acknowledge_wildcard(role, arn, "Executions of this machine have the deployment's id as name.")
    acknowledge_wildcard(role, "*", "Log delivery and X-Ray know no resources.")
    return sfn.StateMachine(
        scope,
        "Machine",
        state_machine_name=name,
        comment="One execution is one deployment and has its id as name",
        role=role,
        definition_body=sfn.DefinitionBody.from_string(json.dumps(flow)),
        definition_substitutions={name: function.function_arn for name, function in functions.items()},
        tracing_enabled=True,
        logs=sfn.LogOptions(
            destination=logs.LogGroup(
                scope,
                "MachineLogs",
                log_group_name=f"/aws/vendedlogs/states/{name}",  # the prefix that needs no resource policy
                retention=log_retention,
                removal_policy=RemovalPolicy.DESTROY,
            ),
            # All transitions, so that a deployment can be followed after its history is gone; without data, which
            # would put task tokens into a log.
            level=sfn.LogLevel.ALL,
            include_execution_data=False,
        ),
    )


def states_arn(stack: Stack, resource: str, name: str) -> str:
    return stack.format_arn(
        service="states", resource=resource, resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
