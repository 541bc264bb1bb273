"""What the account allows: the flow as Step Functions takes it, Lambda's concurrency, API Gateway's rate."""

from cli.account.doctor.checks import Finding, Findings, Level
from cli.account.smoke.plan import Plan
from cli.view.words import names

_AT_ONCE = 560  # calls when a stage of thousands begins (docs/operate.md, "When AWS throttles")
_SHOWN = 3
_EVENTS = 500  # of the stack, newest first, that are read
_REFUSALS = ("Too Many Requests", "Rate exceeded", "TooManyRequests")


def flow(plan: Plan) -> Findings:
    """The state machine as it is deployed: cfn-lint knows none of its nested states."""
    client = plan.engine.client("stepfunctions")
    arn = plan.engine.output("StateMachineArn")
    definition = client.describe_state_machine(stateMachineArn=arn)["definition"]
    answer = client.validate_state_machine_definition(definition=definition, type="STANDARD")
    if answer["result"] == "OK":
        yield Finding(Level.OK, "flow", "Step Functions finds the state machine valid")
        return
    told = [f"{each['code']}: {each['message']}" for each in answer["diagnostics"] if each["severity"] == "ERROR"]
    what = f"Step Functions finds the state machine invalid: {names(told, _SHOWN)}"
    yield Finding(Level.PROBLEM, "flow", what, "report it: no deployment can run")


def concurrency(plan: Plan) -> Findings:
    """Lambda's calls at one time, which the account's other functions share."""
    told = plan.engine.client("lambda").get_account_settings()["AccountLimit"]
    limit, free = told["ConcurrentExecutions"], told["UnreservedConcurrentExecutions"]
    needed = min(plan.fleet_size, _AT_ONCE)
    what = f"{free} of {limit} calls at one time are not reserved; {plan.fleet_size} hosts at once need about {needed}"
    if needed * 2 <= free:
        yield Finding(Level.OK, "Lambda", what)
        return
    share = max(free // 10, 1)
    cap = f"cap the engine's share: cdk deploy -c reservedConcurrency={share}"
    remedy = "ask AWS to raise the quota Concurrent executions" + (f", or {cap}" if free - 4 * share >= 100 else "")
    yield Finding(
        Level.WARNING, "Lambda", f"{what}: deployments slow your other functions down, or take longer", remedy
    )


def refusals(plan: Plan) -> Findings:
    """What AWS refused for its rate while the stack was made: the next `cdk deploy` may fail of it."""
    pages = plan.engine.client("cloudformation").get_paginator("describe_stack_events")
    stack = plan.engine.stack_name
    found = pages.paginate(StackName=stack, PaginationConfig={"MaxItems": _EVENTS}).search("StackEvents[]")
    refused = [
        each["LogicalResourceId"]
        for each in found
        if any(words in each.get("ResourceStatusReason", "") for words in _REFUSALS)
    ]
    if refused:
        what = f"CloudFormation was refused for its rate at {names(list(dict.fromkeys(refused)), _SHOWN)}"
        yield Finding(Level.WARNING, "stack", what, "deploy the stack when nothing else changes APIs of this Region")
    else:
        yield Finding(Level.OK, "stack", "CloudFormation was never refused for its rate")
