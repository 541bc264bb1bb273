"""Files that are there as a whole or not at all, also for a reader in the same moment."""

from pathlib import Path
from tempfile import NamedTemporaryFile


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Also in the place of one that is there. `mode`: who may read it. Raises OSError; then nothing is left."""
    partial = None
    try:
        with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as made:
            partial = Path(made.name)
            made.write(text)
        partial.chmod(mode)
        partial.replace(path)
    except OSError:
        if partial:
            partial.unlink(missing_ok=True)
        raise
