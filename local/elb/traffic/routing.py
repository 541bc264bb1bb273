"""What a listener does with a request: its rules, their conditions, their actions.

Source: Application Load Balancers User Guide, "Listener rules for your Application Load Balancer".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from local.elb.records import Registry, Rule
from local.elb.traffic.http import Answer, Asked, Forward
from local.elb.traffic.pool import Member


def chosen(registry: Registry, rule: Rule) -> Forward | None:
    """The target whose turn it is; None when no group of the rule has one."""
    weights = rule.targets()
    if not any(weights.values()):
        return None
    group = registry.groups[rule.turns.next(weights)]
    member: Member | None = group.pool.next()
    if member is None or group.type == "lambda":
        return None  # functions are not called here
    return Forward(member, member.port, str(group.described["Protocol"]))


def decide(registry: Registry, rules: Iterable[Rule], asked: Asked, port: int) -> Forward | Answer:
    """The first rule that matches decides; the default one matches always."""
    rule = next(each for each in rules if all(_matches(condition, asked) for condition in each.conditions))
    action = rule.actions[-1]
    match action["Type"]:
        case "forward":
            return chosen(registry, rule) or Answer(503)
        case "fixed-response":
            fixed = action["FixedResponseConfig"]
            content_type = fixed.get("ContentType", "text/plain")
            return Answer(int(fixed["StatusCode"]), content_type, fixed.get("MessageBody", "").encode())
        case _:
            return _redirect(action["RedirectConfig"], asked, port)


def _redirect(config: Mapping[str, str], asked: Asked, port: int) -> Answer:
    request = {"protocol": "http", "host": asked.host, "port": str(port), "path": asked.path.lstrip("/")}
    request["query"] = asked.query
    filled = {
        name: re.sub(r"#\{(\w+)\}", lambda found: request[found[1]], config.get(name, default))
        for name, default in (
            ("Protocol", "#{protocol}"),
            ("Host", "#{host}"),
            ("Port", "#{port}"),
            ("Path", "/#{path}"),
            ("Query", "#{query}"),
        )
    }
    query = f"?{filled['Query']}" if filled["Query"] else ""
    location = f"{filled['Protocol'].lower()}://{filled['Host']}:{filled['Port']}{filled['Path']}{query}"
    return Answer(301 if config["StatusCode"] == "HTTP_301" else 302, body=b"", location=location)


def _matches(condition: Mapping[str, Any], asked: Asked) -> bool:
    return _FIELDS[condition["Field"]](condition, asked)


def values(condition: Mapping[str, Any], config: str) -> list[Any]:
    found: list[Any] = condition.get(config, {}).get("Values") or condition.get("Values", [])
    return found


def _is_like(value: str, patterns: Iterable[str], *, any_case: bool = True) -> bool:
    """Whether one of the patterns matches: * is any text, ? one character.

    >>> _is_like("/img/a.png", ["/img/*"]), _is_like("Web", ["web"]), _is_like("/A", ["/a"], any_case=False)
    (True, True, False)
    """
    flags = re.IGNORECASE if any_case else re.NOFLAG
    translated = (re.escape(each).replace(r"\*", ".*").replace(r"\?", ".") for each in patterns)
    return any(re.fullmatch(each, value, flags | re.DOTALL) for each in translated)


def _has_header(condition: Mapping[str, Any], asked: Asked) -> bool:
    config = condition["HttpHeaderConfig"]
    name = config["HttpHeaderName"].lower()
    return any(_is_like(value, config["Values"]) for each, value in asked.headers if each == name)


def _has_query(condition: Mapping[str, Any], asked: Asked) -> bool:
    given = parse_qsl(asked.query, keep_blank_values=True)
    return any(
        _is_like(value, [wanted["Value"]]) and ("Key" not in wanted or _is_like(key, [wanted["Key"]]))
        for wanted in values(condition, "QueryStringConfig")
        for key, value in given
    )


def _is_from(condition: Mapping[str, Any], asked: Asked) -> bool:
    address = ipaddress.ip_address(asked.client)
    return any(address in ipaddress.ip_network(each, strict=False) for each in values(condition, "SourceIpConfig"))


_FIELDS: Mapping[str, Callable[[Mapping[str, Any], Asked], bool]] = {
    "path-pattern": lambda condition, asked: _is_like(
        asked.path, values(condition, "PathPatternConfig"), any_case=False
    ),
    "host-header": lambda condition, asked: _is_like(asked.host, values(condition, "HostHeaderConfig")),
    "http-request-method": lambda condition, asked: asked.method in values(condition, "HttpRequestMethodConfig"),
    "http-header": _has_header,
    "query-string": _has_query,
    "source-ip": _is_from,
}
FIELDS = frozenset(_FIELDS)
