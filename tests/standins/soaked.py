"""tests/standins/run.py for the soak: it clears up all the time, and at SIGUSR1 collects its garbage and counts what is left.

python -m tests.standins.soaked run -c FILE     # counts into FILE.objects, one line each
"""

from __future__ import annotations

import gc
import signal
import sys
from pathlib import Path

from adapters.registry import CHATS
from bot.cli import main
from bot.store import retention

CLEAR_UP_SECONDS = 0.5


def count(*_: object) -> None:
    gc.collect()
    line = f"{len(gc.get_objects())}\n"
    with Path(f"{sys.argv[-1]}.objects").open("a") as told:
        told.write(line)


if __name__ == "__main__":
    CHATS["httpchat"] = "tests.standins.chat:HttpChat"
    retention.EVERY_SECONDS = CLEAR_UP_SECONDS
    signal.signal(signal.SIGUSR1, count)
    main()
