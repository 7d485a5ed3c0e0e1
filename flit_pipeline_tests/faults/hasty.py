"""The command line with pauses that take no time: ``python -m flit_pipeline_tests.faults.hasty ARGUMENTS``.

A source that is gone for good is asked again for five minutes. Tests see the same tries, and the end of them at once.
"""

import time
from typing import Any

from flit_pipeline.cli import main
from flit_pipeline.sources.file_url import UrlFiles
from flit_pipeline.sources.http_session import Session
from flit_pipeline.sources.rest import RestReader

WAITING: tuple[Any, ...] = (RestReader.__init__, Session.__init__, UrlFiles.__init__)


def at_once(_seconds: float) -> None:
    """No pause."""


if __name__ == "__main__":
    time.sleep = at_once
    for function in WAITING:
        assert function.__kwdefaults__["wait"] is not None
        function.__kwdefaults__["wait"] = at_once
    main()
