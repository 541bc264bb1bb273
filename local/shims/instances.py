"""EC2: what the API does to a local instance happens to the host; ministack 1.5.33 changes its own record alone."""

from __future__ import annotations

import asyncio
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

    handle = app.SERVICE_HANDLERS["ec2"]
    under_way: set[asyncio.Task[None]] = set()

    async def then_the_hosts(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Any:
        answer = await handle(method, path, headers, body, query)
        form = fields(body, query)
        if form.get("Action") in _DONE and answer[0] == 200:
            done, states = _DONE[form["Action"]]
            ids = [value for name, value in form.items() if name.startswith("InstanceId.")]
            for instance in filter(None, map(instances.get, ids)):
                if instance.state in states:
                    task = asyncio.get_running_loop().create_task(done(instance))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
        return answer

    app.SERVICE_HANDLERS["ec2"] = then_the_hosts
