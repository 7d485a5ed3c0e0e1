"""Reading a practice-management system: one reader per access path, all behind ``SourceReader``.

What belongs here: HTTP, files, encodings, paging, resume tokens. What does not: types and rules of cells (validation/),
what is done with a row (pipeline/extract). Foreign exceptions end at this border: they carry cell values and URLs.
"""
