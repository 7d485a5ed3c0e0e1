"""Dagster: assets, checks, jobs, sensors. The only package that imports dagster.

What belongs here: keys, dependencies, metadata, the border where errors become safe Dagster failures. What does not:
any work; the body of an asset is one call into floor 2. No ``from __future__ import annotations`` in here: it turns
``context`` parameters into text that dagster refuses.
"""
