"""How much one request takes."""

AT_ONCE = 25  # deployments or targets
