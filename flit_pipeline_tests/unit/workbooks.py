"""Workbooks made part by part, as Excel, LibreOffice and others write them: what openpyxl would not write."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

FORMATS = {
    "day": 'dd\\.mm\\.yyyy;@', "moment": "dd/mm/yyyy\\ h:mm", "money": '#,##0.00\\ [$₺-41F]', "padded": "000",
    "percent": "0.00%", "hours": "[h]:mm", "time": "h:mm AM/PM", "quoted": '0 "gün";-0', "half": "d-mmm",
}  # fmt: skip
STYLE = {"general": 0, **{name: number for number, name in enumerate(FORMATS, start=1)}, "builtin_day": 10}
"""Name of a format -> style id of a cell."""


def row(number: int | None, *cells: str) -> str:
    """A row of finished cells."""
    place = f' r="{number}"' if number else ""
    return f"<row{place}>{''.join(cells)}</row>"


def text(value: str, place: str = "") -> str:
    """A cell with its own text."""
    where = f' r="{place}"' if place else ""
    return f'<c{where} t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'


def cell(value: str, style: str = "general", kind: str = "n", place: str = "", formula: str | None = None) -> str:
    """A cell with a value; ``formula`` before it."""
    where = f' r="{place}"' if place else ""
    made = "" if formula is None else f"<f>{formula}</f>"
    return f'<c{where} s="{STYLE[style]}" t="{kind}">{made}<v>{value}</v></c>'


def sheet(*rows: str, merged: Sequence[str] = (), prefix: str = "") -> str:
    """XML of a sheet."""
    merges = "".join(f'<mergeCell ref="{ref}"/>' for ref in merged)
    after = f'<mergeCells count="{len(merged)}">{merges}</mergeCells>' if merged else ""
    body = f"<sheetData>{''.join(rows)}</sheetData>{after}"
    if prefix:
        body = (
            body.replace("</", f"</{prefix}:")
            .replace("<", f"<{prefix}:")
            .replace(f"<{prefix}:/{prefix}:", f"</{prefix}:")
        )
        return f'<{prefix}:worksheet xmlns:{prefix}="{MAIN}">{body}</{prefix}:worksheet>'
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="{MAIN}">{body}</worksheet>'


def write(
    path: Path,
    *sheets: str,
    states: Mapping[int, str] | None = None,
    strings: Sequence[str] = (),
    from_1904: bool = False,
    compression: int = zipfile.ZIP_DEFLATED,
) -> Path:
    """Write a workbook. ``states``: number of a sheet -> hidden; ``strings``: XML of shared texts."""
    listed = "".join(
        f'<sheet name="S{n}" sheetId="{n}" r:id="rId{n}" state="{(states or {}).get(n, "visible")}"/>'
        for n in range(1, len(sheets) + 1)
    )
    relations = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    relations += f'<Relationship Id="rIdS" Type="{OFFICE}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
    relations += f'<Relationship Id="rIdF" Type="{OFFICE}/styles" Target="styles.xml"/>'
    codes = "".join(
        f'<numFmt numFmtId="{163 + n}" formatCode="{code.replace(chr(34), "&quot;")}"/>'
        for n, code in enumerate(FORMATS.values(), start=1)
    )
    styles = "".join(f'<xf numFmtId="{number}"/>' for number in [0, *range(164, 164 + len(FORMATS)), 14])
    kinds = {"workbook": "sheet.main", "styles": "styles", "sharedStrings": "sharedStrings"}
    kinds |= {f"worksheets/sheet{n}": "worksheet" for n in range(1, len(sheets) + 1)}
    overrides = "".join(
        f'<Override PartName="/xl/{part}.xml" ContentType="{CONTENT}.{kind}+xml"/>' for part, kind in kinds.items()
    )
    files = {
        "[Content_Types].xml": f'<Types xmlns="{TYPES}">{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr date1904="{int(from_1904)}"/>'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{relations}</Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>{codes}</numFmts><cellStyleXfs><xf numFmtId="14"/>'
        f"</cellStyleXfs><cellXfs>{styles}</cellXfs></styleSheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{"".join(f"<si>{one}</si>" for one in strings)}</sst>',
        **{f"xl/worksheets/sheet{n}.xml": made for n, made in enumerate(sheets, start=1)},
    }
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path
