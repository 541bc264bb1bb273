"""The tests' own clients of AWS, made once: what the engine asks for is counted by its own clients."""

from functools import cache

import boto3

client = cache(boto3.client)
