"""The one logger and the one metrics collector (Powertools), so that every function logs and counts alike."""

from aws_lambda_powertools import Logger, Metrics

logger = Logger(service="stepdeploy")
metrics = Metrics(namespace="stepdeploy", service="stepdeploy")
