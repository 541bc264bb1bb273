"""What an error of Slack's Web API means for a message, and what a person can do about it.

Source: the error tables of Slack's pages "chat.postMessage", "chat.update", "chat.getPermalink" and "auth.test".
"""

from enum import StrEnum

from functions.core.text.plain_text import visible


class Means(StrEnum):
    """What becomes of the message."""

    LATER = "later"  # Slack cannot now, or wants to be left alone
    SETUP = "setup"  # a person has to change something: another way is tried, then it comes again
    CONTENT = "content"  # Slack does not take this content
    GONE = "gone"  # the message that was to be edited or answered is not there, or cannot be edited any more


_INVITE = "invite the bot (/invite @NAME), or give it the scope chat:write.public for public channels"
_NEW_TOKEN = "install the app into the workspace again and put its bot token into the secret"  # noqa: S105 - a remedy
_TALK_TO_ADMIN = "ask an administrator of the workspace to let the app post there"
_SHORTEN = "it is sent as plain text"

_KNOWN: dict[str, tuple[Means, str, str]] = {
    "ratelimited": (Means.LATER, "Slack wants fewer requests", ""),
    "rate_limited": (Means.LATER, "Slack wants fewer messages", ""),
    "internal_error": (Means.LATER, "Slack failed", ""),
    "fatal_error": (Means.LATER, "Slack failed", ""),
    "service_unavailable": (Means.LATER, "Slack is not available", ""),
    "request_timeout": (Means.LATER, "Slack did not get the whole request", ""),
    "team_added_to_org": (Means.LATER, "the workspace moves to another organization", ""),
    "org_login_required": (Means.LATER, "the workspace moves to another organization", ""),
    "update_failed": (Means.LATER, "Slack failed", ""),
    "external_channel_migrating": (Means.LATER, "the channel moves", ""),
    "channel_not_found": (
        Means.SETUP,
        "Slack knows no such channel, or it is private and the bot is not in it",
        f"check its id in the secret; {_INVITE}",
    ),
    "not_in_channel": (Means.SETUP, "the bot is not in the channel", _INVITE),
    "is_archived": (Means.SETUP, "the channel is archived", "name another channel"),
    "is_inactive": (Means.SETUP, "the channel is archived or frozen", "name another channel"),
    "invalid_auth": (Means.SETUP, "the token is not valid, or not from this address", _NEW_TOKEN),
    "not_authed": (Means.SETUP, "there is no token", _NEW_TOKEN),
    "account_inactive": (Means.SETUP, "the bot or its workspace is gone", _NEW_TOKEN),
    "token_revoked": (Means.SETUP, "the token was revoked", _NEW_TOKEN),
    "token_expired": (
        Means.SETUP,
        "the token has expired",
        "turn token rotation off for the app; then install it again and put its bot token into the secret",
    ),
    "not_allowed_token_type": (Means.SETUP, "the token is not a bot's", _NEW_TOKEN),
    "missing_scope": (
        Means.SETUP,
        "the token lacks a scope",
        "give the app chat:write (chat:write.public for public channels without an invitation), and install it again",
    ),
    "no_permission": (Means.SETUP, "the bot may not post there", _INVITE),
    "team_access_not_granted": (Means.SETUP, "the token is not for this workspace", _NEW_TOKEN),
    "access_denied": (Means.SETUP, "Slack denies access", _TALK_TO_ADMIN),
    "accesslimited": (Means.SETUP, "Slack is limited on this network", _TALK_TO_ADMIN),
    "ekm_access_denied": (Means.SETUP, "administrators have suspended posting", _TALK_TO_ADMIN),
    "restricted_action": (Means.SETUP, "a setting of the workspace forbids it", _TALK_TO_ADMIN),
    "restricted_action_read_only_channel": (Means.SETUP, "the channel is read-only", _TALK_TO_ADMIN),
    "restricted_action_thread_only_channel": (Means.SETUP, "the channel takes replies only", _TALK_TO_ADMIN),
    "restricted_action_non_threadable_channel": (Means.CONTENT, "the channel takes no replies", ""),
    "msg_too_long": (Means.CONTENT, "the message is too long", _SHORTEN),
    "msg_blocks_too_long": (Means.CONTENT, "the blocks are too long", _SHORTEN),
    "no_text": (Means.CONTENT, "there is no text", _SHORTEN),
    "invalid_blocks": (Means.CONTENT, "Slack does not take the blocks", _SHORTEN),
    "invalid_blocks_format": (Means.CONTENT, "Slack cannot read the blocks", _SHORTEN),
    "block_mismatch": (Means.CONTENT, "Slack does not take these blocks there", _SHORTEN),
    "invalid_arguments": (Means.CONTENT, "Slack does not take the request", _SHORTEN),
    "invalid_form_data": (Means.CONTENT, "Slack does not take the request", _SHORTEN),
    "message_not_found": (Means.GONE, "the message was deleted", "another one follows"),
    "cant_update_message": (Means.GONE, "it is another app's message", "another one follows"),
    "edit_window_closed": (Means.GONE, "the workspace does not allow an edit so late", "another one follows"),
    "thread_not_found": (Means.GONE, "the thread was deleted", "another one follows"),
    "cannot_reply_to_message": (Means.GONE, "the message takes no replies", "another one follows"),
}

TOKEN_ERRORS = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type"}
)


def meaning(error: str) -> Means:
    """What is not known needs a person, and may pass when somebody has looked at it.

    >>> meaning("not_in_channel"), meaning("something_new")
    (<Means.SETUP: 'setup'>, <Means.SETUP: 'setup'>)
    """
    return _KNOWN[error][0] if error in _KNOWN else Means.SETUP


def in_words(error: str) -> str:
    """The error and what to do about it.

    >>> in_words("is_archived")
    'is_archived: the channel is archived; name another channel'
    """
    if error not in _KNOWN:
        return f"{visible(error)[:100]}: Slack's pages of chat.postMessage and chat.update say what it means"
    _, why, remedy = _KNOWN[error]
    return f"{error}: {why}" + (f"; {remedy}" if remedy else "")
