"""What stands behind `PostgresDatabase`: sessions of asyncpg, a pool of them, and what the server's failures mean.

Here: the driver, imported when the first session is opened and never before.
Never here: the product's nouns, or SQL that is about them.
"""
