"""The sources that a config names, built."""

from __future__ import annotations

from collections.abc import Mapping

from adapters import registry
from adapters.source import Source
from bot.config.model import Config


def build_sources(config: Config) -> Mapping[str, Source]:
    """By name."""
    return {name: registry.load(registry.SOURCES[source.type])(name, source) for name, source in config.sources.items()}
