"""Whole logs of scripts, as hosts have put them into the revision bucket, where they stay for 90 days."""

import gzip
import zlib
from collections.abc import Iterable, Iterator

from cli.account.connection import Engine, Refusal
from functions.core.revision import ENGINE_PREFIX

_SUFFIX = ".log.gz"
_LONGEST = 64 * 1024  # bytes that are taken as one line


class WholeLogs:
    """Of a deployment. Needs s3:ListBucket and s3:GetObject on the bucket."""

    def __init__(self, engine: Engine, deployment_id: str) -> None:
        self._bucket = engine.output("BucketName")
        self._s3 = engine.client("s3")
        self._prefix = f"{ENGINE_PREFIX}logs/{deployment_id}/"

    def of(self, target_id: str, events: Iterable[str]) -> dict[str, Iterator[str]]:
        """The lines of each of these events of a target whose log is there. Raises Refusal, when they are read, for a
        log that is not whole."""
        prefix = f"{self._prefix}{target_id}/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        there = set(pages.search("Contents[].Key"))
        keys = {each: f"{prefix}{each}{_SUFFIX}" for each in events}
        return {each: self._lines(key) for each, key in keys.items() if key in there}

    def _lines(self, key: str) -> Iterator[str]:
        """Read as they are shown. A host has written this: a line has an end, whatever is in it."""
        body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
        try:
            with gzip.open(body) as log:
                while line := log.readline(_LONGEST):
                    yield line.decode("utf-8", "replace").rstrip("\r\n")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Refusal(f"s3://{self._bucket}/{key} is not a whole log: {error}") from error
