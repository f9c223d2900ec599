"""Tocsin's command line with one more kind of chat, `httpchat`, for tests that start and kill a real process.

python -m tests.standins.run run -c FILE
"""

from __future__ import annotations

from adapters.registry import CHATS
from bot.cli import main

if __name__ == "__main__":
    CHATS["httpchat"] = "tests.standins.chat:HttpChat"
    main()
