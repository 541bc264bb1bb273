"""Which account, Region and engine a verb talks to, where the environment does not say it or says another one."""

import os

import click

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def account_options(*, hidden: bool = False) -> list[click.Option]:
    """The same for every verb: they are put into the environment, so whatever a verb starts has them too."""
    given = {
        "profile": "The AWS profile, instead of AWS_PROFILE and of keys in the environment.",
        "region": "The AWS Region, instead of AWS_REGION.",
        "stack": "The CloudFormation stack of the engine, instead of STEPDEPLOY_STACK and STEPDEPLOY_ENDPOINT.",
    }
    return [
        click.Option([f"--{name}"], metavar="NAME", help=text, expose_value=False, callback=_chosen, hidden=hidden)
        for name, text in given.items()
    ]


def _chosen(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """As the AWS CLI has it: a profile that is named goes before keys in the environment."""
    if not value:
        return
    match option.name:
        case "profile":
            for each in _KEYS:
                os.environ.pop(each, None)
            os.environ["AWS_PROFILE"] = value
        case "region":
            os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = value
        case "stack":
            os.environ.pop("STEPDEPLOY_ENDPOINT", None)
            os.environ["STEPDEPLOY_STACK"] = value
