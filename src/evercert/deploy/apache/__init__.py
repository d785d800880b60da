"""Apache's configuration: what Apache itself tells of it, and the few lines that a change touches.

Never here: running Apache, or writing files.
"""
