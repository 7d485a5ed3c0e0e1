"""ExportReader and the letters of Turkish: every usual encoding is told apart, and a wrong guess is never silent."""

from pathlib import Path

import pytest

from flit_pipeline.errors import AccessRefused, SpecError
from flit_pipeline.sources import csv_encoding
from flit_pipeline.sources.code_pages import code_pages, neighbours
from flit_pipeline.sources.exports import ExportReader
from flit_pipeline.specs.grammar import parse
from flit_pipeline.specs.source_spec import SourceSpec
from flit_pipeline.specs.yaml_text import Document
from flit_pipeline_tests.unit.test_source_csv import HEAD, PATIENT, read, spec_of

NAMES = "Çağrı Şahin İnce;Gülümseyen ağız, öğün Işık"
NOTE = "üşütmüş, iğne yapıldı; “kontrol” Ankara’da – 1.500 TL"


@pytest.mark.parametrize("encoding", ["cp1254", "iso-8859-9", "cp857", "mac_turkish", "utf-8", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("rows", [1, 3, 2000])
def test_turkish_is_read_in_every_code_page_also_from_one_row(tmp_path: Path, encoding: str, rows: int) -> None:
    text = HEAD + "".join(f"{n};{NAMES}\r\n" for n in range(rows))
    found, broken = read(tmp_path, text.encode(encoding))
    assert not broken
    assert [one[1:] for one in found] == [tuple(NAMES.split(";"))] * rows


@pytest.mark.parametrize("encoding", ["cp1254", "mac_turkish"])
def test_quotes_and_dashes_within_turkish_do_not_mislead(tmp_path: Path, encoding: str) -> None:
    found, broken = read(tmp_path, f'{HEAD}1;Ali;"{NOTE}"\r\n'.encode(encoding))
    assert found == [("1", "Ali", NOTE)]
    assert not broken


WORDS = (
    "çağrı",
    "güneş",
    "ağız",
    "göz",
    "kapı",
    "Işık",
    "Şule",
    "Çelik",
    "Öz",
    "Ünal",
    "MÜDÜR",
    "KÖŞK",
    "AĞAÇ",
    "ışığı",
)


@pytest.mark.parametrize("encoding", ["cp1254", "cp857"])
@pytest.mark.parametrize("word", [*WORDS, "İnce", "5 °C", "süt"])
def test_a_single_word_is_enough(encoding: str, word: str) -> None:
    """A list of ten patients may hold one Turkish letter."""
    told = code_pages(neighbours(f"1;{word};x\r\n".encode(encoding)), "tr")
    assert word.encode(encoding).decode(told[0]) == word


@pytest.mark.parametrize("encoding", ["cp1252", "cp850", "mac_roman"])
@pytest.mark.parametrize("name", ["Zoë Müller", "José Peña", "Åsa Ångström", "Renée O’Brien"])
def test_names_of_other_languages(encoding: str, name: str) -> None:
    name = name if encoding != "cp850" else name.replace("’", "'")
    told = code_pages(neighbours(f"1,{name},x\r\n".encode(encoding)), "en")
    assert name.encode(encoding).decode(told[0]) == name


def test_headers_decide_between_code_pages_that_read_alike(tmp_path: Path) -> None:
    """Mac Turkish writes ü where CP857 writes ş: without its headers the file would read as well either way."""
    spec = spec_of({"patient_id": ["Hasta No"], "kind": ["Tür"]}, "patient_id")
    found, _ = read(tmp_path, "Hasta No;Tür\r\n1;süt\r\n".encode("mac_turkish"), spec)
    assert found == [("1", "süt")]
    found, _ = read(tmp_path, "Hasta No;Tür\r\n1;aş\r\n".encode("cp857"), spec)
    assert found == [("1", "aş")]


def test_letters_under_no_code_page_are_refused_with_the_way_out(tmp_path: Path) -> None:
    content = HEAD.encode("cp1254") + b"1;a\x81\xb1b\xb2\xdfc;\r\n2;\xfe \xb4 \xc5;\r\n"
    with pytest.raises(AccessRefused, match="encoding cannot be told") as caught:
        read(tmp_path, content)
    assert "`encoding`" in caught.value.remedy


def test_the_encoding_that_the_spec_names_goes_first(tmp_path: Path) -> None:
    """Windows-1251 reads as Turkish well enough to be taken for it."""
    thing = PATIENT.objects["patient"]
    assert thing.csv is not None
    named = thing.model_copy(update={"csv": thing.csv.model_copy(update={"encoding": "cp1251"})})
    spec = PATIENT.model_copy(update={"objects": {"patient": named}})
    found, broken = read(tmp_path, "id;Adı;Not\r\n1;Иван;x\r\n".replace("ı", "i").encode("cp1251"), spec)
    assert found == [("1", "Иван", "x")]
    assert not broken


@pytest.mark.parametrize("name", ["latin-5000", "hex", "undefined"])
def test_an_encoding_that_is_none_is_a_spec_error(name: str) -> None:
    value = spec_of({"id": []}, "id").model_dump(by_alias=True, exclude_defaults=True)
    value["objects"]["patient"]["csv"]["encoding"] = name
    with pytest.raises(SpecError, match="is not an encoding"):
        parse(SourceSpec, Document("x.yaml", value, {}))


@pytest.mark.parametrize(
    "damaged",
    ["GÃ¼ler", "ÅŸule", "AÄŸaÃ§", "Ä±ÅŸÄ±k", "Ä°nce", "Ã‡elik", "Ã–z", "Ankaraâ€™da", "G├╝ler", "A\ufffdustos", "ZoÃ«"],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_letters_damaged_before_the_export_break_their_row_alone(tmp_path: Path, damaged: str, encoding: str) -> None:
    text = f"{HEAD}1;Güler;x\r\n2;{damaged};y\r\n3;Ağaç;z\r\n"
    found, broken = read(tmp_path, text.encode(encoding))
    assert [one[0] for one in found] == ["1", "3"]
    assert [(b.place, b.rule) for b in broken] in (
        [("file 1 line 3", "damaged_letters")],
        [("file 1 line 3", "undecodable_bytes")],  # in UTF-16 U+FFFD marks what does not decode
    )
    assert broken[0].raw == f"2;{damaged};y"


def test_windows_1254_read_as_1252_is_told_by_its_icelandic_letters(tmp_path: Path) -> None:
    text = HEAD.replace("ı", "i") + "1;Þahin;Çaðrý\r\n2;Ali;sade\r\n3;Ýnce;x\r\n"
    found, broken = read(tmp_path, text.encode())
    assert [one[0] for one in found] == ["2"]
    assert {b.rule for b in broken} == {"damaged_letters"}


def test_an_icelandic_patient_among_turkish_ones_is_sound(tmp_path: Path) -> None:
    text = HEAD + "1;Guðrún Þórsdóttir;x\r\n2;Şahin;ağrı\r\n3;Işık;İğne\r\n"
    found, broken = read(tmp_path, text.encode())
    assert [one[1] for one in found] == ["Guðrún Þórsdóttir", "Şahin", "Işık"]
    assert not broken


@pytest.mark.parametrize("block", [7, 64, 1 << 20])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1254", "utf-16"])
def test_old_mac_files_end_rows_with_cr_and_break_lines_in_cells_with_lf(
    tmp_path: Path, encoding: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("csv_encoding", "csv_lines"):
        monkeypatch.setattr(f"flit_pipeline.sources.{module}.BLOCK", block)
    text = '"Hasta\nNo";Adı;Not\r1;Çağrı;"bir\niki"\r2;"Şu ""le""";\r3;İnce;"x"\r'.replace('"Hasta\nNo"', '"Hasta No"')
    found, broken = read(tmp_path, text.encode(encoding))
    assert not broken
    assert found == [("1", "Çağrı", "bir\niki"), ("2", 'Şu "le"', None), ("3", "İnce", "x")]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_the_first_line_end_outside_quotes_decides(tmp_path: Path, end: str) -> None:
    """A heading of two lines in one cell is usual in Excel."""
    other = "\r" if end != "\r" else "\n"
    found, broken = read(tmp_path, f'"Hasta{other}No";"Adı";Not{end}1;Ali;x{end}2;Veli;y')
    assert [one[0] for one in found] == ["1", "2"]
    assert not broken


@pytest.mark.parametrize("text", ["Hasta No\r1\r", "Hasta No\r1", "Hasta No", "Hasta No\r", "Hasta No\r\n1\r\n"])
def test_a_file_that_ends_anywhere_is_read_to_its_end(tmp_path: Path, text: str) -> None:
    found, _ = read(tmp_path, text)
    assert [one[0] for one in found] == (["1"] if "1" in text else [])


def test_the_whole_file_decides_not_its_start(tmp_path: Path) -> None:
    start = HEAD.replace("ı", "i") + "".join(f"{n};Ali;sade\r\n" for n in range(csv_encoding.BLOCK // 10))
    found, broken = read(tmp_path, (start + "x;Çağrı;üşütmüş\r\n").encode("cp857"))
    assert found[-1] == ("x", "Çağrı", "üşütmüş")
    assert not broken
    assert ExportReader(PATIENT, folder=tmp_path).count("patient") == len(found)
