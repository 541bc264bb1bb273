"""deployments.yaml: the applications and deployment groups that a user declares.

`load` reads the file at synth, with every problem at its line; the file's JSON form (`shapes.to_plain`) travels to the
declare function, where `changes` compares it with what is stored. Keys are spelled as CodeDeploy's API members.
"""

from functions.core.declaration.file import load, packed, read
from functions.core.declaration.model import (
    ENGINE_TOPIC,
    Declaration,
    DeclaredGroup,
    GroupChange,
    Repository,
    UploadTrigger,
    changes,
)
from functions.core.declaration.value import Problem
from functions.core.declaration.written import buckets_written, repositories_written, written

__all__ = [
    "ENGINE_TOPIC",
    "Declaration",
    "DeclaredGroup",
    "GroupChange",
    "Problem",
    "Repository",
    "UploadTrigger",
    "buckets_written",
    "changes",
    "load",
    "packed",
    "read",
    "repositories_written",
    "written",
]
