"""Chats that hear of deployments: what the secret holds, messages that stay up to date, what Slack's errors mean, and
the forms of Microsoft Teams and Amazon Q Developer."""
