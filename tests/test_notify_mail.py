"""Digests by e-mail, over a real SMTP server on loopback."""

from __future__ import annotations

import ssl
import subprocess
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from builders import LONG, NOON, Books, entry
from office import Mailbox, begun, serving_mailbox
from selectolax.lexbor import LexborHTMLParser

from aggregator import editor
from aggregator.notify.deliver import Courier
from aggregator.settings import Mail, Notify
from aggregator.update import make_publisher, synchronize

READER, OTHER = "reader@example.org", "other@example.org"


def server(mailbox: Mailbox, **changes: Any) -> Mail:
    settings = {"host": "127.0.0.1", "port": mailbox.port, "security": "none"}
    return Mail(**(settings | {"sender": "Seoul–Kyiv desk <desk@example.org>"} | changes))


def digest(*addresses: str, **changes: Any) -> Notify:
    return Notify(mail=addresses or (READER,), **changes)


def test_a_daily_digest_holds_the_new_stories_the_newest_first(books: Books) -> None:
    with serving_mailbox() as mailbox:
        office = begun(books, digest(), mail=server(mailbox))
        office.bring("one report")
        office.now += timedelta(hours=1)
        office.bring("one report", "two report")
        assert office.after(hours=17, minutes=59).sent == 0
        assert office.after(minutes=1).sent == 1
        assert office.after(days=1).sent == 0
    ((envelope, message),) = mailbox.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("desk@example.org", [READER])
    assert message["From"] == "Seoul–Kyiv desk <desk@example.org>"
    assert message["To"] == READER
    assert message["Subject"] == "The topic: 2 new stories"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] == "The topic <topic.example.org>"
    assert message["List-Unsubscribe"] == "<mailto:editor@desk.example?subject=unsubscribe%20topic>"
    assert message["Message-ID"].endswith("@example.org>")
    assert parsedate_to_datetime(message["Date"]) == NOON + timedelta(hours=19)
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    text = message.get_body(("plain",)).get_content()
    places = [text.index(f"Headline {name} report") for name in ("two", "one")]
    assert places == sorted(places)
    assert "https://desk.example/topic/" in text
    assert "once a day" in text
    assert "27 Nov 2024, 13:00 UTC" in text


def test_the_html_is_a_document_of_its_own_in_which_all_is_escaped(books: Books) -> None:
    with serving_mailbox() as mailbox:
        office = begun(books, digest(), mail=server(mailbox))
        office.fetch_from("a", entry("x", title="A <b>report</b> & more", text=LONG, published=office.now))
        office.after(days=1)
    (message,) = mailbox.messages
    html = message.get_body(("html",)).get_content()
    page = LexborHTMLParser(html)
    (link,) = page.css("h2 a")
    assert link.text() == "A <b>report</b> & more"
    assert str(link.attributes["href"]).startswith("https://desk.example/stories/")
    assert page.css("script, link, img, style, form") == []
    assert page.css_first("meta[name=color-scheme]").attributes["content"] == "light dark"
    assert page.css_first("h2").parent.attributes["lang"] == "en"
    text = message.get_body(("plain",)).get_content()
    assert "A <b>report</b> & more" in text


def test_other_scripts_arrive_as_they_are_and_no_line_is_too_long(books: Books) -> None:
    title = "우크라이나 report – Україна: " + "아주 긴 제목 " * 20
    with serving_mailbox() as mailbox:
        office = begun(books, digest(), mail=server(mailbox))
        office.fetch_from("a", entry("x", title=title, text="방산 " * 300, published=office.now))
        office.after(days=1)
    ((envelope, message),) = mailbox.taken
    assert message["Subject"].startswith("The topic: 우크라이나 report – Україна: 아주 긴 제목")
    assert len(message["Subject"]) <= 150
    content = envelope.content
    assert isinstance(content, bytes)
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert "Україна" in message.get_body(("plain",)).get_content()


