"""Measurements of what the engine promises: run `make bench`."""
