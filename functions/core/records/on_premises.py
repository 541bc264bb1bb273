"""Hosts outside EC2 that a client registered."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPremisesInstance:
    """A host outside EC2 that a client registered, tied to one IAM identity. Deregistered, it stays on record."""

    name: str
    instance_arn: str
    register_time: str
    iam_user_arn: str | None = None
    iam_session_arn: str | None = None
    deregister_time: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def iam_arn(self) -> str:
        return self.iam_user_arn or self.iam_session_arn or ""
