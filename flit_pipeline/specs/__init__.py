"""The mapping specs: what a spec file may say, read and checked.

What belongs here: the grammar (pydantic models), the YAML reader, the rules between lines, SQL lineage, the canonical
hash. What does not: running SQL (mapping/), talking to a server (destinations/). Pure but for reading spec files.
"""
