"""YAML read with every scalar as text, duplicate keys refused, and the line of every key kept.

``011``, ``no`` and ``12:30`` are codes here, never numbers: types come from the schema of the destination.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flit_pipeline.errors import SpecError

Where = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A parsed file: ``value`` (dicts, lists and text only) and ``lines`` (path of keys -> 1-based line)."""

    file: str
    value: Any
    lines: dict[Where, int]

    def line(self, where: Where) -> int:
        """Line of the key at ``where``, or of its nearest ancestor that stands in the file."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def problem(self, where: Where, message: str) -> str:
        """``file:line: path.of.key: message``, the one shape of a spec problem."""
        path = ".".join(str(part) for part in where)
        return f"{self.file}:{self.line(where)}: {path + ': ' if path else ''}{message}"


def read_yaml(path: Path, *, name: str | None = None) -> Document:
    """Read one file. Raises SpecError naming file and line for broken YAML, duplicate keys or an empty file."""
    file = name or path.name
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError([f"{file}:1: the file does not exist"]) from None
    except UnicodeDecodeError:
        raise SpecError([f"{file}:1: the file is not UTF-8; save it as UTF-8"]) from None
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError([f"{file}:{line}: not YAML: {error.problem}"]) from None
    if node is None:
        raise SpecError([f"{file}:1: the file is empty"])
    lines: dict[Where, int] = {}
    problems: list[str] = []
    value = _plain(node, (), file, lines, problems)
    if problems:
        raise SpecError(problems)
    return Document(file, value, lines)


def _plain(node: yaml.Node, where: Where, file: str, lines: dict[Where, int], problems: list[str]) -> Any:
    lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*where, i), file, lines, problems) for i, item in enumerate(node.value)]
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(f"{file}:{line}: a key must be plain text")
            continue
        key = key_node.value
        if key in result:
            problems.append(f"{file}:{line}: key {key!r} stands twice; first on line {lines[(*where, key)]}")
            continue
        lines[(*where, key)] = line
        result[key] = _plain(value_node, (*where, key), file, lines, problems)
    return result
