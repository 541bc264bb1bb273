"""The command line of stepdeploy: one module for each verb."""
