"""Deliberate breakages of the engine, each of which the property tests have to notice.

A mutation is one or more edits of source texts, and the invariants whose schedules are to show it. `make mutations`
plays them; tests/mutations/test_mutations.py holds the texts to the sources, so that no mutation is lost unseen.
"""

from tests.mutations.budgets import BUDGETS
from tests.mutations.mutation import Edit, Mutation, mutation
from tests.mutations.stages import STAGES

ROLLOUT, RECORDS, AWS = "functions/core/rollout/", "functions/store/records/", "functions/aws/"
RUNNING, ENDING = "functions/engine/running/", "functions/engine/ending/"


MUTATIONS: tuple[Mutation, ...] = (
    # -- places
    mutation(
        "a shard gives more places than it has",
        1,
        RECORDS + "places.py",
        'lets_in.append(Fewer("holders", shard.places))',
        'lets_in.append(Fewer("holders", shard.places + 1))',
    ),
    mutation(
        "a host asks no place of its Availability Zone",
        1,
        ROLLOUT + "places.py",
        "        return is_member and each.zone in (None, target.zone)\n",
        "        return is_member and each.zone is None\n",
    ),
    mutation(
        "Availability Zones are deployed to all at once",
        1,
        ROLLOUT + "selecting.py",
        "    if rule := zones.zonal(deployment):\n",
        "    if (rule := zones.zonal(deployment)) and not chosen:\n",
    ),
    mutation(
        "a target begins whether it got a place or not",
        1,
        RUNNING + "places.py",
        "    if places.take(place_set.shard(home), target):\n        return target\n",
        "    if places.take(place_set.shard(home), target) or home >= 0:\n        return target\n",
    ),
    mutation(
        "it is not on record which shard a target asks",
        (4, 1, 3),
        RUNNING + "places.py",
        "if not targets.move_to_shard(target, place_set.name, shard.number):",
        "if not shard.places:",
    ),
    mutation(
        "a target that its own shard refuses asks no other one",
        (6, 3),
        ROLLOUT + "places.py",
        "        if len(states[shard.number].holders) < shard.places and",
        "        if len(states[shard.number].holders) < 0 and",
    ),
    mutation(
        "a failed target gives its place back",
        (6, 1),
        RECORDS + "places.py",
        'items().write(Update(key, includes={"failed": me}, condition=IS_THERE))',
        "items().write(_left(key, target))",
    ),
    mutation(
        "a target that has succeeded keeps its place",
        (1, 3),
        RECORDS + "places.py",
        'Update(key, excludes={"holders": me}, adds={"succeeded": 1}, condition=holds)',
        'Update(key, adds={"succeeded": 1}, condition=holds)',
    ),
    mutation(
        "a success that is told twice counts twice",
        4,
        RECORDS + "places.py",
        'adds={"succeeded": 1}, condition=holds)',
        'adds={"succeeded": 1}, condition=IS_THERE)',
    ),
    mutation(
        "what a call that died left undone is not settled by the next one",
        3,
        "functions/handlers/target_done.py",
        '        places.settle(target)\n        return {"status": target.status}\n',
        '        return {"status": target.status}\n',
    ),
    mutation(
        "a target waits when every place is held by a failed one",
        (6, 3),
        ROLLOUT + "places.py",
        "sum(len(state.failed) for state in states) < places.places\n",
        "sum(len(state.failed) for state in states) <= places.places\n",
    ),
    mutation(
        "one failed target makes the others be skipped",
        (6, 1),
        ROLLOUT + "places.py",
        "sum(len(state.failed) for state in states) < places.places\n",
        "not sum(len(state.failed) for state in states)\n",
    ),
    mutation(
        "broken hosts are not repaired first",
        (2, 6),
        ROLLOUT + "stages.py",
        "    if not repaired or sum(len(part.targets) for part in parts) <= places:\n",
        "    if repaired:\n",
    ),
    Mutation(
        "a send that another call has claimed is made again",
        (4, 1),
        (
            Edit(
                RUNNING + "segments.py",
                "    if claimed_at and clock.now() - datetime.fromisoformat(claimed_at) < _CLAIM:\n",
                "    if claimed_at and not token:\n",
            ),
            Edit(RUNNING + "segments.py", '    if claimed_at == "":\n', "    if token:\n"),
        ),
    ),
    mutation(
        "a call of an earlier try takes the place of the state's",
        (4, 1),
        RUNNING + "results.py",
        "    if run.task_token and run.task_token != token:\n",
        "    if run.task_token and not token:\n",
    ),
    mutation(
        "a watch takes away who waits anew",
        1,
        RECORDS + "watching.py",
        'Delete(key, all_of(Equals("task_token", wait.task_token), Equals("since", wait.since)))',
        "Delete(key)",
    ),
    # -- the rule of healthy hosts
    mutation(
        "a percentage rounds down",
        1,
        ROLLOUT + "health.py",
        "return -(-targets * self.value // 100)",
        "return targets * self.value // 100",
    ),
    mutation(
        "one host more than allowed may be out",
        1,
        ROLLOUT + "health.py",
        "        return free\n",
        "        return free + 1\n",
    ),
    mutation(
        "one success too few is enough",
        (6, 1),
        ROLLOUT + "health.py",
        "succeeded >= max(targets - allowed_out, 1)",
        "succeeded >= max(targets - allowed_out - 1, 1)",
    ),
    mutation(
        "a deployment without a success succeeds",
        (6, 1),
        ROLLOUT + "health.py",
        "max(targets - allowed_out, 1)",
        "max(targets - allowed_out, 0)",
    ),
    # -- what a target does next
    mutation(
        "a target whose step failed goes on",
        (6, 1),
        ROLLOUT + "steps.py",
        "if any(run.status is TargetStatus.FAILED for run in target.segments.values()):",
        "if not target.segments:",
    ),
    mutation(  # as a decision of core alone it would break nothing: the claim of the step and its record refuse that
        "a command is sent again instead of being read",
        (4, 9),
        RUNNING + "segments.py",
        "            return read(deployment, target, decision, token)\n",
        "            return _send(deployment, target, decision.step, token, Moment(0, 0))\n",
    ),
    mutation(
        "an end that was stored and not told is never told",
        (3, 10),
        RUNNING + "commands.py",
        "        _tell_again(deployment, fleet, since=turn.looked_at / 1000)\n",
        "",
    ),
    mutation(
        "a target that is to be skipped after a stop is sent to",
        (3, 4),
        ROLLOUT + "steps.py",
        "    if stop and (is_first or stop.cancel):\n",
        "    if stop and not is_first and stop.cancel:\n",
    ),
    mutation(
        "the last lifecycle event is left out",
        (9, 1),
        ROLLOUT + "instructions.py",
        "events=tuple(event.value for event in events),",
        "events=tuple(event.value for event in events[:-1]),",
    ),
    mutation(
        "a target of each stage is in none",
        (9, 1),
        ROLLOUT + "stages.py",
        "for each in sorted(ids[number], key=lambda each: each.rank)),\n",
        "for each in sorted(ids[number], key=lambda each: each.rank)[1:]),\n",
    ),
    *STAGES,
    # -- commands
    mutation(
        "a second Prepare writes the targets of a deployment that has begun",
        (4, 1),
        RECORDS + "preparing.py",
        "        items().add_all(some)\n",
        "        [items().write(each) for each in some]\n",
    ),
    mutation(
        "a host whose command is waited for counts as lost",
        (9, 1),
        AWS + "fleet/ssm.py",
        'if host["PingStatus"] == ONLINE or silent <',
        "if silent > 9 * ",
    ),
    mutation(
        "SSM's throttling counts as a failure of the engine",
        (9, 1),
        AWS + "weather.py",
        '        "ThrottlingException",\n',
        "",
    ),
    # -- stops
    mutation(
        "a stop that cancels cancels nothing", 3, ENDING + "stop.py", "    if mark.cancel:\n", "    if not mark.at:\n"
    ),
    mutation(
        "a stopped deployment ends as if nobody had stopped it",
        3,
        "functions/core/messages/verdict.py",
        "    if deployment.stop and not _finished_before_the_stop(deployment):\n",
        "    if deployment.stop and deployment.failure:\n",
    ),
    mutation(
        "an alarm whose event was lost stops nothing",
        3,
        RUNNING + "find_lost.py",
        "    if not names:\n        return []\n",
        "    if names:\n        return []\n",
    ),
    # -- the lock
    mutation(
        "a deployment does not wait for the one that runs",
        2,
        RECORDS + "lock.py",
        'has_to_wait, waiting = "holder" in held or deployment.closed is not None, held.get("waiting")',
        'has_to_wait, waiting = False, held.get("waiting")',
    ),
    mutation(
        "the lock is never free again",
        (3, 2),
        RECORDS + "lock.py",
        'return [Update(lock, removes=("holder",), condition=all_of(',
        'return [Update(lock, removes=("nobody",), condition=all_of(',
    ),
    mutation(
        "the rollback runs beside the deployment that waits",
        (6, 2),
        RECORDS + "lock.py",
        "        return [announced.new_deployment(rollback), take]\n",
        "        return [announced.new_deployment(rollback)]\n",
    ),
    mutation(
        "an upload that is told twice is deployed twice",
        2,
        RECORDS + "lock.py",
        "    if key is None:\n        return []\n    attributes: Item",
        "    if key or not key:\n        return []\n    attributes: Item",
    ),
    # -- rollbacks
    Mutation(
        "a rollback rolls back",
        (6,),
        (
            Edit(
                "functions/core/new_deployment.py",
                "        auto_rollback=(),\n        idle_auto_rollback=(),\n        file_exists_behavior",
                "        file_exists_behavior",
            ),
            Edit(
                "functions/core/messages/verdict.py",
                "    if deployment.creator is Creator.ROLLBACK:\n        return False\n",
                "",
            ),
        ),
    ),
    mutation(
        "a failure is not rolled back",
        6,
        "functions/core/messages/verdict.py",
        "    if verdict.status is DeploymentStatus.FAILED:\n",
        "    if verdict.status is DeploymentStatus.QUEUED:\n",
    ),
    # -- traffic
    mutation(
        "a host is not taken out of its load balancers",
        10,
        RUNNING + "traffic.py",
        "            elb.deregister(balancer, mine)\n",
        "            mine.clear()\n",
    ),
    mutation(
        "a host does not drain",
        10,
        ROLLOUT + "traffic.py",
        "    at_least = max(0, ceil(",
        "    at_least = min(0, ceil(",
    ),
    mutation(
        "the time that a host drains is rounded down",
        10,
        ROLLOUT + "traffic.py",
        "    at_least = max(0, ceil(",
        "    at_least = max(0, int(",
    ),
    mutation(
        "nobody is told of what a host was left out of",
        10,
        "functions/core/records/target.py",
        "        return () if is_back else self.traffic.registered\n",
        "        return ()\n",
    ),
    mutation(
        "a host counts as back before it is registered",
        10,
        RUNNING + "traffic.py",
        "    if not (target.traffic and target.traffic.registered):\n",
        "    if step:\n",
    ),
    mutation(
        "the watch removes a wait that has begun anew",
        (10, 3),
        RECORDS + "watching.py",
        "IS_NEW if wait.task_token else None",
        "IS_NEW",
    ),
    # -- announcements
    mutation(
        "a target's change of status is no news",
        5,
        "functions/store/announced.py",
        'changes = {"status": status.value, _NEWS: True, **(sets or {})}',
        'changes = {"status": status.value, _NEWS: "target_id" in key.sk, **(sets or {})}',
    ),
    mutation(
        "a failed target is announced as a success",
        (5, 6),
        "functions/core/messages/announcements.py",
        "TargetStatus.FAILED: (State.FAILURE,",
        "TargetStatus.FAILED: (State.SUCCESS,",
    ),
    mutation(
        "events are put in the wrong order",
        5,
        AWS + "events.py",
        "for event, moment in events[done : done + _ENTRIES]]",
        "for event, moment in events[done : done + _ENTRIES][::-1]]",
    ),
    # -- revisions, hosts
    mutation(
        "the URL for hosts is of the newest version",
        7,
        AWS + "bucket.py",
        "return presigned(revision.bucket, revision.key, **version)",
        "return presigned(revision.bucket, revision.key)",
    ),
    mutation(
        "the version is not pinned",
        7,
        AWS + "bucket.py",
        'pinned = replace(revision, version=head.get("VersionId"), etag',
        "pinned = replace(revision, version=None, etag",
    ),
    Mutation(
        "a group's tags are not looked at",
        (12,),
        (
            Edit(AWS + "fleet/ec2.py", "Filters=[one_filter, states]", "Filters=[states]"),
            Edit(AWS + "fleet/ec2.py", "if fits(tags):", "if tags:"),
        ),
    ),
    *BUDGETS,
)  # fmt: skip
