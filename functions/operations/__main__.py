"""Rewrite the table of docs/api.md: python -m functions.operations docs/api.md"""

import sys
from pathlib import Path

from functions import operations

document = Path(sys.argv[1])
document.write_text(operations.page(document.read_text()))
