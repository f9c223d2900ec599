"""`python -m bot.cli`: the command line where the package is not installed."""

from bot.cli import main

main()
