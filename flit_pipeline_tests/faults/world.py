"""A practice, its Odoo and the program, with what the tests of bad input change about them."""

import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from flit_pipeline_tests.practice_run import KEYS, MIGRATION, REPOSITORY, Ended, PracticeRun

ONE_AT_A_TIME = 2  # processes: what the tests may use of the machine


@dataclass
class World(PracticeRun):
    """``absent``: variables that the program does not see."""

    absent: tuple[str, ...] = ()
    hidden: list[str] = field(default_factory=list)

    def __enter__(self) -> "World":
        super().__enter__()
        self.hidden = sorted({*self.practice.identifying_values(), *self.practice.canaries()} - {""})
        return self

    @property
    def environment(self) -> dict[str, str]:
        """As ever, without what is absent."""
        return {name: value for name, value in super().environment.items() if name not in self.absent}

    def with_(self, absent: Iterable[str] = (), **environment: str) -> "World":
        """The same world in another environment."""
        other = replace(self, extra={**self.extra, **environment}, absent=tuple(absent))
        other.__dict__.update({k: v for k, v in self.__dict__.items() if k not in other.__dataclass_fields__})
        return other

    def fails(self, *command: str, module: str = "flit_pipeline.cli", code: int = 1, says: Iterable[str] = ()) -> Ended:
        """The command, which ends with this code and a sentence that holds all of ``says``; no value, no traceback."""
        return self.told(self.flit(*command, module=module), code, says)

    def told(self, ended: Ended, code: int, says: Iterable[str]) -> Ended:
        """Check how a command ended."""
        text = ended.err + ended.out
        assert ended.code == code, text[-3000:]
        assert "Traceback" not in text, text[-3000:]
        assert [word for word in says if word not in text] == [], text[-3000:]
        assert not code or "--help" in text or "remedy:" in text or ended.last, text[-3000:]
        self.harmless(text)
        return ended

    def harmless(self, text: str) -> None:
        """No name, number, phone or note of a patient stands in it."""
        assert [value for value in self.hidden if len(value) > 5 and value in text] == []

    def complete(self) -> Ended:
        """``full`` to its end: identities closed, and each key once in Odoo and in the ledger's count."""
        ended = self.told(self.run("full"), 0, [])
        report = self.report()
        assert all(one["closes"] for one in report["identities"]), report["identities"]
        assert report["problems"] == [], report["problems"]
        for route in KEYS:
            keys = self.keys(route)
            assert len(keys) == len(set(keys)), f"{route}: a record stands twice"
            [(known,)] = self.ledger(f"select count(*) from record where route = '{route}'")
            assert len(keys) == known, route
        assert self.intents_open() == 0
        return ended


def side_by_side(commands: Iterable[tuple[World, tuple[str, ...]]]) -> list[Ended]:
    """Several commands that have nothing to do with each other, some of them at a time."""
    with ThreadPoolExecutor(ONE_AT_A_TIME) as pool:
        return list(pool.map(lambda one: one[0].flit(*one[1]), commands))


def changed_specs(folder: Path, changes: Mapping[str, Mapping[str, str]]) -> Path:
    """A copy of the specs with texts of its files replaced: {file below the migration: {old: new}}."""
    shutil.copytree(REPOSITORY / "mapping_specs", folder)
    for name, texts in changes.items():
        file = folder / MIGRATION / name
        text = file.read_text(encoding="utf-8")
        for old, new in texts.items():
            assert old in text, f"{name} has changed: {old!r} is gone"
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
    return folder
