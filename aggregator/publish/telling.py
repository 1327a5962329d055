"""Stories from the store, composed and rendered once for all topics that hold them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence, Set

from sqlite_utils import Database

from aggregator.model import Channel, StoryId, TopicId
from aggregator.publish.content import with_links
from aggregator.publish.items import Told, make_channel, make_item, tell, with_items
from aggregator.publish.places import story_url
from aggregator.publish.rights import within_rights
from aggregator.publish.summary import without_echo
from aggregator.settings import Output, Site, TopicSettings
from aggregator.store.publications import first_shown
from aggregator.store.stories import load_stories
from aggregator.store.topics import story_words

Paged = Callable[[str | None, Set[StoryId]], Set[StoryId]]
"""Those of these stories that have a page to which others may lead: a public one, or one under this token."""

_KEPT = 2000
"""Stories whose telling is kept for the next topic, about 10 kB each."""


class Teller:
    """Tells stories for the time of one publication: what the store says of them must not change meanwhile."""

    def __init__(
        self,
        db: Database,
        *,
        site: Site,
        output: Output,
        authority: str,
        paged: Paged,
        keeping: bool = False,
    ) -> None:
        """`authority` is the fixed part of all ids. With `keeping` the store keeps what was composed."""
        self._authority = authority
        self._db = db
        self._site = site
        self._output = output
        self._paged = paged
        self._keeping = keeping
        self._told: OrderedDict[tuple[str | None, StoryId], Told] = OrderedDict()

    def channel(self, topic: TopicSettings, stories: Sequence[StoryId] = ()) -> Channel:
        """The topic's publication with these stories, in this order; those gone are left out."""
        channel = make_channel(topic, site=self._site, output=self._output, authority=self._authority)
        if not stories:
            return channel
        id = TopicId(topic.id)
        published, words = first_shown(self._db, id, stories), story_words(self._db, id, stories)
        items = [
            make_item(
                told,
                topic,
                output=self._output,
                authority=self._authority,
                published=published.get(told.story.id, told.story.first_published),
                matched=words.get(told.story.id, ()),
            )
            for told in self.tell(stories, topic.token)
        ]
        return with_items(channel, items)

    def tell(self, stories: Sequence[StoryId], token: str | None) -> list[Told]:
        """The stories as the private topic with this token tells them, in this order; those gone are left out.

        All public topics tell a story in the same way, as without a token.
        """
        missing = [story for story in stories if (token, story) not in self._told]
        found = {story: self._told[token, story] for story in stories if (token, story) in self._told}
        found |= self._tell_anew(missing, token)
        for story, told in found.items():
            self._told[token, story] = told
            self._told.move_to_end((token, story))
        while len(self._told) > _KEPT:
            self._told.popitem(last=False)
        return [found[story] for story in stories if story in found]

    def _tell_anew(self, stories: Iterable[StoryId], token: str | None) -> dict[StoryId, Told]:
        output = self._output
        in_full = output.full_content == "always" or (output.full_content == "private" and bool(token))
        told = {}
        loaded = load_stories(self._db, list(stories), languages=self._site.languages, keeping=self._keeping)
        paged = self._paged(token, {other.id for story in loaded for other in story.related})
        for story in loaded:
            bounded = within_rights(
                with_links(without_echo(story), paged), excerpt=output.excerpt, in_full=in_full
            )
            told[story.id] = tell(bounded, story_url(self._site, token, story.id))
        return told
