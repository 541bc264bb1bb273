"""The reference agent's rules, each with its test."""
