"""Fixtures that every suite may use."""

from hypothesis import settings

pytest_plugins = ["flit_pipeline_tests.odoo.fixtures"]

settings.register_profile("flit", deadline=None)  # no timed tests: a busy machine is not a bug
settings.load_profile("flit")
