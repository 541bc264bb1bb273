"""List prices of what a deployment uses, in one table: US dollars, region us-east-1, without the free tier.

As published in 2025 on https://aws.amazon.com/lambda/pricing/ (arm64), https://aws.amazon.com/step-functions/pricing/
(standard workflows) and https://aws.amazon.com/dynamodb/pricing/on-demand/ (standard table class). Other regions and
later price lists differ: change the table.
"""

from enum import StrEnum

REGION, YEAR = "us-east-1", 2025


class Item(StrEnum):
    LAMBDA_REQUESTS = "Lambda requests"
    LAMBDA_GB_SECONDS = "Lambda GB-seconds"
    TRANSITIONS = "Step Functions transitions"
    READS = "DynamoDB read units"
    WRITES = "DynamoDB write units"


USD = {
    Item.LAMBDA_REQUESTS: 0.20 / 1e6,
    Item.LAMBDA_GB_SECONDS: 0.0000133334,
    Item.TRANSITIONS: 0.025 / 1e3,
    Item.READS: 0.125 / 1e6,
    Item.WRITES: 0.625 / 1e6,
}
NOT_COUNTED = (
    "the free tier and discounts",
    "storage: S3, DynamoDB, logs",
    "what is paid without deployments: alarms, the dashboard, secrets",
    "requests to S3, SQS, SNS, EventBridge, CloudWatch and API Gateway",
    "data transfer",
)

# The engine's own, by infra/function.py and infra/engine.py; tests/infra holds them against the template.
MEMORY_MB = {"api": 1024, "pipeline_job": 512, "plan": 1769, "prepare": 1769, "watch": 512}
USUAL_MEMORY_MB = 256
# As the local cloud counts them (README.md): no metric of Step Functions has them for one state machine.
TRANSITIONS_EACH_DEPLOYMENT, TRANSITIONS_EACH_TARGET = 7, 3
