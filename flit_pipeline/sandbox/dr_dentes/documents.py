"""The practice's files as a folder: what a person copies from the old server."""

import unicodedata
from pathlib import Path

from flit_pipeline.sandbox.dr_dentes.care import document_content
from flit_pipeline.sandbox.dr_dentes.practice import Practice
from flit_pipeline.sandbox.dr_dentes.state import LiveState


def write_documents(source: Practice | LiveState, folder: Path, decomposed: bool = False) -> dict[str, Path]:
    """Write the file of every document under its ``file_name``; those planted as missing are left out.

    ``decomposed``: names in NFD, as macOS writes them. Returns document id -> path.
    """
    practice = source.practice if isinstance(source, LiveState) else source
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Path] = {}
    for row in source.rows("document"):
        index = practice.index_of("document", str(row["document_id"]))
        if index is None or index in practice.faults.documents:
            continue
        name = str(row["file_name"])
        path = folder / (unicodedata.normalize("NFD", name) if decomposed else name)
        path.write_bytes(document_content(practice, index))
        written[str(row["document_id"])] = path
    return written
