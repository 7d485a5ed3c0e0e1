"""A practice, its Odoo and the program, with what the tests of bad input change about them."""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from click.testing import CliRunner

from flit_pipeline.cli import main as flit
from flit_pipeline_tests.practice_run import KEYS, MIGRATION, REPOSITORY, Ended, PracticeRun


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

    def say(self, *command: str) -> Ended:
        """A command that starts no run, in this process and the world's environment: a second less for each."""
        unset = {name: None for name in os.environ if name.startswith(("FLIT_", "DAGSTER"))}
        result = CliRunner(env={**unset, **self.environment}).invoke(flit, command)
        foreign = result.exception is not None and not isinstance(result.exception, SystemExit)
        return Ended(result.exit_code, result.stdout, result.stderr + ("Traceback: " + repr(result.exc_info)) * foreign)

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

    def loaded(self) -> None:
        """Some full load has been completed."""
        if not self.ledger("select 1 from window where kind = 'full' and state = 'closed'"):
            self.complete()

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
