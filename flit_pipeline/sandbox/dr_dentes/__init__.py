"""Dr.DENTES as a sandbox: an invented Turkish practice, its HTTP interface, its exports and the truth about it.

``Practice`` makes rows, ``serve`` answers them over HTTP on 127.0.0.1, ``write_exports`` writes CSV files or workbooks,
``write_documents`` the files, ``truth`` counts what a sound migration must find. By hand:
``python -m flit_pipeline.sandbox.dr_dentes --help``.
"""

from flit_pipeline.sandbox.dr_dentes.access import Access
from flit_pipeline.sandbox.dr_dentes.behaviour import Behaviour
from flit_pipeline.sandbox.dr_dentes.contract import contract, variant
from flit_pipeline.sandbox.dr_dentes.documents import write_documents
from flit_pipeline.sandbox.dr_dentes.exports import write_exports
from flit_pipeline.sandbox.dr_dentes.practice import AS_OF, Practice
from flit_pipeline.sandbox.dr_dentes.server import RunningSandbox, serve
from flit_pipeline.sandbox.dr_dentes.truth import truth, write_truth

__all__ = [
    "AS_OF",
    "Access",
    "Behaviour",
    "Practice",
    "RunningSandbox",
    "contract",
    "serve",
    "truth",
    "variant",
    "write_documents",
    "write_exports",
    "write_truth",
]
