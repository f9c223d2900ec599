"""The JSON Schema of the configuration, from the models and their field docs: editors complete and check with it."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from adapters import registry
from bot.config.model import Config
from rules.access import Person


def json_schema() -> dict[str, Any]:
    """The schema of `config.yaml`, with every type of source and chat."""
    tables = {"sources": registry.SOURCES, "chats": registry.CHATS}
    models = {section: [registry.load(spec).config_model for spec in table.values()] for section, table in tables.items()}
    every = [Config, *models["sources"], *models["chats"]]
    refs, shared = models_json_schema([(model, "validation") for model in every], title="Tocsin's configuration")
    definitions = shared["$defs"]
    root = definitions.pop(refs[(Config, "validation")]["$ref"].rsplit("/", 1)[1])
    for section, found in models.items():
        options = [refs[(model, "validation")] for model in found]
        root["properties"][section]["additionalProperties"] = {"anyOf": options}
    person = definitions[Person.__name__]
    person["properties"] |= {kind: {"type": "string", "description": f"The person's id on {kind}."} for kind in registry.CHATS}
    person["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "title": "Tocsin", "$defs": definitions}
