"""From valid source rows to records of each route: SQL for shape, a short list of named transforms for meaning.

Pure: data in, data out. What does not belong here: files, servers, the ledger.
"""
