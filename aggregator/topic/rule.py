"""A topic's rule → one query in SQLite FTS5's language (sqlite.org/fts5.html, section 3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aggregator.model import SourceId, TopicId
from aggregator.settings import SourceSettings, TopicSettings
from aggregator.text.fold import words
from aggregator.text.language import normalize_tag


@dataclass(frozen=True, slots=True)
class Rule:
    """What an entry must satisfy to be in a topic."""

    topic: TopicId
    query: str
    """Empty: examples alone say what is wanted."""
    sources: frozenset[SourceId] | None
    """None: any source."""
    languages: frozenset[str]
    """Empty: any language."""
    examples: tuple[str, ...] = ()
    """What is near one of these satisfies it too."""
    barred: str = ""
    """Among what is near, the query for what is kept out all the same."""

    def admits(self, source: SourceId, language: str | None) -> bool:
        """Whether the topic listens to this source and language."""
        if self.sources is not None and source not in self.sources:
            return False
        return not self.languages or language in self.languages

    @property
    def signature(self) -> str:
        """Changes when the rule selects anew."""
        sources = "*" if self.sources is None else ",".join(sorted(self.sources))
        words = f"{self.query}\n{sources}\n{','.join(sorted(self.languages))}"
        return "\n".join([words, self.barred, *self.examples]) if self.examples else words


def make_rule(
    topic: TopicSettings, vocabulary: Mapping[str, Sequence[str]], sources: Sequence[SourceSettings]
) -> Rule:
    """The topic's rule. Raises ValueError with a message for a person when it cannot be compiled."""
    return Rule(
        TopicId(topic.id),
        compile_rule(topic, vocabulary),
        _chosen_sources(topic, sources),
        frozenset(normalize_tag(language) or language for language in topic.languages),
        topic.like,
        _any(topic.none_of, vocabulary) if topic.like and topic.none_of else "",
    )


def compile_rule(topic: TopicSettings, vocabulary: Mapping[str, Sequence[str]]) -> str:
    """`all_of` and `any_of` and `match`, but `none_of`, as one FTS5 query; empty when there is only `like`.

    Raises ValueError when a term has no word in it, or nothing says what is wanted.
    """
    wanted = [_any([name], vocabulary) for name in topic.all_of]
    if topic.any_of:
        wanted.append(_any(topic.any_of, vocabulary))
    if topic.match and topic.match.strip():
        wanted.append(f"({topic.match.strip()})")
    if not wanted:
        if topic.like:
            return ""
        raise ValueError("selects nothing: give all_of, any_of, match or like")
    query = " AND ".join(wanted)
    if topic.none_of:
        query = f"({query}) NOT {_any(topic.none_of, vocabulary)}"
    return query


def compile_term(term: str) -> str:
    """A word, a phrase, or either with `*` at the end of words, as an FTS5 expression."""
    pieces = term.split()
    if not words(term):
        raise ValueError(f"{term!r} has no word in it")
    if any("*" in piece.rstrip("*") or piece.endswith("**") or piece == "*" for piece in pieces):
        raise ValueError(f"{term!r}: * stands at the end of a word only")
    phrases = [phrase.strip() for phrase in re.findall(r"[^*]+\*?", term)]
    compiled = [f"{_quoted(phrase.rstrip('*'))}{'*' if phrase.endswith('*') else ''}" for phrase in phrases]
    if len(compiled) == 1:
        return compiled[0]
    # NEAR counts the words between the first phrase and the last, those of the phrases there too
    between = sum(len(words(phrase)) for phrase in phrases[1:-1])
    return f"NEAR({' '.join(compiled)}, {between})"


def _any(names: Iterable[str], vocabulary: Mapping[str, Sequence[str]]) -> str:
    terms = [term for name in names for term in vocabulary.get(name, (name,))]
    return f"({' OR '.join(dict.fromkeys(compile_term(term) for term in terms))})"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _chosen_sources(topic: TopicSettings, sources: Sequence[SourceSettings]) -> frozenset[SourceId] | None:
    choice = topic.sources
    if not (choice.tags or choice.include or choice.exclude):
        return None
    open_to_all = not (choice.tags or choice.include)
    return frozenset(
        SourceId(source.id)
        for source in sources
        if source.id not in choice.exclude
        and (open_to_all or source.id in choice.include or not set(choice.tags).isdisjoint(source.tags))
    )
