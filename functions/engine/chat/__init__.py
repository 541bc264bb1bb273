"""Telling chats: what webhooks get, and the messages of a bot that stay up to date."""
