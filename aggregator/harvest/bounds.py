"""How much of one document is read: past it the rest is left out, and what came before counts.

Set so that a hostile document of 20 MB keeps the parser busy for a few seconds at most.
"""

MOST_ENTRIES = 2_000
MOST_ATTRIBUTES = 64
"""Of one element."""
LONGEST_TAG = 300_000
"""Bytes; a picture may stand in an attribute."""
MOST_SIBLINGS = 100
"""Of one name within a feed or an entry, entries aside: links, categories, media."""
DEEPEST = 200
"""Elements within elements."""
BOTTOM = 2_000
"""Where a document is not read any further."""
LONGEST_ENTRY = 2_000_000
"""Characters of text, markup in it counted."""
LONGEST_BROKEN = 1_000_000
"""Characters of a document that is no well-formed XML: a hostile megabyte takes its parser two seconds."""
LONGEST_PAGE = 2_000_000
"""Bytes of a web page that is read for its article."""
LONGEST_PIECE = 2_000_000
"""Bytes of a document that are read at once; feedparser takes about eight times that."""
