"""What a bot has told Slack, and when it may tell more."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveMessage:
    """The message of one deployment, which is edited in place, and its thread. All times are milliseconds."""

    deployment_id: str
    changes: int = 0  # how often this record was written: who writes has read the one before
    turn: int = 0  # of the chain that looks at the deployment from time to time; 0: none has begun
    next_at: int = 0  # when the chain goes on
    channel: str = ""  # Slack's id of the channel
    ts: str = ""  # Slack's id of the message; none: it is not posted, or it is gone
    permalink: str = ""
    shown: str = ""  # the digest of what it shows
    shown_at: int = 0  # when that was shown
    replies: tuple[str, ...] = ()  # the keys of what the thread has
    looked: tuple[str, ...] = ()  # failed targets that were looked at while the deployment ran
    is_final: bool = False  # it shows the end of the deployment

    @property
    def is_posted(self) -> bool:
        return bool(self.ts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackPace:
    """Who talks to Slack's Web API now, and when it may be asked again. One call at a time does, so that no older state
    of a deployment overtakes a newer one. All times are milliseconds."""

    holder: str = ""
    held_until: int = 0
    edited_at: int = 0  # the last edit, of any message
    ids: dict[str, str] = field(default_factory=dict)  # of channels, by the names that they are posted to
    posts_at: dict[str, int] = field(default_factory=dict)  # by a channel's id: when it takes another one
    silent_until: dict[str, int] = field(default_factory=dict)  # by method: Slack wants none before
