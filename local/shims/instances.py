"""EC2, where ministack 1.5.33 does otherwise than AWS.

- What the API does to a local instance happens to the host; the emulator changes its own record alone.
- DescribeInstances has a filter by id; the emulator takes no notice of it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from local.hosts.instance import Instance, InstanceState
from local.hosts.instances import Instances
from local.query import fields

# What is done, and to hosts in which states; others stay as they are.
_DONE: Mapping[str, tuple[Callable[[Instance], Coroutine[Any, Any, None]], tuple[InstanceState, ...]]] = {
    "TerminateInstances": (Instance.terminate, (InstanceState.RUNNING, InstanceState.STOPPED)),
    "StopInstances": (Instance.stop, (InstanceState.RUNNING,)),
    "StartInstances": (Instance.start, (InstanceState.STOPPED,)),
    "RebootInstances": (Instance.reboot, (InstanceState.RUNNING,)),
}


def install(instances: Instances) -> None:
    """Let hosts follow, once the emulator has taken a request."""
    from ministack import app
    from ministack.services import ec2

    fits = ec2._matches_filters

    def fits_by_id_too(instance: Mapping[str, Any], filters: Mapping[str, list[str]]) -> bool:
        ids = filters.get("instance-id")
        return bool(fits(instance, filters)) and (ids is None or instance["InstanceId"] in ids)

    ec2._matches_filters = fits_by_id_too
    handle = app.SERVICE_HANDLERS["ec2"]
    under_way: set[asyncio.Task[None]] = set()
    turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def in_turn(instance: Instance, action: str) -> None:
        """Also when a request comes before the host has done what the last one asked for."""
        async with turns[instance.instance_id]:
            done, states = _DONE[action]
            if instance.state in states:
                await done(instance)

    async def then_the_hosts(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Any:
        answer = await handle(method, path, headers, body, query)
        form = fields(body, query)
        if form.get("Action") in _DONE and answer[0] == 200:
            ids = [value for name, value in form.items() if name.startswith("InstanceId.")]
            for instance in filter(None, map(instances.get, ids)):
                task = asyncio.get_running_loop().create_task(in_turn(instance, form["Action"]))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
        return answer

    app.SERVICE_HANDLERS["ec2"] = then_the_hosts
