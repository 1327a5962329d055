"""A self-hosted feed aggregator that publishes curated topic feeds."""

__version__ = "0.1.0"
