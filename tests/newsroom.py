"""Two outlets that write, correct and withdraw for twenty passes, and an editor of the desk that reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from conftest import Desk
from origin import Origin, rss
from test_pictures import png

TOPICS = """\
topics:
  - {id: seoul, title: Seoul, description: All of the capital, all_of: [Seoul], items: 6, max_age: 9000d}
  - {id: trade, title: Trade & harbours, match: harbour OR trade, items: 6, max_age: 9000d}
"""

CHIPS = "Chip exports lift trade surplus"
DEFENCE = "Seoul weighs air-defence for Kyiv"
FERRY = "Fog keeps ferries off the islands in the harbour"
KIMCHI = "Cabbage prices fall before kimjang season"
LIBRARY = "A library for sleepless readers"
METRO = "Metro drivers call off their strike"
MUSEUM = "Museum shows celadon from a junk"
SNOW = "Record snow closes mountain passes"
TARIFF = "Ministers sign tariff pact"
"""Headlines as they are in the end."""

_TEXTS = {
    "defence": (
        "Seoul weighs air defence for Kyiv",
        "The government in Seoul is weighing whether to sell air defence batteries to Kyiv. A decision by the cabinet"
        " is expected before winter, a senior official at the ministry said after the talks.",
    ),
    "ferry": (
        "Fog keeps ferries in the harbour",
        "Dense fog kept eleven ferries in the harbour of Incheon this morning, and travellers to Seoul waited for"
        " buses. The coast guard lifted its warning at noon when visibility improved.",
    ),
    "museum": (
        "Museum shows celadon from sunken ship",
        "A museum in Seoul opened an exhibition of celadon bowls that divers recovered from a sunken merchant ship."
        " Curators spent nine years on removing salt from the glaze.",
    ),
    "chips": (
        CHIPS,
        "Exports of memory chips lifted the trade surplus to a record in October, customs data in Seoul showed on"
        " Monday. Economists had forecast a smaller figure because of weaker orders.",
    ),
    "metro": (
        METRO,
        "Drivers of the Seoul metro called off a strike hours before the first trains, after the operator dropped"
        " plans to cut two thousand jobs. Unions will vote on the agreement next week.",
    ),
    "kimchi": (
        KIMCHI,
        "Cabbage prices in Seoul markets fell by a third before the kimchi making season as cooler weather brought in"
        " the late harvest. Families usually buy twenty heads each.",
    ),
    "library": (
        "Night library opens by the river",
        "A library that stays open all night was opened by the Han river in Seoul. Readers may borrow blankets and"
        " lamps, and poets will read on Fridays.",
    ),
    "tariff": (
        TARIFF,
        "Ministers signed a trade pact that abolishes tariffs on cars, cheese and cosmetics within seven years."
        " Parliament has to ratify the treaty in spring.",
    ),
    "snow": (
        SNOW,
        "Record November snow closed mountain passes east of Seoul and brought down power lines. Forecasters measured"
        " twenty eight centimetres, the most since observations began in 1907.",
    ),
}


@dataclass
class Piece:
    """A report as its outlet tells it now."""

    title: str
    text: str
    author: str
    hour: int
    image: str
    link: str
    guid: str

    def item(self) -> dict[str, str]:
        """As it stands in the outlet's feed."""
        return {
            "title": self.title,
            "text": self.text,
            "author": self.author,
            "link": self.link,
            "guid": self.guid,
            "image": self.image,
            "date": f"Wed, 27 Nov 2024 {self.hour:02}:15:00 GMT",
        }


