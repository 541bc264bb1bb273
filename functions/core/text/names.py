"""The names of applications, deployment groups, configurations and roles.

Source: CodeDeploy User Guide, "CodeDeploy limits". Letters of other scripts, slashes and spaces are not among them, so
a name is a folder of the revision bucket as it stands.
"""

import re

ALLOWED = "1 to 100 of A-Z a-z 0-9 + = , . @ _ -"
MAX_ROLE_ARN = 640  # characters
_ROLE = re.compile(r"arn:aws[a-z-]{0,20}:iam::[0-9]{12}:role/[\x21-\x7e]{1,575}")
_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,100}")
_CODECOMMIT = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")


def is_name(text: str) -> bool:
    """
    >>> is_name("shop-2"), is_name("shop/web")
    (True, False)
    """
    return _NAME.fullmatch(text) is not None


def is_codecommit_repository(text: str) -> bool:
    """Source: CodeCommit API model 2015-04-13, RepositoryName.

    >>> is_codecommit_repository("shop.site"), is_codecommit_repository(".."), is_codecommit_repository("shop/site")
    (True, False, False)
    """
    return _CODECOMMIT.fullmatch(text) is not None


def is_role(arn: str) -> bool:
    """
    >>> is_role("arn:aws:iam::123456789012:role/deploy"), is_role("deploy")
    (True, False)
    """
    return _ROLE.fullmatch(arn) is not None


def is_reserved(application: str) -> bool:
    """Whether it is a folder of the revision bucket that the engine keeps for itself."""
    return application.startswith(".")


def is_group_key(text: str) -> bool:
    """Whether it names a deployment group as application/group.

    >>> is_group_key("shop/web"), is_group_key("shop"), is_group_key("shop/web/1")
    (True, False, False)
    """
    application, slash, group = text.partition("/")
    return bool(slash) and is_name(application) and is_name(group)
