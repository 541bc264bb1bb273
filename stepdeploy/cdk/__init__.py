"""Deployment groups of stepdeploy in stacks of your own, with the constructs and props of aws_cdk.aws_codedeploy, and
the action by which a pipeline deploys to one.

The package imports aws_cdk and constructs only. Classes that carry a value are the CDK's own.
"""

from aws_cdk.aws_codedeploy import (
    AutoRollbackConfig,
    InstanceTagSet,
    LoadBalancer,
    LoadBalancerGeneration,
    MinimumHealthyHosts,
    MinimumHealthyHostsPerZone,
    ZonalConfig,
)

from stepdeploy.cdk.action import DeploymentVariables, StepDeployAction
from stepdeploy.cdk.application import IServerApplication, ServerApplication
from stepdeploy.cdk.config import IServerDeploymentConfig, ServerDeploymentConfig
from stepdeploy.cdk.group import IServerDeploymentGroup, ServerDeploymentGroup

__all__ = [
    "AutoRollbackConfig",
    "DeploymentVariables",
    "IServerApplication",
    "IServerDeploymentConfig",
    "IServerDeploymentGroup",
    "InstanceTagSet",
    "LoadBalancer",
    "LoadBalancerGeneration",
    "MinimumHealthyHosts",
    "MinimumHealthyHostsPerZone",
    "ServerApplication",
    "ServerDeploymentConfig",
    "ServerDeploymentGroup",
    "StepDeployAction",
    "ZonalConfig",
]
