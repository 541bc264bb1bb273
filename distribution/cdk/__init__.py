"""The wheel of the CDK library, a distribution of its own: `pip install ./distribution/cdk`."""
