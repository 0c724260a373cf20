"""Ctrl-C at moments at which it does no harm."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def held() -> Iterator[None]:
    """Let Ctrl-C take effect at the end of the block, not within.

    For what must be done as a whole or not at all, and takes little time. Python delivers it to
    the main thread alone, so elsewhere nothing has to be done.
    """
    former = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(former):
        yield
        return
    received: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: received.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
        if received:
            former(*received[-1])