def test_a_title_over_several_lines_puts_no_header_into_the_mail(books: Books) -> None:
    with serving_mailbox() as mailbox:
        office = begun(books, digest(), mail=server(mailbox))
        (topic,) = books.topics
        office.configure(topic.model_copy(update={"title": "One\nBcc: all@example.org\n"}))
        office.bring("one report")
        office.after(days=1)
    ((envelope, message),) = mailbox.taken
    assert message["Bcc"] is None
    assert envelope.rcpt_tos == [READER]


def test_nothing_new_is_no_mail(books: Books) -> None:
    with serving_mailbox() as mailbox:
        office = begun(books, digest(), mail=server(mailbox))
        for _ in range(3):
            office.publish()
            assert office.after(days=1).sent == 0
    assert mailbox.taken == []


def test_a_digest_whose_only_story_was_hidden_is_not_sent(books: Books) -> None:
    with serving_mailbox() as mailbox:
        office = begun(books, digest(), mail=server(mailbox))
        office.bring("one report", "two report")
        editor.hide(books.db, books.story_of("Headline one report"))
        office.after(days=1)
        office.bring("one report", "two report", "three report")
        editor.hide(books.db, books.story_of("Headline three report"))
        office.after(days=1)
    (message,) = mailbox.messages
    assert message["Subject"] == "The topic: Headline two report"


def test_a_weekly_digest_waits_for_its_day(books: Books) -> None:
    with serving_mailbox() as mailbox:
        schedule = {"every": "week", "at": "18:30", "weekday": "friday"}
        office = begun(books, digest(**schedule), mail=server(mailbox))
        names: list[str] = []
        for number in range(10):  # from a Wednesday on
            names.append(f"report {number}")
            office.bring(*names)
            office.after(days=1)
    assert [one["Subject"] for one in mailbox.messages] == [
        "The topic: 3 new stories",
        "The topic: 7 new stories",
    ]


def test_a_schedule_that_changes_holds_for_what_waits(books: Books) -> None:
    with serving_mailbox() as mailbox:
        office = begun(books, digest(every="week"), mail=server(mailbox))
        office.bring("one report")
        office.notify(digest(at="15:00"))
        office.publish()
        assert office.after(hours=3).sent == 1


def test_a_clock_that_ran_ahead_swallows_no_digest(books: Books) -> None:
    with serving_mailbox() as mailbox:
        office = begun(books, digest(), mail=server(mailbox))
        office.now += timedelta(days=3000)
        office.bring("one report")
        office.now -= timedelta(days=3000)
        office.bring("one report", "two report")
        assert office.after(days=1).sent == 1
    assert mailbox.messages[0]["Subject"] == "The topic: 2 new stories"


def test_each_reader_gets_a_mail_of_their_own(books: Books) -> None:
    with serving_mailbox() as mailbox:
        office = begun(books, digest(READER, OTHER), mail=server(mailbox))
        office.bring("one report")
        assert office.after(days=1).sent == 2
    assert sorted(str(one["To"]) for one in mailbox.messages) == [OTHER, READER]
    assert len({one["Message-ID"] for one in mailbox.messages}) == 2
    assert [envelope.rcpt_tos for envelope, _ in mailbox.taken] == [[m["To"]] for m in mailbox.messages]
    assert len({envelope.mail_from for envelope, _ in mailbox.taken}) == 1


def test_an_address_that_is_refused_for_good_costs_the_others_nothing(books: Books) -> None:
    with serving_mailbox(Mailbox(refuses={READER: "550 5.1.1 no such user"})) as mailbox:
        office = begun(books, digest(READER, OTHER), mail=server(mailbox))
        office.bring("one report")
        done = office.after(days=1)
    assert done.sent == 1
    ((receiver, refusal),) = done.troubles
    assert (receiver.address, refusal.is_final) == (READER, True)
    assert refusal.message == "127.0.0.1 refused the address: 550 5.1.1 no such user"
    assert [one["failed"] for one in office.health()] == [1, 0]


