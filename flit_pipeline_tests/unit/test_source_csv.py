"""ExportReader over CSV files: encodings, dialects, broken rows, resume, and the published CSV test sets."""

import csv
import io
import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flit_pipeline.errors import AccessRefused, SourceUnavailable
from flit_pipeline.sources.exports import PAGE_ROWS, ExportReader
from flit_pipeline.sources.mixed import MixedReader
from flit_pipeline.specs.grammar import parse
from flit_pipeline.specs.source_spec import SourceSpec
from flit_pipeline.specs.yaml_text import read_yaml

CANARY = "Kanarya"
ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("FLIT_SHARED_DATA", ROOT.parent / "shared" / "data"))
POLLOCK, SPECTRUM = SHARED / "pollock_csv" / "file_level", SHARED / "csv_spectrum"


def spec_of(fields: dict[str, list[str]], key: str, *, language: str = "tr", files: str = "*.csv") -> SourceSpec:
    source: dict[str, Any] = {
        "key": key,
        "csv": {"files": [files]},
        "fields": {name: {"privacy": "identity", "names": names} for name, names in fields.items()},
    }
    return SourceSpec.model_validate(
        {
            "system": "dr_dentes",
            "title": "Test",
            "locale": {"region": "TR", "zone": "Europe/Istanbul", "language": language},
            "objects": {"patient": source, "other": {**source, "csv": {"files": "zzz*.csv"}}},
        }
    )


PATIENT = spec_of({"patient_id": ["Hasta No", "id"], "name": ["Adı"], "note": ["Not"]}, "patient_id")


def read(folder: Path, content: bytes | str, spec: SourceSpec = PATIENT, name: str = "a.csv") -> tuple[list[Any], Any]:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    pages = list(ExportReader(spec, folder=folder).pages("patient"))
    rows = [tuple(row.values()) for page in pages for row in page.rows]
    return rows, [broken for page in pages for broken in page.broken]


HEAD = "Hasta No;Adı;Not\r\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1254", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp857"]
)
def test_turkish_letters_survive_every_encoding(tmp_path: Path, encoding: str) -> None:
    text = HEAD + "".join(f"{n};Çağrı Şahin İnce;üşütmüş, öğün ığdır gıcırtısı olmuş\r\n" for n in range(40))
    rows, broken = read(tmp_path, text.encode(encoding))
    assert len(rows) == 40
    assert not broken
    assert set(rows) == {(str(n), "Çağrı Şahin İnce", "üşütmüş, öğün ığdır gıcırtısı olmuş") for n in range(40)}


