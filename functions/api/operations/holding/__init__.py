"""What keeps deployments from going on: people, windows and freezes, budgets."""
