"""Attachments behind URLs that the source's rows tell, read with the source's own credentials."""

import hashlib
import time
from collections.abc import Callable, Generator
from urllib.parse import urljoin

import httpx

from flit_pipeline.errors import RowRefused, SourceUnavailable
from flit_pipeline.sources.files import CHUNK, DocumentRow, FileHandle
from flit_pipeline.sources.http_auth import Again, Credentials, Refused
from flit_pipeline.sources.http_session import BYTES, Asked, Session
from flit_pipeline.sources.links import local_target
from flit_pipeline.specs.source_spec import SourceSpec

TRIES = 5
"""How often one file is begun again after its connection broke off."""
_GONE = frozenset({404, 410})


class UrlFiles:
    """FileSource over HTTP. ``column``: field with the file's URL, absolute or below the source's address.

    A URL of another scheme, host or port is refused: the credentials must not go there. Arguments and errors as of
    RestReader.
    """

    def __init__(
        self,
        spec: SourceSpec,
        *,
        base_url: str,
        token: str = "",
        user: str = "",
        password: str = "",
        column: str = "url",
        most: int | None = None,
        wait: Callable[[float], None] = time.sleep,
        timeout: float = 30.0,
        max_wait: float = 300.0,
    ) -> None:
        credentials = Credentials(token, user, password)
        self._session = Session(spec, base_url, credentials, wait=wait, timeout=timeout, max_wait=max_wait)
        self._column, self._most, self._where = column, most, f"{spec.system}: reading a file"

    def open(self, document_row: DocumentRow) -> FileHandle | None:
        url = self._url(document_row)
        if not url:
            return None
        target = self._target(url)
        if target is None:
            raise RowRefused(
                f"{self._where}: its URL leaves the source's scheme, host or port",
                rule="foreign_url",
                column=self._column,
                remedy="put the file into the folder of files, or correct the URL in the source",
            )
        answer = self._ask(target)
        if answer is None:
            return None
        length = answer.headers.get("content-length", "")
        plain = answer.headers.get("content-encoding", "identity") == "identity"
        size = int(length) if plain and length.isascii() and length.isdigit() and len(length) < 19 else None
        pieces = self._pieces(answer, target)
        return FileHandle(pieces, size, most=self._most, where=self._where, release=answer.close)

    def link(self, document_row: DocumentRow) -> str | None:
        """The row's URL with the source's address before it; None for one that ``open`` refuses."""
        url = self._url(document_row)
        target = self._target(url) if url else None
        return urljoin(self._session.base + "/", target) if target else None

    def close(self) -> None:
        self._session.close()

    def _url(self, document_row: DocumentRow) -> str:
        return (document_row.get(self._column) or "").strip()

    def _target(self, url: str) -> str | None:
        return local_target(url, self._session.base + "/")

    def _ask(self, target: str) -> httpx.Response | None:
        """The answer with its body still to be read, None where there is no such file."""
        asked = Asked("its URL", self._where, "the file", target=target, accept=BYTES)
        answer = self._session.ask(asked, _opened)
        if answer.status_code in _GONE:
            answer.close()
            return None
        if "html" in answer.headers.get("content-type", "").lower():
            answer.close()
            raise RowRefused(
                f"{self._where}: the answer is a web page",
                rule="not_the_file",
                column=self._column,
                remedy="open the URL in a browser; it may ask for a login or tell that the file is gone",
            )
        return answer

    def _pieces(self, answer: httpx.Response, target: str) -> Generator[bytes, None, None]:
        """Bytes of the file. Where the connection breaks off it is begun again, and what was given is left out."""
        given, digest = 0, hashlib.sha1(usedforsecurity=False)
        for tries in range(TRIES):
            left, again = given, hashlib.sha1(usedforsecurity=False)
            try:
                for piece in answer.iter_bytes(CHUNK):
                    known, fresh = piece[:left], piece[left:]
                    left -= len(known)
                    again.update(known)
                    if known and not left and again.digest() != digest.digest():
                        raise self._broken_off("it changed while it was read")
                    if fresh:
                        digest.update(fresh)
                        given += len(fresh)
                        yield fresh
                if left:
                    raise self._broken_off("it became shorter while it was read")
                return
            except httpx.RequestError:
                pass
            finally:
                answer.close()
            self._session.pause(tries)
            following = self._ask(target)
            if following is None:
                raise self._broken_off("it vanished while it was read")
            answer = following
        answer.close()
        raise self._broken_off(f"the connection broke off {TRIES} times")

    def _broken_off(self, said: str) -> SourceUnavailable:
        return SourceUnavailable(f"{self._where}: {said}", remedy="run the same command again")


def _opened(answer: httpx.Response) -> httpx.Response | Again | Refused:
    if answer.status_code == 200 or answer.status_code in _GONE:
        return answer
    return Refused(f"HTTP {answer.status_code}", "open the URL in a browser, and correct it in the source")
