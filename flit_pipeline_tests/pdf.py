"""Reading a PDF back, as a person who searches it would. In CI (CI=1) a machine that cannot is a failure, no skip."""

import os
import subprocess
import unicodedata
from pathlib import Path
from shutil import which

import pytest


def needed(*, to_read: bool = True) -> None:
    """Skips, or in CI fails, where this machine makes no PDF or, with ``to_read``, cannot read one."""
    lacking = ""
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError):
        lacking = "WeasyPrint and Pango (libpangoft2-1.0-0)"
    if to_read and which("pdftotext") is None:
        lacking = lacking or "pdftotext (poppler-utils)"
    if lacking and os.environ.get("CI") == "1":
        pytest.fail(f"{lacking} is not on this machine", pytrace=False)
    if lacking:
        pytest.skip(f"{lacking} is not on this machine")


def text_of(path: Path) -> str:
    """All text of a PDF, each letter in its plain form."""
    said = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True)
    return unicodedata.normalize("NFKC", said.stdout.decode())
