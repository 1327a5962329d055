"""Digests by e-mail: what they say, and the server that takes them."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from urllib.parse import quote

from aggregator.model import Channel
from aggregator.notify.outcome import Refusal
from aggregator.publish.content import TEMPLATES, email, headline, item_url, legal
from aggregator.settings import Mail

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_TIMEOUT = 10.0
"""Seconds for each word of the server."""
_SUBJECT = 150


def compose(
    channel: Channel, *, to: str, mail: Mail, id: str, every: str, now: datetime, is_test: bool = False
) -> EmailMessage:
    """A digest of the channel's stories, the newest first, as text and as HTML. `id` is the same at each try."""
    name, sender = parseaddr(mail.sender)
    domain = sender.rpartition("@")[2]
    title = " ".join(legal(channel.title).split())
    # 7bit: not every server on the way takes more, and lines are never too long
    message = EmailMessage(policy=SMTP_POLICY.clone(cte_type="7bit"))
    message["From"] = Address(name, addr_spec=sender)
    message["To"] = Address(addr_spec=to)
    message["Subject"] = f"{'Test: ' if is_test else ''}{_subject(channel, title)}"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{id}@{domain}>"
    # RFC 2919, RFC 3834: by these a reader files it, and no answering machine answers it
    message["List-Id"] = f"{title.replace('<', '').replace('>', '')} <{channel.id}.{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    if (contact := email(channel)) is not None:
        message["List-Unsubscribe"] = f"<mailto:{contact}?subject={quote(f'unsubscribe {channel.id}')}>"
    values = {
        "channel": channel,
        "title": title,
        "items": [(item, item_url(item), item.summary) for item in reversed(channel.items)],
        "every": every,
        "now": now,
    }
    message.set_content(legal(TEMPLATES.get_template("digest.txt").render(values)))
    message.add_alternative(legal(TEMPLATES.get_template("digest.html").render(values)), subtype="html")
    return message


def _subject(channel: Channel, title: str) -> str:
    if len(channel.items) == 1:
        words = f"{title}: {headline(channel.items[0].story)}"
    else:
        words = f"{title}: {len(channel.items)} new stories"
    return words if len(words) <= _SUBJECT else f"{words[: _SUBJECT - 1]}…"


class MailServer:
    """One connection for all messages, made for the first. A server that fails is left alone from then on."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._smtp: smtplib.SMTP | None = None
        self._trouble: Refusal | None = None

    def send(self, message: EmailMessage) -> Refusal | None:
        """Hand a message over; returns why the server did not take it."""
        if self._trouble is None and self._smtp is None:
            self._trouble = self._try(self._connect)
        if self._trouble is not None:
            return self._trouble
        assert self._smtp is not None
        smtp = self._smtp
        refusal = self._try(lambda: smtp.send_message(message))
        # After a refusal of this message the server is ready for the next, or the connection is gone
        if refusal is not None and smtp.sock is None:
            self._trouble = refusal
        return refusal

    def close(self) -> None:
        """Take leave. What was taken is taken, whatever comes of this."""
        if self._smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()
            self._smtp.close()
            self._smtp = None

    def _connect(self) -> None:
        mail, port = self._mail, self._mail.port or _PORTS[self._mail.security]
        context = ssl.create_default_context()
        if mail.security == "tls":
            self._smtp = smtplib.SMTP_SSL(mail.host, port, timeout=_TIMEOUT, context=context)
        else:
            self._smtp = smtplib.SMTP(mail.host, port, timeout=_TIMEOUT)
        if mail.security == "starttls":
            self._smtp.starttls(context=context)
        if mail.user is not None and mail.password is not None:
            self._smtp.login(mail.user, mail.password)

    def _try(self, talk: Callable[[], object]) -> Refusal | None:
        host = self._mail.host
        try:
            talk()
        except smtplib.SMTPAuthenticationError as error:
            return Refusal(f"{host} refused the login: {_said(error.smtp_code, error.smtp_error)}")
        except smtplib.SMTPRecipientsRefused as error:
            ((code, words),) = error.recipients.values()
            return Refusal(f"{host} refused the address: {_said(code, words)}", is_final=code >= 500)
        except smtplib.SMTPDataError as error:
            return Refusal(
                f"{host} refused it: {_said(error.smtp_code, error.smtp_error)}", error.smtp_code >= 500
            )
        except smtplib.SMTPResponseException as error:
            return Refusal(f"{host}: {_said(error.smtp_code, error.smtp_error)}")
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            return Refusal(f"{host}: {str(error) or type(error).__name__}")
        return None


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())}"[:300]