def test_other_languages_are_read_as_windows_1252(tmp_path: Path) -> None:
    spec = spec_of({"id": [], "name": []}, "id", language="en")
    rows, _ = read(tmp_path, "id,name\n1,Zoë D’Arcy – Ðorð\n".encode("cp1252"), spec)
    assert rows == [("1", "Zoë D’Arcy – Ðorð")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1254"])
def test_one_undecodable_byte_costs_one_row(tmp_path: Path, encoding: str) -> None:
    text = (HEAD + "1;Şule;\r\n2;Öz%;\r\n3;İğde;\r\n").encode(encoding)
    bad = b"\x81" if encoding == "cp1254" else b"\xff"
    rows, broken = read(tmp_path, text.replace(b"%", bad) + ("4;ığü;\r\n" * 60).encode(encoding))
    assert rows[:3] == [("1", "Şule", None), ("3", "İğde", None), ("4", "ığü", None)]
    assert len(rows) == 62
    assert [(b.place, b.rule) for b in broken] == [("file 1 line 3", "undecodable_bytes")]
    broken[0].raw.encode()
    assert r"\x81" in broken[0].raw or r"\xff" in broken[0].raw


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_delimiters_and_line_ends(tmp_path: Path, delimiter: str, end: str) -> None:
    lines = ["Hasta No;Adı;Not", '1;"a ""b"" ; | , c";  x ', '2;"first', 'second";', '3;"";y']
    rows, broken = read(tmp_path, end.join(lines).replace(";", delimiter))
    assert not broken
    assert rows == [
        ("1", f'a "b" {delimiter} | , c', "  x "),
        ("2", f"first{end}second", None),
        ("3", "", "y"),
    ]


def test_preamble_empty_lines_repeated_headers_and_absent_columns(tmp_path: Path) -> None:
    text = (
        'sep=;\nKlinik: "Ağız, Diş" raporu\n;;;\n\nNOT;hasta_no;Renk\nn1;1;mavi\n\n;;\n   \n'
        "NOT;hasta_no;Renk\nn2;2;sarı\n\ufeffHasta No;Adı\n3;Ali\n\n\n"
    )
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    pages = list(ExportReader(PATIENT, folder=tmp_path).pages("patient"))
    assert [tuple(row.values()) for row in pages[0].rows] == [("1", None, "n1"), ("2", None, "n2"), ("3", "Ali", None)]
    assert pages[0].broken == []
    assert pages[0].unknown_columns == ("Renk",)
    assert list(pages[0].rows[0]) == ["patient_id", "name", "note"]


def test_a_column_without_a_header_is_told_only_where_it_holds_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(";Hasta No;;Adı;\n;1;;a;\n;2;x;b;\n", encoding="utf-8")
    page = next(ExportReader(PATIENT, folder=tmp_path).pages("patient"))
    assert [tuple(row.values()) for row in page.rows] == [("1", "a", None), ("2", "b", None)]
    assert page.unknown_columns == ("column 3",)


def test_a_delimiter_at_the_end_of_every_row_is_no_cell(tmp_path: Path) -> None:
    rows, broken = read(tmp_path, HEAD + "1;a;;\r\n2;b;x;\r\n3;c;;\r\n4;d\r\n")
    assert rows == [("1", "a", None), ("2", "b", "x"), ("3", "c", None)]
    assert [b.rule for b in broken] == ["too_few_cells"]
    rows, broken = read(tmp_path, "Hasta No;Adı;\r\n1;a\r\n2;b\r\n3;c\r\n")
    assert rows == [("1", "a", None), ("2", "b", None), ("3", "c", None)]


def test_a_shifted_row_is_broken_even_where_its_last_cell_is_empty(tmp_path: Path) -> None:
    rows, broken = read(tmp_path, HEAD + "1;a;x\r\n2;b;c;\r\n3;d;y\r\n")
    assert [row[0] for row in rows] == ["1", "3"]
    assert broken[0].rule == "too_many_cells"


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ("bad;x", [("too_few_cells", "bad;x")]),
        ("bad;x;y;z", [("too_many_cells", "bad;x;y;z")]),
        ("bad;x\x00;y", [("nul_character", "bad;x\x00;y")]),
        ('bad;"x;y', [("unclosed_quote", 'bad;"x;y')]),
        ('bad;"x" y;z', [("stray_quote", 'bad;"x" y;z')]),
        ('bad;"x\nmore" text\nend";z', [("unclosed_quote", 'bad;"x\nmore" text\nend";z')]),
        ('bad;"a "b" c\nd";z', [("stray_quote", 'bad;"a "b" c\nd";z')]),
        ('bad;"x;y\nbad2;"x;y', [("unclosed_quote", 'bad;"x;y'), ("unclosed_quote", 'bad2;"x;y')]),
        ('bad;w;"x;y\n4;z";ok', [("unclosed_quote", 'bad;w;"x;y')]),
        ('bad;x;"y\nz";w', [("too_many_cells", 'bad;x;"y\nz";w')]),
    ],
)
@pytest.mark.parametrize("after", ["3;c;n\n", '3;"c";"n"\n', '"3";"c ""q"" \n l";\n', ""])
def test_a_broken_row_costs_only_itself(tmp_path: Path, bad: str, expected: Any, after: str) -> None:
    rows, broken = read(tmp_path, f"Hasta No;Adı;Not\n1;a;n\n2;b;n\n{bad}\n{after}5;e;n\n")
    assert [(b.rule, b.raw) for b in broken] == expected
    assert broken[0].place == "file 1 line 4"
    assert [row[0] for row in rows if row[0] != "4"] == ["1", "2", *(["3"] if after else []), "5"]


def test_an_open_quote_does_not_swallow_a_large_file(tmp_path: Path) -> None:
    body = "".join(f"{n};ad {n};metin\n" for n in range(20_000))
    rows, broken = read(tmp_path, f'Hasta No;Adı;Not\nx;"open;y\n{body}')
    assert len(rows) == 20_000
    assert [b.raw for b in broken] == ['x;"open;y']


def test_long_notes_over_many_lines_are_one_cell(tmp_path: Path) -> None:
    note = "\n".join(f'line {n}; "quoted"' for n in range(5_000))
    rows, broken = read(tmp_path, 'Hasta No;Adı;Not\n1;a;"{}"\n2;b;c\n'.format(note.replace('"', '""')))
    assert rows == [("1", "a", note), ("2", "b", "c")]
    assert not broken


