"""YAML read with every scalar as text, duplicate keys refused, and the line of every key kept.

``011``, ``no`` and ``12:30`` are codes here, never numbers: types come from the schema of the destination. Anchors,
aliases, tags and second documents are refused: what a person signs stands in the file as it is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from flit_pipeline.errors import SpecError

Where = tuple[str | int, ...]

MAX_DEPTH = 40

FAST: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""libyaml where the platform has it: ten times quicker, but its sentences about errors say less."""


@dataclass(frozen=True)
class Document:
    """A parsed file: ``value`` (dicts, lists and text only) and ``lines`` (path of keys -> 1-based line).

    ``origins``: path -> file, for lines that a practice overlay brought.
    """

    file: str
    value: Any
    lines: dict[Where, int]
    origins: dict[Where, str] = field(default_factory=dict)

    def line(self, where: Where) -> int:
        """Line of the key at ``where``, or of its nearest ancestor that stands in the file."""
        return self.lines.get(self._nearest(where), 1)

    def _nearest(self, where: Where) -> Where:
        while where and where not in self.lines:
            where = where[:-1]
        return where

    def problem(self, where: Where, message: str) -> str:
        """``file:line: path.of.key: message``, the one shape of a spec problem."""
        path = ".".join(str(part) if str(part).isprintable() else repr(part) for part in where)
        file = self.origins.get(self._nearest(where), self.file)
        return f"{file}:{self.line(where)}: {path + ': ' if path else ''}{message}"


def read_yaml(path: Path, *, name: str | None = None) -> Document:
    """Read one file. Raises SpecError naming file and line for what is unreadable, broken, empty or refused here."""
    file = name or path.name
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError([f"{file}:1: the file does not exist"]) from None
    except OSError as error:
        raise SpecError([f"{file}:1: the file cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SpecError([f"{file}:{line}: the file is not UTF-8; save it as UTF-8"]) from None
    try:
        reading = _Reading(file, yaml.parse(text, Loader=FAST))
    except yaml.YAMLError:  # read again for the better sentence and the exact line
        reading = _read_slowly(file, text)
    if reading.problems:
        raise SpecError(reading.problems)
    return Document(file, reading.value, reading.lines)


def _read_slowly(file: str, text: str) -> "_Reading":
    try:
        return _Reading(file, yaml.parse(text, Loader=yaml.BaseLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        begun = f" ({error.context}, begun on line {error.context_mark.line + 1})" if error.context_mark else ""
        raise SpecError([f"{file}:{line}: not YAML: {error.problem}{begun}"]) from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise SpecError([f"{file}:{line}: not YAML: the character #x{error.character:04x} is not text"]) from None


class _Reading:
    """One pass over the events of a file: the value, the lines, and the problems found on the way."""

    def __init__(self, file: str, events: Iterator[Any]) -> None:
        self.file = file
        self.lines: dict[Where, int] = {}
        self.problems: list[str] = []
        self.value: Any = None
        self._events = events
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents == 2:
                    self._problem(event, "a second document begins here; keep one document a file")
                    break
                self.value = self._node(next(events), ())
        if not documents or self.value == "":
            self.problems.append(f"{file}:1: the file is empty")

    def _node(self, event: Any, where: Where) -> Any:
        self.lines.setdefault(where, event.start_mark.line + 1)
        if len(where) > MAX_DEPTH:
            raise SpecError([f"{self.file}:{event.start_mark.line + 1}: nested deeper than {MAX_DEPTH} levels"])
        if isinstance(event, yaml.AliasEvent):
            self._problem(event, f"the alias *{event.anchor} is not read here; write the value out")
            return ""
        if event.anchor:
            self._problem(event, f"the anchor &{event.anchor} is not read here; write the value out where it is used")
        if event.tag:
            self._problem(event, f"the tag {event.tag} is not read here; every value is text")
        if isinstance(event, yaml.ScalarEvent):
            return event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(where)
        return self._block(where)

    def _list(self, where: Where) -> list[Any]:
        result: list[Any] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            result.append(self._node(event, (*where, len(result))))
        return result

    def _block(self, where: Where) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key, line = self._key(event, where), event.start_mark.line + 1
            if key is None or key in result:
                if key is not None:
                    self._problem(event, f"key {key!r} stands twice; first on line {self.lines[(*where, key)]}")
                self._node(next(self._events), (*where, "?"))
                continue
            self.lines[(*where, key)] = line
            result[key] = self._node(next(self._events), (*where, key))
        return result

    def _key(self, event: Any, where: Where) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            self._problem(event, "a key must be plain text")
            self._node(event, (*where, "?"))
            return None
        return str(event.value)

    def _problem(self, event: Any, text: str) -> None:
        self.problems.append(f"{self.file}:{event.start_mark.line + 1}: {text}")
