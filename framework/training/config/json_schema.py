"""The JSON schema of a config file, with which editors complete and check it."""

from __future__ import annotations

import ast
import itertools
import sys
from pathlib import Path
from typing import Any

import msgspec

from framework.training.config import data, losses, optimizers, root, schedulers, tasks, train
from framework.training.config.root import Config

_FILES = (data, losses, optimizers, root, schedulers, tasks, train)


def json_schema() -> dict[str, Any]:
    """What msgspec makes of the types, with each field's text.

    Nothing is required in it but what a section is (its ``name`` or ``source``), since a file may leave the rest to another
    that it ``extends``.
    """
    schema = msgspec.json.schema(Config)
    docs = _field_docs()
    for name, definition in schema["$defs"].items():
        definition.pop("required", None)
        for key, entry in definition["properties"].items():
            description = next((docs[owner, key] for owner in _bases_of(name) if (owner, key) in docs), None)
            if description is not None:
                entry["description"] = description
            if "anyOf" in entry:  # null last, whatever msgspec's version
                entry["anyOf"].sort(key=lambda kind: kind == {"type": "null"})
    extends = {
        "type": "string",
        "description": "A config file, beside this one, whose values this one changes.",
    }
    whole, model = schema["$defs"]["Config"], schema["$defs"]["Model"]
    whole["properties"] = {"extends": extends, **whole["properties"]}
    del model["properties"]["arguments"]
    model["additionalProperties"] = True
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _bases_of(name: str) -> list[str]:
    """A section's class and its bases, by name."""
    for module in _FILES:
        found = getattr(module, name, None)
        if isinstance(found, type):
            return [base.__name__ for base in found.__mro__]
    return [name]


def _field_docs() -> dict[tuple[str, str], str]:
    """The text under each field of the sections' classes, which Python itself does not keep."""
    docs = {}
    for module in _FILES:
        file = sys.modules[module.__name__].__file__
        assert file is not None
        for node in ast.parse(Path(file).read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.ClassDef):
                continue
            for declared, below in itertools.pairwise(node.body):
                match declared, below:
                    case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(text))):
                        docs[node.name, key] = " ".join(text.split())
    return docs