def test_resume_from_every_page_gives_the_rows_of_one_pass(tmp_path: Path) -> None:
    for number, count in enumerate((PAGE_ROWS + 500, 0, PAGE_ROWS - 500, 700)):
        body = "".join(f"{number}-{n};a;\n" if n % 97 else "broken\n" for n in range(count))
        (tmp_path / f"part{number}.CSV").write_text("Hasta No;Adı;Not\n" + body, encoding="utf-8")
    reader = ExportReader(PATIENT, folder=tmp_path)
    pages = list(reader.pages("patient"))
    assert [len(page.rows) + len(page.broken) for page in pages] == [1000, 1000, 700]
    assert [page.resume for page in pages] == ["0:1000", "3:0", None]
    for position, page in enumerate(pages[:-1], start=1):
        assert list(reader.pages("patient", resume=page.resume)) == pages[position:]
    assert reader.count("patient") == 2700
    assert pages[0].broken[1].place == "file 1 line 99"
    for token in ("9:0", "x", "1", "-1:0"):
        with pytest.raises(AccessRefused, match="resume token"):
            list(reader.pages("patient", resume=token))
    with pytest.raises(SourceUnavailable, match="shorter"):
        list(reader.pages("patient", resume="3:701"))


def test_files_are_found_whatever_the_case_and_the_unicode_form(tmp_path: Path) -> None:
    spec = spec_of({"patient_id": ["Hasta No"], "name": []}, "patient_id", files="şikâyetler*.csv")
    for number, name in enumerate(("ŞİKÂYETLER 1.CSV", unicodedata.normalize("NFD", "şikâyetler 2.csv"), "x.csv")):
        (tmp_path / name).write_text(f"Hasta No\n{number}\n", encoding="utf-8")
    reader = ExportReader(spec, folder=tmp_path)
    assert reader.objects() == ("patient",)
    assert [row["patient_id"] for page in reader.pages("patient") for row in page.rows] == ["0", "1"]
    assert reader.stable_paging("patient")
    assert not reader.supports_since("patient")
    mixed = MixedReader(dict.fromkeys(reader.objects(), reader))
    assert mixed.count("patient") == 2
    mixed.close()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is empty"),
        (f"Adı;Not;Renk\n{CANARY};x;y\n", "3 columns, 2 known"),
        (f"1;{CANARY};x\n", "Hasta No, id"),
        (f"Hasta No;id;Adı\n{CANARY};1;2\n", "'Hasta No' and 'id'"),
        ("x\n" * 20 + f"Hasta No;Adı;Not\n1;{CANARY};x\n", "first 20 rows"),
    ],
)
def test_a_file_without_a_usable_header_is_refused_without_its_name(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(AccessRefused) as caught:
        read(tmp_path, text, name=f"{CANARY}.csv")
    assert says in str(caught.value)
    assert "file 1 of patient" in str(caught.value)
    assert "'*.csv'" in str(caught.value)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_missing_files_and_folders_are_refused_with_the_variable(tmp_path: Path) -> None:
    reader = ExportReader(PATIENT, folder=tmp_path)
    assert reader.objects() == ()
    for name in ("patient", "other", "nothing"):
        with pytest.raises(AccessRefused):
            list(reader.pages(name))
    with pytest.raises(AccessRefused, match="FLIT_DR_DENTES_EXPORTS"):
        ExportReader(PATIENT, folder=tmp_path / CANARY)


def test_a_file_that_disappears_while_it_is_read_is_unavailable_without_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + "1;a;b\n" * 2000, encoding="utf-8")
    (tmp_path / f"b {CANARY}.csv").write_text(HEAD + "2;a;b\n", encoding="utf-8")
    pages = ExportReader(PATIENT, folder=tmp_path).pages("patient")
    next(pages)
    (tmp_path / f"b {CANARY}.csv").unlink()
    with pytest.raises(SourceUnavailable) as caught:
        list(pages)
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__


DAMAGED = "ðýþÐÝÞÃÄÅâ├\ufffd"
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00" + DAMAGED), max_size=8)


