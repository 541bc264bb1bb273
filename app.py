"""The CDK app: `cdk synth` and `cdk deploy` run it. Calls neither AWS nor Docker."""

import sys

from functions.core.errors import InvalidInput
from infra.app import engine_app

if __name__ == "__main__":
    try:
        with engine_app() as app:
            app.synth()
    except InvalidInput as error:
        sys.exit(str(error))  # deployments.yaml or the context is wrong: the message says where
