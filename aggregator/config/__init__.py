"""The configuration folder: read, checked, described and edited."""

from aggregator.config.edit import NewSource, add_source, add_sources, remove_source
from aggregator.config.load import Configuration, load
from aggregator.config.schemas import write_schemas
from aggregator.config.starter import write_starter

__all__ = [
    "Configuration",
    "NewSource",
    "add_source",
    "add_sources",
    "load",
    "remove_source",
    "write_schemas",
    "write_starter",
]
