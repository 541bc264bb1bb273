"""What every stand-in of a boto3 client is: its calls are checked as botocore checks them, and noted as a client's."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

import botocore.session
from botocore import xform_name
from botocore.errorfactory import ClientExceptionsFactory
from botocore.exceptions import ClientError
from botocore.model import ServiceModel, Shape
from botocore.paginate import Paginator, PaginatorModel
from botocore.validate import ParamValidator, type_check

from tests.calls.recording import note


def refusal(code: str, operation: str = "SendCommand", message: str = "") -> ClientError:
    """The error with which a service refuses, as boto3 raises it."""
    return ClientError({"Error": {"Code": code, "Message": message or code}}, operation)


@cache
def _read(service: str, kind: str) -> Any:
    return botocore.session.get_session().get_component("data_loader").load_service_model(service, kind)


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(_read(service, "service-2"), service)


@cache
def _operations(service: str) -> dict[str, str]:
    """The operations' names by those of boto3's methods."""
    return {xform_name(name): name for name in _model(service).operation_names}


@cache
def _exceptions(service: str) -> Any:
    return ClientExceptionsFactory().create_client_exceptions(_model(service))


class _Validator(ParamValidator):
    """Tests give things shorter names than AWS does."""

    @type_check(valid_types=(str,))  # type: ignore[untyped-decorator]
    def _validate_string(self, param: str, shape: Shape, errors: Any, name: str) -> None:
        """Any length."""


class Service:
    """A service in memory. A subclass answers an operation in a method of boto3's name behind `on_`."""

    name: ClassVar[str]  # boto3's, of the service

    def __init__(self) -> None:
        self.operations: list[str] = []  # that were asked for
        self.before: Callable[[str], None] = lambda operation: None  # a call is made; may refuse it

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        operation = _operations(self.name).get(method)
        if operation is None:
            raise AttributeError(method)
        return lambda **request: self._call(method, operation, request)

    def _call(self, method: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        model = _model(self.name)
        shapes = model.operation_model(operation)
        _check(request, shapes.input_shape)
        self.operations.append(operation)
        self.before(operation)
        note(model.signing_name, operation, request)
        answer: dict[str, Any] = object.__getattribute__(self, f"on_{method}")(**request) or {}
        _check(answer, shapes.output_shape)
        return answer

    def get_paginator(self, method: str) -> "Paginator[Any]":
        operation = _operations(self.name)[method]
        how = PaginatorModel(_read(self.name, "paginators-1")).get_paginator(operation)
        return Paginator(getattr(self, method), how, _model(self.name).operation_model(operation))

    def refuse(self, code: str, operation: str, message: str = "") -> ClientError:
        """The error, of the class that boto3 makes for this service's code."""
        kind: type[ClientError] = _exceptions(self.name).from_code(code)
        return kind({"Error": {"Code": code, "Message": message or code}}, operation)

    @property
    def exceptions(self) -> Any:
        return _exceptions(self.name)


def _check(told: Mapping[str, Any], shape: Shape | None) -> None:
    report = _Validator().validate(told, shape) if shape else None
    assert not report or not report.has_errors(), f"{shape}: {report.generate_report()}"
