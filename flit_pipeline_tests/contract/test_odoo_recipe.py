"""How a real Odoo is obtained, and what happens to its tests when it cannot be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flit_pipeline_tests.odoo.aptsource import DebianSource, RecipeStale, machine_source
from flit_pipeline_tests.odoo.cache import OdooUnavailable, RunFolder, built_once, cache_root

BOOKWORM = 'ID=debian\nVERSION_CODENAME="bookworm"\n'
DEB822 = """Types: deb
URIs: http://mirror.invalid/debian-security
Suites: bookworm-security
Components: main
Signed-By: /keys/security.gpg

# a remark
Types: deb deb-src
URIs: http://mirror.invalid/debian
# another
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /keys/archive.gpg
"""
TESTS_THAT_NEED_ODOO = """
import pytest

def test_api(odoo):
    raise AssertionError("never reached")

@pytest.mark.skip(reason="some other day")
def test_skipped(odoo):
    pass

def test_without():
    pass
"""


def apt_folder(tmp_path: Path, file: str, text: str) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / file).write_text(text)
    (tmp_path / "os-release").write_text(BOOKWORM)
    return tmp_path


def test_the_source_comes_from_the_machines_deb822_entry(tmp_path: Path) -> None:
    folder = apt_folder(tmp_path, "sources.list.d/debian.sources", DEB822)
    source = machine_source(folder, folder / "os-release")
    assert source == DebianSource("http://mirror.invalid/debian", "/keys/archive.gpg", "bookworm")
    assert source.as_deb822({"sid", "bookworm"}) == (
        "Types: deb\nURIs: http://mirror.invalid/debian\nSuites: bookworm sid\nComponents: main\n"
        "Signed-By: /keys/archive.gpg\n"
    )


@pytest.mark.parametrize(
    ("line", "signed_by"),
    [
        ("deb [arch=amd64 signed-by=/keys/a.gpg] http://mirror.invalid/debian bookworm main", "/keys/a.gpg"),
        ("deb http://mirror.invalid/debian/ bookworm main non-free", None),
    ],
)
def test_the_source_comes_from_the_machines_one_line_entry(tmp_path: Path, line: str, signed_by: str | None) -> None:
    text = f"# deb http://old.invalid/debian bookworm main\ndeb http://mirror.invalid/x bookworm-updates main\n{line}\n"
    folder = apt_folder(tmp_path, "sources.list", text)
    source = machine_source(folder, folder / "os-release")
    assert source.uris.startswith("http://mirror.invalid/debian")
    assert source.signed_by == signed_by


def test_a_machine_without_a_debian_entry_makes_the_recipe_stale(tmp_path: Path) -> None:
    folder = apt_folder(tmp_path, "sources.list", "deb http://mirror.invalid/other nodistro main\n")
    with pytest.raises(RecipeStale, match="recipe stale: apt source"):
        machine_source(folder, folder / "os-release")


def test_a_machine_that_is_no_debian_is_named_so(tmp_path: Path) -> None:
    (tmp_path / "os-release").write_text("ID=fedora\n")
    with pytest.raises(OdooUnavailable, match="not a Debian"):
        machine_source(tmp_path, tmp_path / "os-release")


def test_a_failed_build_leaves_nothing_that_looks_built(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        (folder / "half").touch()
        raise RecipeStale("step", "why")

    with pytest.raises(RecipeStale):
        built_once(tmp_path / "thing", broken)
    assert not (tmp_path / "thing").exists()
    assert built_once(tmp_path / "thing", lambda folder: (folder / "whole").touch()).joinpath("whole").exists()


def test_a_run_folder_whose_owner_died_is_removed_and_a_living_one_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLIT_TEST_CACHE", str(tmp_path))
    living = RunFolder()
    dead = cache_root() / "run/dead"
    dead.mkdir()
    (dead / "lock").touch()
    RunFolder().remove()
    assert living.path.exists()
    assert not dead.exists()
    living.remove()


@pytest.mark.parametrize("required", [False, True], ids=["optional", "required"])
def test_without_an_odoo_its_tests_skip_or_fail(tmp_path: Path, required: bool) -> None:
    (tmp_path / "test_it.py").write_text(TESTS_THAT_NEED_ODOO)
    given = {name: value for name, value in os.environ.items() if not name.startswith(("FLIT_", "PYTEST_"))}
    given |= {"FLIT_TEST_CACHE": str(tmp_path / "cache"), "PATH": str(tmp_path)}
    given |= {"FLIT_REQUIRE_ODOO": "1"} if required else {}
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "-rs", "-p", "flit_pipeline_tests.odoo.fixtures"]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)],
        env=given | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "recipe stale: apt-get update: apt-get is not on this machine" in done.stdout, done.stdout + done.stderr
    if required:
        assert "1 passed, 2 errors" in done.stdout
        assert "FLIT_REQUIRE_ODOO=1 and this test was not run" in done.stdout
        assert done.returncode == pytest.ExitCode.TESTS_FAILED
    else:
        assert "1 passed, 2 skipped" in done.stdout
        assert done.returncode == pytest.ExitCode.OK
