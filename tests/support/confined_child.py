"""A kept child for tests: does what its question says."""

import sys
import time

from connectors.kit.workbook import serve

MEMORY = 256 * 1024 * 1024


def answer(question: bytes) -> bytes:
    match question.split():
        case [b"say", word]:
            return word
        case [b"burn"]:
            while True:
                pass
        case [b"work"]:
            until = time.process_time() + 1
            while time.process_time() < until:
                pass
            return b"worked for a second"
        case [b"sleep"]:
            time.sleep(600)
        case [b"fill"]:
            return bytes(2 * MEMORY)[:1]
    raise ValueError(question)


if __name__ == "__main__":
    serve(answer, memory_bytes=MEMORY, cpu_seconds=float(sys.argv[1]))
