"""What is packed as one stream by bzip2 or xz, read forwards with bounded memory."""

import io
from typing import Any, BinaryIO, Callable, Tuple, Type

from host.bundle.entries import ArchiveError

MAX_XZ_BYTES = 128 * 1024**2  # of memory, for an xz: the highest level of the tool, -9, needs 65 MiB
_CHUNK = 256 * 1024  # packed bytes read at a time
_OVER_LIMIT = "Memory usage limit"  # begins what the library says then


def open_bzip2(file: BinaryIO) -> "io.BufferedReader":
    try:
        import bz2  # only where it is needed; a Python may have been built without it
    except ImportError as error:
        raise ArchiveError("is packed by bzip2, which this Python cannot read: pack it by gzip") from error
    return io.BufferedReader(_Unpacked(file, bz2.BZ2Decompressor, (OSError, ValueError)), _CHUNK)


def open_xz(file: BinaryIO) -> "io.BufferedReader":
    try:
        import lzma
    except ImportError as error:
        raise ArchiveError("is packed by xz, which this Python cannot read: pack it by gzip") from error

    def new() -> Any:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_BYTES)

    return io.BufferedReader(_Unpacked(file, new, (lzma.LZMAError,)), _CHUNK)


class _Unpacked(io.RawIOBase):
    """The content of one stream or several, one behind the other; seeks forwards only."""

    def __init__(self, file: BinaryIO, new: Callable[[], Any], damage: "Tuple[Type[Exception], ...]") -> None:
        self._file, self._new, self._damage = file, new, damage
        self._stream = new()
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        wanted = offset if whence == io.SEEK_SET else self._position + offset
        if whence == io.SEEK_END or wanted < self._position:
            raise ArchiveError("is damaged: an entry's content lies before its header")
        while self._position < wanted and self.read(min(wanted - self._position, _CHUNK)):
            pass
        return self._position

    def readinto(self, buffer: Any) -> int:
        while True:
            packed = b""
            if self._stream.eof:
                packed = self._stream.unused_data.lstrip(b"\0") or self._file.read(_CHUNK).lstrip(b"\0")
                if not packed:
                    return 0
                self._stream = self._new()
            elif self._stream.needs_input:
                packed = self._file.read(_CHUNK)
                if not packed:
                    raise ArchiveError("is damaged: it is cut off")
            try:
                content = self._stream.decompress(packed, len(buffer))
            except self._damage as error:
                if str(error).startswith(_OVER_LIMIT):
                    what = "needs more than {} bytes of memory to be unpacked: pack it by xz -9 or a lower level"
                    raise ArchiveError(what.format(MAX_XZ_BYTES)) from error
                raise ArchiveError("is damaged: {}".format(error)) from error
            if content:
                buffer[: len(content)] = content
                self._position += len(content)
                return len(content)
