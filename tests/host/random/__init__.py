"""What is tried by chance: random AppSpecs and revisions, kills at any point."""
