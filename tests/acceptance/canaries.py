"""Known secrets, and a search for them in a Redis server and in the lines of a log."""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis


def read_redis(url: str) -> dict[str, bytes]:
    """Return each key of a Redis server with its content; the payloads of jobs are unpacked."""
    with redis.Redis.from_url(url) as server:
        return {
            key.decode("utf-8", "replace"): b"\n".join(_read_values(server, key))
            for key in server.scan_iter("*")
        }


def read_log(file: Path) -> list[dict[str, Any]]:
    """Return the JSON objects in a log; skip lines for people, such as the portal's address."""
    lines = file.read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def find_canaries(canaries: Mapping[str, str], content: bytes) -> list[str]:
    """Return the names of the secrets in a content: as they are, escaped, or in base64."""
    return [
        name
        for name, secret in canaries.items()
        if any(spelling in content for spelling in _spellings(secret))
    ]


def _spellings(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    yield quote(secret, safe="").encode()
    yield json.dumps(secret)[1:-1].encode()
    # the first and last characters of base64 depend on what stands beside the secret
    for offset in range(3):
        yield base64.b64encode(b"\0" * offset + secret.encode())[offset + 1 : -4]


def _read_values(server: redis.Redis, key: bytes) -> Iterator[bytes]:
    for value in _stored_values(server, key):
        content = value if isinstance(value, bytes) else str(value).encode()
        yield content
        with suppress(zlib.error):  # RQ stores the payload and the result of a job compressed
            yield zlib.decompress(content)


def _stored_values(server: redis.Redis, key: bytes) -> list[Any]:
    kind = server.type(key)
    if kind == b"hash":
        return [part for pair in server.hgetall(key).items() for part in pair]
    if kind == b"list":
        return list(server.lrange(key, 0, -1))
    if kind == b"set":
        return list(server.smembers(key))
    if kind == b"zset":
        return list(server.zrange(key, 0, -1))
    return [server.get(key)]
