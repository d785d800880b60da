"""`evercert ca ...`: a CA of one's own, from its first minute to its every day; one file per command.

Never here: what a CA does (`evercert.ca`), only words in and words out.
"""
