"""The admin API: what operators do on the command line, as JSON over HTTP, for callers who have shown who they are.

Never here: what an act does (`ca.operating`), or a way in that asks nobody.
"""