@dataclass
class Newsroom:
    """What the outlets carry, at an origin, and the desk that publishes it."""

    desk: Desk
    origin: Origin
    pieces: dict[str, Piece] = field(default_factory=dict)
    wire: list[str] = field(default_factory=list)
    daily: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        """Begin: the desk publishes to this address, and reads both outlets."""
        settings = self.desk.read("aggregator.yaml").replace(
            "title: Test desk", f"title: Test desk, base_url: '{address}'"
        )
        settings = settings.replace("../feeds}", "../feeds, images: copy}")
        self.desk.write("aggregator.yaml", settings)
        self.desk.write("topics.yaml", TOPICS)
        self.desk.add("wire", self.origin.url("/wire.xml"), "    title: Han Wire\n")
        self.desk.add("daily", self.origin.url("/daily.xml"), "    title: Namsan Daily\n")

    def update(self) -> None:
        """A pass of the desk over both outlets."""
        for name in ("wire", "daily"):
            pieces = sorted(
                (self.pieces[each] for each in getattr(self, name)), key=lambda piece: -piece.hour
            )
            self.origin.put(f"/{name}.xml", rss(name.title(), *(piece.item() for piece in pieces)))
        self.desk.run("update", "--all", "--force")

    def write(self, outlet: str, name: str, hour: int, author: str, **changes: str) -> None:
        """An outlet brings a report."""
        title, text = _TEXTS[name]
        key = f"{outlet}-{name}"
        self.pieces[key] = Piece(
            title=changes.get("title", title),
            text=changes.get("text", text),
            author=author,
            hour=hour,
            image=self.picture(40 + len(self.pieces)),
            link=f"https://{outlet}.example/{name}",
            guid=key,
        )
        getattr(self, outlet).append(key)

    def picture(self, width: int) -> str:
        """The address of a picture, another for each width."""
        return self.origin.put(f"/{width}.png", png(100 + width))

    def edit(self, key: str, **changes: str) -> None:
        """An outlet changes a report."""
        for name, value in changes.items():
            setattr(self.pieces[key], name, value)

    def story(self, title: str) -> str:
        """The id of the story with this headline."""
        (found,) = (row["id"] for row in self.desk.rows("stories", "list") if row["headline"] == title)
        return str(found)

    def passes(self) -> Iterator[str]:
        """What happened before each pass, in words."""
        self.write("wire", "defence", 9, "Kim Min-ji")
        self.write("wire", "ferry", 8, "Park Jun")
        self.write("wire", "museum", 7, "Lee Ha-eun")
        self.write("wire", "tariff", 3, "Choi & Son")
        yield "four reports"
        self.edit("wire-defence", title=DEFENCE)
        yield "a headline is spelt otherwise"
        self.edit("wire-ferry", title=FERRY)
        yield "a headline is corrected"
        self.edit("wire-ferry", text=self.pieces["wire-ferry"].text + " Twelve hundred passengers were late.")
        yield "a text grows"
        self.edit("wire-museum", image=self.picture(90))
        yield "a picture is replaced"
        self.edit("wire-ferry", author="Park Jun and Han So-ra")
        yield "an author is added"
        self.write("daily", "defence", 11, "Namsan staff", title="Air defence for Kyiv?")
        self.write("daily", "chips", 6, "Oh Se-young")
        yield "another outlet copies a report and has one of its own"
        self.write("wire", "metro", 10, "Kim Min-ji")
        self.write("daily", "metro", 12, "Namsan staff", title="Metro strike is off")
        yield "both outlets have the same news in one pass"
        self.desk.run("stories", "merge", self.story(CHIPS), self.story(FERRY))
        yield "an editor merges two stories"
        self.wire.remove("wire-museum")
        yield "a report is missing"
        self.edit("wire-tariff", author="Choi Yu-na")
        yield "it is missing still: withdrawn"
        self.wire.insert(0, "wire-museum")
        yield "it is back"
        yield "nothing changes"
        self.edit("wire-defence", link="https://wire.example/2024/defence")
        yield "a report moves"
        self.edit("wire-defence", guid="wire-defence-v2")
        yield "its guid changes too"
        self.write("daily", "kimchi", 13, "Oh Se-young")
        self.write("daily", "library", 14, "Oh Se-young")
        self.write("wire", "snow", 15, "Lee Ha-eun")
        yield "the feed is full: its oldest go to the archive"
        self.edit("wire-museum", title=MUSEUM, text=self.pieces["wire-museum"].text + " It closes in May.")
        yield "what is in the archive is corrected"
        self.desk.run("stories", "retitle", self.story("Night library opens by the river"), LIBRARY)
        yield "an editor has a better headline"
        self.desk.run("stories", "hide", self.story(KIMCHI))
        yield "an editor hides a story"
        entries = [str(row["id"]) for row in self.desk.rows("entries", "list") if row["title"] == FERRY]
        self.desk.run("stories", "split", self.story(CHIPS), *entries)
        yield "an editor takes the merger back"
        self.desk.write("topics.yaml", TOPICS.replace("title: Seoul,", "title: Seoul today,"))
        self.desk.run("stories", "pin", self.story(MUSEUM))
        yield "a topic has another title, and a story is pinned"
