"""The pages of stories: in the feeds that are written, of stories that left them, and where merged stories went.

A page is public where a public topic held its story once, and the same for all such topics. A private topic has pages
of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from sqlite_utils import Database

from aggregator.model import Channel, Item, Story, StoryId, TopicId
from aggregator.publish.content import web_url
from aggregator.publish.design import Design
from aggregator.publish.folder import Folder
from aggregator.publish.items import Told
from aggregator.publish.pages import moved_page, story_page
from aggregator.publish.pictures import picture_at
from aggregator.publish.places import PICTURES, PRIVATE, page_of, story_url
from aggregator.publish.planning import Plan
from aggregator.publish.telling import Teller
from aggregator.settings import Output, Site, TopicSettings
from aggregator.store.connection import writing
from aggregator.store.pages import ever_in, have_looked_at
from aggregator.store.pictures import pictures_of, want_pictures
from aggregator.store.publications import published_in
from aggregator.store.stories import merged_stories, related_stories, story_rows
from aggregator.story.fingerprint import digest

_TOGETHER = 200
"""Stories whose pages are written before any is counted as done."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where pages stand: all public topics share one, each private topic has its own."""

    topics: list[TopicSettings] = field(default_factory=list)
    holding: dict[StoryId, list[TopicSettings]] = field(default_factory=dict)
    """The topics here whose feeds hold a story."""


def _places(plans: Iterable[Plan]) -> dict[str | None, _Place]:
    """By their tokens; the public one, which has none, is always there."""
    places: dict[str | None, _Place] = {None: _Place()}
    for plan in plans:
        place = places.setdefault(plan.settings.token, _Place())
        place.topics.append(plan.settings)
        for story in plan.stories:
            place.holding.setdefault(story, []).append(plan.settings)
    return places


