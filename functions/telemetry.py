"""The one logger and the one metrics collector (Powertools), so that every function logs and counts alike."""

from aws_lambda_powertools import Logger, Metrics

from functions.settings import SERVICE

logger = Logger(service=SERVICE)
metrics = Metrics(namespace="stepdeploy", service=SERVICE)
