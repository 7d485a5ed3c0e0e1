"""FolderFiles: files of a folder by the names that rows tell, whatever their case and form, and never outside it."""

import hashlib
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flit_pipeline.errors import AccessRefused, RowRefused, SourceUnavailable
from flit_pipeline.sources.file_folder import FolderFiles
from flit_pipeline.sources.files import CHUNK, FileHandle, FirstOf

CANARY = "Kanarya"


def folder(tmp_path: Path, *names: str, content: bytes = b"x", most: int = 1 << 20) -> FolderFiles:
    place = tmp_path / "files"
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    place.mkdir(exist_ok=True)
    return FolderFiles("dr_dentes", place, most=most)


def content(handle: FileHandle | None) -> bytes:
    assert handle is not None
    with handle:
        return b"".join(handle.chunks())


def test_a_file_is_streamed_measured_and_hashed(tmp_path: Path) -> None:
    data = os.urandom(3 * CHUNK + 17)
    handle = folder(tmp_path, "a.jpg", content=data, most=1 << 22).open({"file_name": "a.jpg"})
    assert handle is not None
    assert (handle.size, handle.sha1) == (len(data), "")
    pieces = list(handle.chunks())
    assert [len(piece) for piece in pieces] == [CHUNK, CHUNK, CHUNK, 17]
    assert handle.sha1 == hashlib.sha1(data, usedforsecurity=False).hexdigest()
    assert handle.size == len(data)
    handle.close()


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("RÖNTGEN ÇAĞRI.JPG", "Röntgen Çağrı.jpg"),
        (unicodedata.normalize("NFD", "Röntgen Şule.jpg"), "röntgen şule.jpg"),
        ("röntgen ışık.jpg", unicodedata.normalize("NFD", "RÖNTGEN IŞIK.JPG")),
        ("İREM.png", "irem.png"),
        ("irem.png", "İrem.PNG"),
        ("2024/Mart/a b.pdf", "2024\\mart\\A B.pdf"),
        ("2024/a.pdf", "./2024//a.pdf"),
        ("a.pdf", " a.pdf "),
    ],
)
def test_case_unicode_form_and_turkish_dots_do_not_count(tmp_path: Path, stored: str, asked: str) -> None:
    assert content(folder(tmp_path, stored).open({"file_name": asked})) == b"x"


def test_an_exact_name_goes_first_and_two_others_are_refused(tmp_path: Path) -> None:
    files = folder(tmp_path, "a.jpg", content=b"small")
    (tmp_path / "files" / "A.jpg").write_bytes(b"large")
    assert content(files.open({"file_name": "A.jpg"})) == b"large"
    assert content(files.open({"file_name": "a.jpg"})) == b"small"
    with pytest.raises(RowRefused) as caught:
        files.open({"file_name": "a.JPG"})
    assert (caught.value.rule, caught.value.column) == ("ambiguous_file", "file_name")
    assert files.open({"file_name": "á.jpg"}) is None


@pytest.mark.parametrize("name", ["gone.jpg", "sub", "sub/gone.jpg", "a.jpg/b", "", "  ", None])
def test_a_missing_file_and_a_folder_are_no_file(tmp_path: Path, name: str | None) -> None:
    assert folder(tmp_path, "a.jpg", "sub/b.jpg").open({"file_name": name}) is None
    assert folder(tmp_path).open({}) is None


@pytest.mark.parametrize(
    "name",
    ["../secret.txt", "sub/../../secret.txt", "..\\secret.txt", "/etc/passwd", "C:\\x.jpg", "c:x", "\\\\host\\x", "..",
     "a\x00.jpg", "link.txt", "LINK.TXT", "away/secret.txt", "Away/SECRET.txt"],
)  # fmt: skip
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    files = folder(tmp_path, "sub/a.jpg")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (tmp_path / "files" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "files" / "away").symlink_to(tmp_path)
    with pytest.raises(RowRefused) as caught:
        files.open({"file_name": name})
    assert caught.value.rule == "unsafe_file_name"
    assert "secret" not in str(caught.value)
    assert "FLIT_DR_DENTES_FILES" in str(caught.value)


@given(
    name=st.text(max_size=20) | st.lists(st.sampled_from(["..", ".", "a", "/", "\\", "\x00", "C:", " "])).map("".join)
)
def test_no_name_reads_outside_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    base = tmp_path_factory.mktemp("f")
    (base / "files").mkdir()
    (base / "a").write_bytes(b"outside")
    try:
        assert FolderFiles("dr_dentes", base / "files").open({"file_name": name}) is None
    except RowRefused as refused:
        assert refused.rule == "unsafe_file_name"


def test_a_pipe_is_no_file_and_does_not_block(tmp_path: Path) -> None:
    files = folder(tmp_path)
    os.mkfifo(tmp_path / "files" / "pipe.jpg")
    assert files.open({"file_name": "pipe.jpg"}) is None


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    files = folder(tmp_path, "a.jpg", content=b"x" * 2000, most=1999)
    with pytest.raises(RowRefused) as caught:
        files.open({"file_name": "a.jpg"})
    assert caught.value.rule == "file_too_large"
    assert content(folder(tmp_path, "a.jpg", content=b"x" * 1999, most=1999).open({"file_name": "a.jpg"}))


def test_a_file_that_grows_over_the_limit_while_it_is_read_is_refused(tmp_path: Path) -> None:
    files = folder(tmp_path, "a.jpg", content=b"x" * CHUNK, most=CHUNK + 10)
    handle = files.open({"file_name": "a.jpg"})
    assert handle is not None
    pieces = handle.chunks()
    assert len(next(pieces)) == CHUNK
    with (tmp_path / "files" / "a.jpg").open("ab") as more:
        more.write(b"y" * 20)
    with pytest.raises(RowRefused, match="more than"):
        list(pieces)


def test_a_folder_that_is_none_or_goes_away(tmp_path: Path) -> None:
    with pytest.raises(AccessRefused, match="FLIT_DR_DENTES_FILES") as caught:
        FolderFiles("dr_dentes", tmp_path / CANARY)
    assert CANARY not in str(caught.value)
    files = folder(tmp_path)
    with pytest.raises(SourceUnavailable) as unavailable:
        files.open({"file_name": CANARY * 200})  # longer than a name may be
    assert CANARY not in str(unavailable.value)
    assert unavailable.value.__suppress_context__


def test_the_first_place_that_has_the_file_gives_it(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    places = [folder(tmp_path / "one", "a.jpg", content=b"1"), folder(tmp_path / "two", "a.jpg", "b.jpg", content=b"2")]
    both = FirstOf(places)
    assert content(both.open({"file_name": "a.jpg"})) == b"1"
    assert content(both.open({"file_name": "b.jpg"})) == b"2"
    assert both.open({"file_name": "c.jpg"}) is None
    both.close()
