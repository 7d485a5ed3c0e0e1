"""What a newcomer runs first: both ends made up, nothing needed, nobody touched."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flit_pipeline_tests.practice_run import KEYS

PATIENTS = 40


def demo(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """``flit-pipeline demo`` as a person starts it, without any variable of ours."""
    command = [sys.executable, "-m", "flit_pipeline.cli", "demo", "--home", str(home), *options]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home.parent), "TMPDIR": str(home.parent)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The demo of a small practice, and its folder."""
    home = tmp_path_factory.mktemp("demo") / "home"
    return home, demo(home, "--patients", str(PATIENTS), "--json")


def test_it_ends_well_and_proves_it(shown: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, ended = shown
    assert ended.returncode == 0, ended.stderr[-3000:]
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["ok"] and told["problems"] == []
    assert all(one["closes"] and one["whole"] == sum(one["parts"].values()) for one in told["identities"])
    assert set(told["counts"]) == set(KEYS)
    assert all(count["ledger"] == count["destination"] for count in told["counts"].values())
    assert [route for route, count in told["counts"].items() if not count["ledger"]] == ["account_entry"]
    assert {one["name"]: one["whole"] for one in told["identities"]}["patient rows"] == PATIENTS
    assert all(Path(path).is_file() for path in told["reports"])


def test_it_approves_for_itself_and_says_so(shown: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, ended = shown
    for scope in ("schema", "sample", "full"):
        assert f"approved for {scope} by the demo itself" in ended.stderr


def test_it_deletes_no_folder_that_it_did_not_make(tmp_path: Path) -> None:
    kept = tmp_path / "home" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("three years of work")
    ended = demo(kept.parent)
    assert ended.returncode == 1
    assert "a folder that holds something else" in ended.stderr
    assert kept.read_text() == "three years of work"


def test_it_begins_anew_in_its_own_folder(shown: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    home, _ = shown
    again = demo(home, "--patients", "5", "--json")
    assert again.returncode == 0, again.stderr[-3000:]
    told = json.loads(again.stdout.splitlines()[-1])
    assert {one["name"]: one["whole"] for one in told["identities"]}["patient rows"] == 5
