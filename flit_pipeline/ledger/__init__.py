"""The ledger: the durable memory of what was read, refused, sent, confirmed and approved.

What belongs here: tables and the transactions on them. What does not: deciding (loading/, verification/) and talking
to a server (destinations/). Images are sealed; keys stand as keyed hashes, so the file alone names nobody.
"""
