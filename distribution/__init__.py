"""What is installed and built of the repository: the wheel of the command, and the GitHub Action."""
