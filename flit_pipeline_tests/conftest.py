"""Fixtures that every suite may use."""

pytest_plugins = ["flit_pipeline_tests.odoo.fixtures"]
