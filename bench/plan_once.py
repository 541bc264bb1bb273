"""One call of PlanDeployment in this process, which was started for it; what it took as a line of JSON."""

import json
import sys
import time

from bench.prepare_once import Context, most_memory_kb
from bench.simulated_aws import SimulatedAws
from functions.handlers.plan import handler

_ARN = "arn:aws:iam::000000000000:user/bench"
_WRITES = ("Put", "Update", "Delete", "Transact", "BatchWrite", "BatchExecute")


def main(targets: int) -> None:
    aws = SimulatedAws(targets, are_installed=True)
    place = {"bucket": "revisions", "key": "shop/web/v1.zip", "bundleType": "zip"}
    asked = {
        "applicationName": "shop",
        "deploymentGroupName": "web",
        "revision": {"revisionType": "S3", "s3Location": place},
    }
    event = {
        "requestContext": {
            "http": {"path": "/PlanDeployment"},
            "authorizer": {"iam": {"userArn": _ARN}},
        },
        "body": json.dumps(asked),
    }
    before, cpu, began = most_memory_kb(), time.process_time(), time.monotonic()
    answer = handler(event, Context(function_name="plan"))
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    plan = json.loads(answer["body"])
    if not plan.get("canBegin") or plan["stages"][0]["targetCount"] != targets:
        raise RuntimeError(f"no plan for {targets} hosts: {str(plan)[:2000]}")
    found = {
        "seconds": seconds,
        "cpu_seconds": cpu - aws.cpu_seconds,
        "memory_kb": most_memory_kb(),
        "memory_before_kb": before,
        "answer_bytes": len(json.dumps(answer)),
        "hosts": len(plan["hosts"]),
        "writes": sum(count for name, count in aws.calls.items() if name.startswith(_WRITES)),
        "calls": dict(aws.calls),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))
