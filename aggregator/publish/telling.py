"""Stories from the store, composed and rendered once for all topics that hold them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence, Set

from sqlite_utils import Database

from aggregator.model import Channel, StoryId, TopicId
from aggregator.publish.content import with_links
from aggregator.publish.items import Told, make_channel, make_item, tell, with_items
from aggregator.publish.places import folder_of, story_url
from aggregator.publish.rights import within_rights
from aggregator.settings import Output, Site, TopicSettings
from aggregator.store.publications import first_shown
from aggregator.store.stories import load_stories
from aggregator.store.topics import story_words

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
        shown: Set[StoryId],
        private: Mapping[TopicId, Set[StoryId]] | None = None,
        keeping: bool = False,
    ) -> None:
        """`shown` are the stories that have a public page, `private` those of each private topic.

        `authority` is the fixed part of all ids. With `keeping` the store keeps what was composed.
        """
        self._authority = authority
        self._db = db
        self._site = site
        self._output = output
        self._shown = shown
        self._private = private or {}
        self._keeping = keeping
        self._told: OrderedDict[tuple[str, StoryId], Told] = OrderedDict()

    def shown_in(self, topic: TopicSettings) -> Set[StoryId]:
        """The stories that have a page to which those of this topic may lead."""
        return self._private.get(TopicId(topic.id), self._shown)

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
            for told in self._tell(stories, topic)
        ]
        return with_items(channel, items)

    def _tell(self, stories: Sequence[StoryId], topic: TopicSettings) -> list[Told]:
        """The stories as this topic tells them, in this order; those gone are left out.

        All public topics tell a story in the same way; a private one has pages of its own.
        """
        within = folder_of(topic) if topic.token else ""
        missing = [story for story in stories if (within, story) not in self._told]
        found = {story: self._told[within, story] for story in stories if (within, story) in self._told}
        found |= self._tell_anew(missing, topic)
        for story, told in found.items():
            self._told[within, story] = told
            self._told.move_to_end((within, story))
        while len(self._told) > _KEPT:
            self._told.popitem(last=False)
        return [found[story] for story in stories if story in found]

    def _tell_anew(self, stories: Iterable[StoryId], topic: TopicSettings) -> dict[StoryId, Told]:
        output, shown = self._output, self.shown_in(topic)
        in_full = output.full_content == "always" or (output.full_content == "private" and bool(topic.token))
        told = {}
        languages = self._site.languages
        for story in load_stories(self._db, list(stories), languages=languages, keeping=self._keeping):
            bounded = within_rights(with_links(story, shown), excerpt=output.excerpt, in_full=in_full)
            told[story.id] = tell(bounded, story_url(self._site, topic, story.id))
        return told