def test_a_server_that_is_down_gets_the_same_digest_later_under_the_same_id(books: Books) -> None:
    with serving_mailbox(Mailbox(is_down="451 try again later")) as mailbox:
        office = begun(books, digest(), mail=server(mailbox))
        office.bring("one report")
        ((_, refusal),) = office.after(days=1).troubles
        assert not refusal.is_final
        (before,) = office.books.rows("SELECT id FROM deliveries")
    ((_, refusal),) = office.after(minutes=5).troubles
    assert "refused" in refusal.message
    office.bring("one report", "two report")
    mailbox.is_down = None
    with serving_mailbox(mailbox):
        assert office.after(hours=1).sent == 1
        assert office.after(days=1).sent == 1
    first, second = mailbox.messages
    assert first["Message-ID"] == f"<{before[0]}@example.org>"
    assert first["Subject"] == "The topic: Headline one report"
    assert second["Subject"] == "The topic: Headline two report"


def test_a_server_that_is_down_is_asked_once_a_run(books: Books) -> None:
    addresses = [f"reader{number}@example.org" for number in range(20)]
    office = begun(books, digest(*addresses), mail=server(Mailbox(port=9)))
    office.bring("one report")
    done = office.after(days=1)
    assert len(done.troubles) == 20
    assert len({id(refusal) for _, refusal in done.troubles}) <= 20
    assert office.deliver().troubles == []


def test_a_crash_between_sending_and_recording_repeats_the_message_id(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with serving_mailbox() as mailbox:
        office = begun(books, digest(), mail=server(mailbox))
        office.bring("one report")
        with monkeypatch.context() as patched:
            patched.setattr(Courier, "_record", crash)
            with pytest.raises(KeyboardInterrupt):
                office.after(days=1)
        office.bring("one report", "two report")
        assert office.deliver().sent == 1
    first, second = mailbox.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Subject"] == second["Subject"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, which vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2"
        " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1",
        shell=True,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "cert.pem", folder / "key.pem"


def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def test_starttls_and_login(
    books: Books, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    options = {"tls_context": tls(certificate), "require_starttls": True, "auth_required": True}
    with serving_mailbox(**options) as mailbox:
        mail = server(mailbox, security="starttls", user="desk", password="right")
        office = begun(books, digest(), mail=mail)
        office.bring("one report")
        assert office.after(days=1).sent == 1
        assert mailbox.logins == [(b"desk", b"right")]
        office.mail = mail.model_copy(update={"password": "wrong"})
        office.bring("one report", "two report")
        ((_, refusal),) = office.after(days=1).troubles
    assert refusal.message.startswith("127.0.0.1 refused the login: 535")
    assert "wrong" not in refusal.message


def test_a_server_without_starttls_gets_no_password(books: Books) -> None:
    with serving_mailbox(auth_require_tls=False) as mailbox:
        mail = server(mailbox, security="starttls", user="desk", password="right")
        office = begun(books, digest(), mail=mail)
        office.bring("one report")
        ((_, refusal),) = office.after(days=1).troubles
    assert "STARTTLS" in refusal.message
    assert (mailbox.logins, mailbox.taken) == ([], [])


def test_a_certificate_that_nobody_vouches_for_is_refused(
    books: Books, certificate: tuple[Path, Path]
) -> None:
    with serving_mailbox(tls_context=tls(certificate)) as mailbox:
        office = begun(books, digest(), mail=server(mailbox, security="starttls"))
        office.bring("one report")
        ((_, refusal),) = office.after(days=1).troubles
    assert "CERTIFICATE_VERIFY_FAILED" in refusal.message
    assert mailbox.taken == []


def test_tls_from_the_first_byte(
    books: Books, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with serving_mailbox(ssl_context=tls(certificate)) as mailbox:
        office = begun(books, digest(), mail=server(mailbox, security="tls"))
        office.bring("one report")
        assert office.after(days=1).sent == 1


def test_an_untouched_configuration_begins_nothing_anew(books: Books) -> None:
    with serving_mailbox() as mailbox:
        office = begun(books, digest(), mail=server(mailbox))
        office.bring("one report")
        for _ in range(3):
            synchronize(books.db, office.configuration)
        make_publisher(books.db, office.configuration).publish(now=office.now)
        assert office.after(days=1).sent == 1
