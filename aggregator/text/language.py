"""Placeholder until the language helper delivers."""


def detect(text: str) -> str | None:
    return None


def normalize_tag(raw: str | None) -> str | None:
    return raw[:2].lower() if raw else None
