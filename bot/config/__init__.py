"""The configuration: what one YAML file says, read with every mistake told at once."""

from bot.config.load import load
from bot.config.model import Config
from bot.config.problem import ConfigErrors, Problem
from bot.config.sources import build_sources

__all__ = ["Config", "ConfigErrors", "Problem", "build_sources", "load"]
