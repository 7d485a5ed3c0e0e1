"""Writing to a CRM: one room per destination, all behind ``base.Destination``.

What belongs here: protocols, schema, look-ups, fences, leases, the canonical form of a value. What does not: which
record to write and when (loading/), what is proved (verification/). Foreign exceptions end at this border.
"""
