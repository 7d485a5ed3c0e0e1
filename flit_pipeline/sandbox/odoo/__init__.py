"""A stand-in of Odoo 19: what the pipeline uses of it, over its own protocols, without an Odoo.

Rule of the house: a stand-in that the real server would contradict is a bug in the stand-in. Whatever it does not
reproduce it refuses by name (HTTP 501, ``NotImplementedHere``); the contract tests run the same calls on both.

What belongs here: behaviour that was seen on a real server. Keep out: anything of the pipeline above the adapters.
"""

from flit_pipeline.sandbox.odoo.server import RunningOdoo, serve

__all__ = ["RunningOdoo", "serve"]