@given(
    rows=st.lists(st.tuples(TEXT, TEXT), max_size=12),
    delimiter=st.sampled_from(";,\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
@settings(max_examples=150, deadline=None)
def test_what_the_standard_writer_writes_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], delimiter: str, end: str, quoting: Any
) -> None:
    # before Python 3.13 the writer leaves a bare line end unquoted unless it is its own: such a file has two readings
    assume(quoting == csv.QUOTE_ALL or not any(end in cell for row in rows for cell in row for end in "\r\n"))
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([["Hasta No", "Adı", "Not"], *(("k", *row) for row in rows)])
    found, broken = read(tmp_path_factory.mktemp("csv"), stream.getvalue())
    assert not broken
    assert [tuple(cell or "" for cell in row) for row in found] == [("k", *row) for row in rows]


def test_every_object_of_the_real_spec_finds_its_own_headers(tmp_path: Path) -> None:
    document = read_yaml(ROOT / "mapping_specs" / "sources" / "dr_dentes.yaml")
    spec = parse(SourceSpec, document)
    reader = ExportReader(spec, folder=tmp_path)
    for name, source in spec.objects.items():
        headers = [cell.names[0] for cell in source.fields.values()]
        assert source.csv is not None
        path = tmp_path / source.csv.files[0].replace("*", " 2026").upper()
        path.write_bytes(";".join(headers).encode("cp1254"))
        page = next(reader.pages(name))
        assert page.unknown_columns == (), name
        assert not page.broken
    assert reader.objects() == tuple(spec.objects)


def spectrum() -> list[Path]:
    return sorted(SPECTRUM.glob("csvs/*.csv"))


@pytest.mark.skipif(not spectrum(), reason=f"no csv_spectrum below {SHARED} (set FLIT_SHARED_DATA)")
def test_csv_spectrum(tmp_path: Path) -> None:
    for path in spectrum():
        expected = json.loads((SPECTRUM / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
        expected = expected if isinstance(expected, list) else [expected]
        names = list(expected[0])
        columns = {f"c{n}": [name] for n, name in enumerate(names)}
        rows, broken = read(tmp_path, path.read_bytes(), spec_of(columns, "c0", language="en"))
        if path.stem == "location_coordinates":  # both degree signs of its only row were replaced by U+FFFD
            assert [b.rule for b in broken] == ["damaged_letters"]
            continue
        assert not broken, path.name
        assert rows == [tuple(row.values()) for row in expected], path.name


COLUMNS = ["DATE", "TIME", "Qty", "PRODUCTID", "Price", "ProductType", "ProductDescription", "URL", "Comments"]
SHOP = spec_of({f"f{n}": [name] for n, name in enumerate(COLUMNS)}, "f3", language="en")


def pollock() -> list[str]:
    return sorted(path.name for path in POLLOCK.glob("csv/*.csv"))


REFUSED = {"file_field_delimiter_0x20.csv", "file_no_payload.csv", "file_no_header.csv"}
AMBIGUOUS = {  # rows with unescaped quotes that by chance form a valid row of the right width
    "file_multitable_less.csv": 4,
    "file_multitable_more.csv": 4,
    "file_multitable_same.csv": 4,
    "file_quotation_char_0x27.csv": 1,
}


@pytest.mark.skipif(not pollock(), reason=f"no pollock_csv below {SHARED} (set FLIT_SHARED_DATA)")
@pytest.mark.parametrize("name", pollock())
def test_pollock_rows_are_right_or_broken_or_the_file_is_refused(tmp_path: Path, name: str) -> None:
    with (POLLOCK / "clean" / "file_preamble.csv").open(encoding="utf-8", newline="") as clean:
        truth = {tuple(row) for row in csv.reader(clean)}
    content = (POLLOCK / "csv" / name).read_bytes()
    if name in REFUSED:
        with pytest.raises(AccessRefused):
            read(tmp_path, content, SHOP)
        return
    rows, broken = read(tmp_path, content, SHOP)
    blanks = name == "file_field_delimiter_0x2C_0x20.csv"  # blanks around unquoted cells stay as they are in the file
    stripped = [tuple((cell or "").strip() if blanks else (cell or "") for cell in row) for row in rows]
    if blanks:
        truth = {tuple(cell.strip() for cell in row) for row in truth}
    without_comments = {row[:8] for row in truth}
    wrong = [row for row in stripped if row[:8] not in without_comments]
    assert len(wrong) == AMBIGUOUS.get(name, 0)
    count = {"file_header_only.csv": 0, "file_one_data_row.csv": 1}.get(name, 165 if "multitable" in name else 83)
    assert len(rows) + len(broken) == count
