"""Database drivers behind one small protocol.

Never here: the product's nouns, or SQL that is about them.
"""
