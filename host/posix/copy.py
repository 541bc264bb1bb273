"""One file copied: content, mode, time and, as root, its owner. The kernel does it where it can, so that a file system
that shares blocks shares them (reflink)."""

import errno
import hashlib
import os
import stat
from typing import Optional

_SMALL = 64 * 1024  # bytes; what fits into one read is not worth asking the kernel for
_CHUNK = 1024 * 1024
_LARGE = 1024**3  # of one call to the kernel
_NOT_HERE = (errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.ETXTBSY)


def copy(source: str, destination: str, mtime: int = -1) -> str:
    """Copy the regular file `source`; a `destination` that is there is replaced, not written into. Gives the sha256 of
    what is in it. Raises OSError.

    `mtime`, in nanoseconds, is its time instead of the source's, unless it is negative.
    """
    given = os.open(source, os.O_RDONLY)
    try:
        status = os.fstat(given)
        mode = stat.S_IMODE(status.st_mode)
        made = create(destination, mode)
        try:
            digest = _content(given, made, status.st_size)
            set_owner_and_mode(made, mode, status.st_uid, status.st_gid)
            os.utime(made, ns=(status.st_atime_ns, status.st_mtime_ns if mtime < 0 else mtime))
        finally:
            os.close(made)
    finally:
        os.close(given)
    return digest


def create(path: str, mode: int) -> int:
    """A new file, open for writing, in place of whatever is there; its mode is not settled yet."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        return os.open(path, flags, mode & 0o777)
    except FileExistsError:
        os.unlink(path)
        return os.open(path, flags, mode & 0o777)


def set_owner_and_mode(file: int, mode: int, user: int = -1, group: int = -1) -> None:
    """Owner (only root gives files away; -1 is unchanged), then mode, where they are not so yet."""
    status = os.fstat(file)
    is_given = False
    if status.st_uid == 0:
        user, group = status.st_uid if user < 0 else user, status.st_gid if group < 0 else group
        is_given = (user, group) != (status.st_uid, status.st_gid)
        if is_given:
            os.fchown(file, user, group)
    if is_given or stat.S_IMODE(status.st_mode) != mode:
        os.fchmod(file, mode)  # also because chown took setuid away


def _content(given: int, made: int, size: int) -> str:
    """Whatever the kernel has copied when it gives up stays: both files know where they are."""
    if size <= _SMALL:
        return _by_hand(given, made, _SMALL)
    with _Sum(given) as summed:
        for by_kernel in (_copy_file_range, _sendfile):
            try:
                while by_kernel(given, made):
                    pass
                break
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
        _by_hand(given, made, _CHUNK)
    return summed.digest()


def _by_hand(given: int, made: int, asked: int) -> str:
    """The rest of it, and its sha256."""
    digest, chunk = hashlib.sha256(), b""
    while not chunk or len(chunk) == asked:
        chunk = os.read(given, asked)
        if not chunk:
            break
        digest.update(chunk)
        left = memoryview(chunk)
        while left:
            left = left[os.write(made, left) :]
    return digest.hexdigest()


class _Sum:
    """The sha256 of a file, made by a thread while the kernel copies the file: neither needs Python's lock."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._error: Optional[OSError] = None

    def __enter__(self) -> "_Sum":
        import threading  # seldom needed

        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.join()

    def _read(self) -> None:
        place = 0
        try:
            while True:
                chunk = os.pread(self._file, _CHUNK, place)
                if not chunk:
                    return
                self._digest.update(chunk)
                place += len(chunk)
        except OSError as error:
            self._error = error

    def digest(self) -> str:
        if self._error is not None:
            raise self._error
        return self._digest.hexdigest()


def _copy_file_range(given: int, made: int) -> int:
    by_kernel = getattr(os, "copy_file_range", None)  # since Python 3.8
    if by_kernel is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return int(by_kernel(given, made, _LARGE))


def _sendfile(given: int, made: int) -> int:
    return os.sendfile(made, given, None, _LARGE)
