"""What a config may say: its typed schema, a section a file, and how files and overrides become a checked ``Config``.

    config, source = load_config(find_config("mnist"), ["optimizer.lr=0.01"], MODELS)

A line of text under a field is its documentation; it also stands in the JSON schema, for editors.
"""

from framework.training.config.json_schema import json_schema
from framework.training.config.root import (
    FROM_DATA,
    Config,
    Model,
    Source,
    dump,
    load_config,
    name_and_arguments,
    with_model_arguments,
)
from framework.training.yaml_source import ConfigError, find_config, list_configs

__all__ = [
    "FROM_DATA",
    "Config",
    "ConfigError",
    "Model",
    "Source",
    "dump",
    "find_config",
    "json_schema",
    "list_configs",
    "load_config",
    "name_and_arguments",
    "with_model_arguments",
]
