"""An SMTP server on 127.0.0.1 that delivers nothing and keeps what it was given: the witness for "no mail left"."""

from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from flit_pipeline_tests.odoo.cache import free_port


@dataclass
class _Keeper:
    envelopes: list[Envelope] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 kept"


class SmtpSink:
    """Takes every mail; `messages` are parsed, `envelopes` as received (sender, recipients, bytes)."""

    def __init__(self) -> None:
        self.port = free_port()
        self._keeper = _Keeper()
        self._controller = Controller(self._keeper, hostname="127.0.0.1", port=self.port)

    def start(self) -> Self:
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    def clear(self) -> None:
        """Forget what came so far."""
        self._keeper.envelopes.clear()

    @property
    def envelopes(self) -> list[Envelope]:
        return list(self._keeper.envelopes)

    @property
    def count(self) -> int:
        return len(self._keeper.envelopes)

    @property
    def messages(self) -> list[EmailMessage]:
        return [
            message_from_bytes(bytes(envelope.content or b""), policy=policy.default)  # type: ignore[arg-type]
            for envelope in self.envelopes
        ]
