"""Rewrite the table of docs/api.md: python -m functions.api.operations docs/api.md"""

import sys
from pathlib import Path

from functions.api import operations

document = Path(sys.argv[1])
document.write_text(operations.page(document.read_text()))
