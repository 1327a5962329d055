"""The JSON Schemas by which an editor completes and checks the three files."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from aggregator.disk import file_advice
from aggregator.errors import UsageError
from aggregator.settings import Aggregator, Sources, Topics
from aggregator.times import format_duration

_MODELS: dict[str, type[BaseModel]] = {"aggregator": Aggregator, "sources": Sources, "topics": Topics}


class _Schema(GenerateJsonSchema):
    """Without the titles that repeat each key; defaults as a person writes them."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 (pydantic's signature)
        return False

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        # What a section holds by default stands at its own keys; an empty text says nothing.
        if isinstance(default := schema.get("default"), BaseModel) or default == "":
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def schema_texts() -> dict[str, str]:
    """File name → JSON Schema 2020-12. The same models give the same bytes."""
    return {f"{name}.json": _schema_text(model) for name, model in _MODELS.items()}


def write_schemas(folder: Path) -> list[Path]:
    """Write aggregator.json, sources.json and topics.json. Raises UsageError where it cannot."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in schema_texts().items():
            (folder / name).write_text(text, encoding="utf-8")
            written.append(folder / name)
    except OSError as error:
        message = f"{error.filename}: cannot be written: {error.strerror}"
        raise UsageError(message, hint=file_advice(error)) from None
    return written


def _schema_text(model: type[BaseModel]) -> str:
    schema = model.model_json_schema(schema_generator=_Schema)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
