"""Pages for people: Jinja templates with every value escaped, one stylesheet, bars drawn as SVG; PDF by WeasyPrint.

What belongs here: how a page is made. What does not: what it says; each report brings its template in ``templates/``
and extends ``base.html.j2``. A page refers to nothing outside itself, so it can be sent as one file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from flit_pipeline.errors import SettingsError

LEFT_TO_RIGHT = "auto"
"""Direction of a cell: taken from its first strong letter, so that Hebrew and Arabic stand right in any page."""


@dataclass(frozen=True)
class Section:
    """One heading of the page. ``numbers``: columns set to the end; ``bars``: label -> count, drawn above the table."""

    title: str
    lines: Sequence[str] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    numbers: Sequence[int] = ()
    bars: Mapping[str, int] = field(default_factory=dict)


def write_both(folder: Path, name: str, template: str, **values: Any) -> list[str]:
    """A page as HTML and as PDF. Returns the names, and a line instead of a PDF that could not be made."""
    html = write_page(folder / f"{name}.html", template, **values)
    return [html.name, *as_pdf(folder / f"{name}.pdf", render(template, **values))]


def render(template: str, **values: Any) -> str:
    """HTML of ``templates/<template>.html.j2``. A name that the template uses and nobody gives is an error."""
    return _environment().get_template(f"{template}.html.j2").render(**values)


def write_page(path: Path, template: str, **values: Any) -> Path:
    """Write a page, readable by this user alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(render(template, **values), encoding="utf-8")
    return path


def write_pdf(path: Path, html: str) -> Path:
    """Write a page as PDF. Raises SettingsError where the machine lacks WeasyPrint's libraries (Pango)."""
    try:
        from weasyprint import HTML
    except (ImportError, OSError):
        raise SettingsError(
            "a PDF was to be written and WeasyPrint does not start",
            remedy="install Pango and a font (Debian: apt-get install libpangoft2-1.0-0 fonts-dejavu-core), or use the "
            "HTML page beside it",
        ) from None
    path.touch(mode=0o600)
    HTML(string=html, url_fetcher=_nothing).write_pdf(path)
    return path


def as_pdf(path: Path, html: str) -> list[str]:
    """Write a PDF. Its name, or a line that says why there is none: the HTML page beside it holds the same."""
    try:
        return [write_pdf(path, html).name]
    except SettingsError as error:
        return [f"no {path.name}: {error.attempted} ({error.remedy})"]


def percent(share: float) -> str:
    """A share of cells, never rounded up to a hundred."""
    return f"{100.0 if share == 1 else min(100 * share, 99.9999):.4f}"


def bars(counts: Mapping[str, int], *, width: int = 420) -> Sequence[dict[str, Any]]:
    """Label, count, length in pixels and share of each bar, longest first; for the macro ``bars`` of the base page."""
    most, total = max(counts.values(), default=0), sum(counts.values())
    ranked = sorted(counts.items(), key=lambda one: -one[1])
    return [
        {"label": label, "count": n, "length": round(width * n / (most or 1)), "share": n / (total or 1)}
        for label, n in ranked
    ]  # fmt: skip


def _nothing(url: str, *_arguments: Any, **_options: Any) -> Any:
    raise ValueError("a report refers to nothing outside itself")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("flit_pipeline.reports"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=select_autoescape(default=True, default_for_string=True),
    )  # fmt: skip
    environment.globals["bars_of"] = bars
    return environment