class StoryPages:
    """Writes the pages of stories into the folder of one publication."""

    def __init__(
        self,
        db: Database,
        plans: Sequence[Plan],
        folder: Folder,
        *,
        site: Site,
        output: Output,
        look: Design,
        authority: str,
        common: str,
        hidden: Set[StoryId],
    ) -> None:
        self._db = db
        self._folder = folder
        self._site = site
        self._output = output
        self._look = look
        self._common = common
        self._hidden = hidden
        self._places = _places(plans)
        self._topics = {plan.id: plan.settings for plan in plans}
        self.teller = Teller(
            db, site=site, output=output, authority=authority, paged=self._paged, keeping=True
        )
        self._written: set[str] = set()
        self._states: dict[str, str] = {}
        """How each story stood before it was told, by its page."""
        self._pictures: dict[StoryId, str] = {}

    def channel(self, topic: TopicSettings, stories: Sequence[StoryId]) -> Channel:
        """The topic's channel with these stories.

        How each stands, with those beside it, is kept before it is told for the first time: what changes between that
        and the writing of its page is seen by the next publication.
        """
        self._note_states(topic.token, stories)
        return self.teller.channel(topic, stories)

    def tell(self, topic: TopicSettings, stories: Sequence[StoryId]) -> Channel:
        """The channel of a topic that holds these stories, whose pages are written."""
        channel = self.channel(topic, stories)
        pages = {page_of(topic.token, item.story.id): item for item in channel.items}
        self._want_pictures(item.story for item in channel.items)
        holding = self._places[topic.token].holding
        marks = {
            path: self._mark(path, item.story.id, holding[item.story.id])
            for path, item in pages.items()
            if path not in self._written
        }
        for path in self._folder.stale(marks):
            item = pages[path]
            self._write(path, item, holding[item.story.id], marks[path])
        self._written |= pages.keys()
        return channel

    def renew(self, stories: Iterable[StoryId]) -> None:
        """Write the pages of these stories that were ever published as they are to be now.

        Not what was told in a feed just now, and what was hidden, merged or removed.
        """
        asked = sorted(stories)
        for start in range(0, len(asked), _TOGETHER):
            some = asked[start : start + _TOGETHER]
            held = ever_in(self._db, some)
            there = {story for story in story_rows(self._db, some) if story not in self._hidden}
            for token in self._places:
                self._renew(token, {story: held.get(story, set()) for story in some}, there)
            self._folder.finish()
            with writing(self._db):
                have_looked_at(self._db, some)

    def _renew(self, token: str | None, held: Mapping[StoryId, Set[TopicId]], there: Set[StoryId]) -> None:
        place = self._places[token]
        pages = {page_of(token, story): story for story in held}
        known = self._folder.recorded(pages)
        marks, holders = {}, {}
        here = [story for path, story in pages.items() if story in there and path not in self._written]
        self._note_states(token, here)
        if self._output.images != "none":
            self._pictures |= pictures_of(self._db, here)
        for path, story in pages.items():
            if path in self._written:
                continue
            named = place.holding.get(story) or [one for one in place.topics if one.id in held[story]]
            if story in there and (named or path in known):
                holders[path] = named or (place.topics if token else [])
                marks[path] = self._mark(path, story, holders[path])
        stale = {pages[path]: path for path in self._folder.stale(marks)}
        told = {one.story.id: one for one in self.teller.tell(list(stale), token)}
        self._want_pictures(one.story for one in told.values())
        for story, path in stale.items():
            if story in told:
                self._write(path, told[story], holders[path], self._mark(path, story, holders[path]))

    def withdraw(self, stories: Collection[StoryId]) -> None:
        """Remove the public pages of stories that only topics which are private now held."""
        public = {topic.id for topic in self._places[None].topics}
        private = self._topics.keys() - public
        for story, topics in ever_in(self._db, stories).items():
            if topics & private and not topics & public:
                self._folder.remove(page_of(None, story))
        self._folder.finish()

    def redirect(self) -> None:
        """Write where merged stories went."""
        moved = {story: to for story, to in merged_stories(self._db).items() if story not in self._hidden}
        nowhere, targets = set(), {}
        for topic, story in published_in(self._db, moved):
            if topic in self._topics:
                token = self._topics[topic].token
                targets[page_of(token, story)] = story_url(self._site, token, moved[story])
            else:
                nowhere.add(story)
        self.remove(nowhere, but=targets)
        marks = {path: digest(self._common, target) for path, target in targets.items()}
        for path in self._folder.stale(marks):
            page = moved_page(targets[path], "This story has moved", look=self._look)
            self._folder.write(path, page, marks[path])

    def remove(self, stories: Iterable[StoryId], *, but: Container[str] = ()) -> None:
        """Remove the pages of these stories, wherever there are any."""
        folders = ["", *(f"{PRIVATE}/{each.name}/" for each in (self._folder.path / PRIVATE).glob("*"))]
        for story in stories:
            for folder in folders:
                if (path := f"{folder}stories/{story}.html") not in but:
                    self._folder.remove(path)

    def _paged(self, token: str | None, stories: Collection[StoryId]) -> set[StoryId]:
        here = {topic.id for topic in self._places[token].topics}
        return {story for story, topics in ever_in(self._db, stories).items() if topics & here}

    def _note_states(self, token: str | None, stories: Sequence[StoryId]) -> None:
        rows, beside = story_rows(self._db, stories), related_stories(self._db, stories)
        paged = self._paged(token, {other.id for others in beside.values() for other in others})
        for story in stories:
            others = [(other.id, other.changed, other.id in paged) for other in beside.get(story, ())]
            state = repr((rows[story].changed if story in rows else None, others))
            self._states.setdefault(page_of(token, story), state)

    def _mark(self, path: str, story: StoryId, holders: Iterable[TopicSettings]) -> str:
        named = [topic.model_dump_json() for topic in holders]
        return digest(self._common, self._states[path], *named, "", self._pictures.get(story, ""))

    def _want_pictures(self, told: Iterable[Story]) -> None:
        if self._output.images == "none":
            return
        leads = {story.id: story.lead for story in told}
        urls = {id: web_url(lead.image) if lead.policy != "headline" else None for id, lead in leads.items()}
        with writing(self._db):
            want_pictures(self._db, urls)
        for id in leads:
            self._pictures.pop(id, None)
        self._pictures |= pictures_of(self._db, leads)

    def _write(self, path: str, told: Item | Told, holders: Iterable[TopicSettings], mark: str) -> None:
        file = self._pictures.get(told.story.id)
        stands = f"{PICTURES}/{file}"
        page = story_page(
            told.story,
            url=told.page,
            topics=[self.teller.channel(topic) for topic in holders],
            site_title=self._site.title,
            home=self._site.base_url,
            picture=picture_at(self._site.base_url + stands, self._folder.path / stands) if file else None,
            look=self._look,
        )
        self._folder.write(path, page, mark)
