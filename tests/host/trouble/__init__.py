"""Disks, permissions and records that fail the runner: told, nothing lost, and a way on."""
