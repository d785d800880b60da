"""Database drivers behind one small protocol, and the migrations that bring a database up to date.

Here: connections, transactions, what each driver's failures mean.
Never here: the product's nouns, or SQL that is about them.
"""
