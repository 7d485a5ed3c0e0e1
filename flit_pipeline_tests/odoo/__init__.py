"""A real Odoo 19 for the tests: package, database cluster, server, mail sink and a proxy that loses replies.

What belongs here: everything needed to have such a server on a Debian machine without installing anything on it.
Keep out: product code, and anything that knows flit's own models. Test-only; nothing in `flit_pipeline` imports this.

`provision` (package and server Python) -> `template` (a cluster with a prepared database, cached)
-> `postgres` (a running copy of it) -> `server` (one database and one server per test module) -> `fixtures` (pytest).
"""
