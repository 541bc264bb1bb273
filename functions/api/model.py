"""CodeDeploy's own service model, as botocore has it: what its operations take, what they answer and refuse.

Protocol: JSON 1.1, https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html. Members that the model does not know
are ignored, as AWS does; timestamps are seconds since the epoch.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from functions.core.errors import Refused
from functions.core.extensions import added_to
from functions.core.limits import SHOWN

BUNDLED = Path(__file__).with_name("models")  # in the functions' package alone
_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # seconds: the years 1 to 9999
_LARGEST = 1.7e308  # number with a fraction

# Which exception a member's absence or a wrong value of it is; of the operation's own, else ValidationException.
_REQUIRED = {
    "applicationName": "ApplicationNameRequiredException",
    "applicationNames": "ApplicationNameRequiredException",
    "deploymentGroupName": "DeploymentGroupNameRequiredException",
    "deploymentGroupNames": "DeploymentGroupNameRequiredException",
    "currentDeploymentGroupName": "DeploymentGroupNameRequiredException",
    "deploymentConfigName": "DeploymentConfigNameRequiredException",
    "deploymentId": "DeploymentIdRequiredException",
    "deploymentIds": "DeploymentIdRequiredException",
    "instanceId": "InstanceIdRequiredException",
    "instanceIds": "InstanceIdRequiredException",
    "instanceName": "InstanceNameRequiredException",
    "instanceNames": "InstanceNameRequiredException",
    "targetId": "DeploymentTargetIdRequiredException",
    "targetIds": "DeploymentTargetIdRequiredException",
    "revision": "RevisionRequiredException",
    "revisions": "RevisionRequiredException",
    "serviceRoleArn": "RoleRequiredException",
    "tags": "TagRequiredException",
    "Tags": "TagRequiredException",
    "TagKeys": "TagRequiredException",
    "ResourceArn": "ResourceArnRequiredException",
}
_INVALID = {
    "applicationName": "InvalidApplicationNameException",
    "applicationNames": "InvalidApplicationNameException",
    "newApplicationName": "InvalidApplicationNameException",
    "deploymentGroupName": "InvalidDeploymentGroupNameException",
    "deploymentGroupNames": "InvalidDeploymentGroupNameException",
    "currentDeploymentGroupName": "InvalidDeploymentGroupNameException",
    "newDeploymentGroupName": "InvalidDeploymentGroupNameException",
    "deploymentConfigName": "InvalidDeploymentConfigNameException",
    "deploymentId": "InvalidDeploymentIdException",
    "deploymentIds": "InvalidDeploymentIdException",
    "instanceName": "InvalidInstanceNameException",
    "instanceNames": "InvalidInstanceNameException",
    "targetId": "InvalidDeploymentTargetIdException",
    "targetIds": "InvalidDeploymentTargetIdException",
    "computePlatform": "InvalidComputePlatformException",
    "includeOnlyStatuses": "InvalidDeploymentStatusException",
    "createTimeRange": "InvalidTimeRangeException",
    "status": "InvalidLifecycleEventHookExecutionStatusException",
    "instanceStatusFilter": "InvalidInstanceStatusException",
    "instanceTypeFilter": "InvalidInstanceTypeException",
    "targetFilters": "InvalidTargetFilterNameException",
    "registrationStatus": "InvalidRegistrationStatusException",
    "tagFilters": "InvalidTagFilterException",
    "sortBy": "InvalidSortByException",
    "sortOrder": "InvalidSortOrderException",
    "deployed": "InvalidDeployedStateFilterException",
    "fileExistsBehavior": "InvalidFileExistsBehaviorException",
    "deploymentWaitType": "InvalidDeploymentWaitTypeException",
    "minimumHealthyHosts": "InvalidMinimumHealthyHostValueException",
    "zonalConfig": "InvalidZonalDeploymentConfigurationException",
    "trafficRoutingConfig": "InvalidTrafficRoutingConfigurationException",
    "autoRollbackConfiguration": "InvalidAutoRollbackConfigException",
    "alarmConfiguration": "InvalidAlarmConfigException",
    "overrideAlarmConfiguration": "InvalidAlarmConfigException",
    "triggerConfigurations": "InvalidTriggerConfigException",
    "deploymentStyle": "InvalidDeploymentStyleException",
    "blueGreenDeploymentConfiguration": "InvalidBlueGreenDeploymentConfigurationException",
    "loadBalancerInfo": "InvalidLoadBalancerInfoException",
    "ec2TagFilters": "InvalidEC2TagException",
    "ec2TagSet": "InvalidEC2TagException",
    "onPremisesInstanceTagFilters": "InvalidTagException",
    "onPremisesTagSet": "InvalidTagException",
    "targetInstances": "InvalidTargetInstancesException",
    "revision": "InvalidRevisionException",
    "revisions": "InvalidRevisionException",
    "tags": "InvalidTagsToAddException",
    "Tags": "InvalidTagsToAddException",
    "ResourceArn": "InvalidArnException",
}


@cache
def service() -> Any:
    """botocore's ServiceModel of CodeDeploy, with what stepdeploy adds.

    In Lambda the model comes with the functions' package (infra/bundle.py), not from the runtime's botocore: an older
    one would ignore members that it does not know.
    """
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    loader = Loader(extra_search_paths=[str(BUNDLED)])
    return ServiceModel(added_to(loader.load_service_model("codedeploy", "service-2")), "codedeploy")


def operations() -> list[str]:
    """The names of all operations, in order."""
    return list(service().operation_names)


def errors(operation: str) -> set[str]:
    """The exceptions that the model gives an operation."""
    return {shape.name for shape in service().operation_model(operation).error_shapes}


def refusal(operation: str, wanted: str, message: str) -> Refused:
    """The exception `wanted`, or ValidationException where the operation does not have it."""
    return Refused(wanted if wanted in errors(operation) else "ValidationException", message)


def read(operation: str, body: bytes) -> dict[str, Any]:
    """The members of a request, checked. Raises Refused, naming the member, the value and what is allowed."""
    try:
        plain = json.loads(body.decode() or "{}", parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refused("SerializationException", f"the body is not JSON: {error}") from error
    shape = service().operation_model(operation).input_shape
    if not isinstance(plain, dict):
        raise Refused("SerializationException", "the body must be a JSON object")
    if shape is None:
        return {}
    members: dict[str, Any] = {}
    for name, member in shape.members.items():
        value = plain.get(name)
        if value in (None, "", []) and name in shape.required_members:
            raise refusal(operation, _REQUIRED.get(name, ""), f"{name}: is missing")
        if value is not None:

            def refuse(place: str, what: str, top: str = name) -> Refused:
                return refusal(operation, _INVALID.get(top, "InvalidInputException"), f"{place}: {what}")

            members[name] = _checked_value(member, value, name, refuse)
    return members


Refuse = Callable[[str, str], Refused]


def _checked_value(shape: Any, value: Any, place: str, refuse: Refuse) -> Any:
    match shape.type_name:
        case "structure":
            _must_be(dict, value, place, "an object")
            known = ((name, member) for name, member in shape.members.items() if value.get(name) is not None)
            return {name: _checked_value(member, value[name], f"{place}.{name}", refuse) for name, member in known}
        case "list":
            _must_be(list, value, place, "a list")
            return [
                _checked_value(shape.member, each, f"{place}[{number}]", refuse) for number, each in enumerate(value)
            ]
        case "map":
            _must_be(dict, value, place, "an object")
            for key in value:
                _check_text(shape.key, key, place, refuse)
            pairs = ((key, each) for key, each in value.items() if each is not None)
            return {key: _checked_value(shape.value, each, f"{place}.{key}", refuse) for key, each in pairs}
        case "boolean":
            _must_be(bool, value, place, "true or false")
            return value
        case "integer" | "long":
            bits = 31 if shape.type_name == "integer" else 63
            if isinstance(value, bool) or not isinstance(value, int) or not -(2**bits) <= value < 2**bits:
                _must_be((), value, place, f"a whole number of {bits + 1} bits")
            return value
        case "double":
            if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
                _must_be((), value, place, "a number of 64 bits")
            return float(value)
        case "timestamp":
            if isinstance(value, bool) or not isinstance(value, int | float):
                _must_be((), value, place, "a time in seconds since the epoch")
            if not _FIRST <= value <= _LAST:
                raise refuse(place, f"{json.dumps(value)[:SHOWN]} is not a time of the years 1 to 9999")
            return value
        case _:
            _must_be(str, value, place, "a text")
            _check_text(shape, value, place, refuse)
            return value


def _check_text(shape: Any, value: str, place: str, refuse: Refuse) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can write what UTF-8 cannot
        raise Refused("SerializationException", f"{place}: has half of a surrogate pair") from None
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        raise refuse(place, f"{value[:SHOWN]!r} is not one of {', '.join(allowed)}")
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    if len(value) < least or (most is not None and len(value) > most):
        raise refuse(place, f"has {len(value)} characters: give {least} to {most}")
    pattern = shape.metadata.get("pattern")
    if pattern and re.fullmatch(pattern, value) is None:
        raise refuse(place, f"{value[:SHOWN]!r} does not match {pattern}")


def _must_be(kind: Any, value: Any, place: str, what: str) -> None:
    if not isinstance(value, kind):
        given = "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else json.dumps(value)
        raise Refused("SerializationException", f"{place}: {given[:SHOWN]} is not {what}")


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def write(operation: str, result: Mapping[str, Any]) -> str:
    """The body of an answer: the model's members, without what is None; times, ISO 8601 here, as seconds."""
    shape = service().operation_model(operation).output_shape
    return json.dumps(_shaped(shape, result, operation)) if shape else "{}"


def _shaped(shape: Any, value: Any, place: str) -> Any:
    match shape.type_name:
        case "structure":
            if unknown := value.keys() - shape.members.keys():
                raise ValueError(f"{place} has no member {', '.join(sorted(unknown))}")
            given = ((name, each) for name, each in value.items() if each is not None)
            return {name: _shaped(shape.members[name], each, f"{place}.{name}") for name, each in given}
        case "list":
            return [_shaped(shape.member, each, place) for each in value]
        case "map":
            return {key: _shaped(shape.value, each, place) for key, each in value.items()}
        case "timestamp":
            return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else value
        case _:
            return value
