"""The product's memory: named SQL in `queries/`, the schema in `migrations/`, one file per noun.

Every change of state is guarded in SQL and writes its event in the same transaction. Moments
are kept as whole microseconds, what is wanted and what went wrong as JSON, certificates as DER.

Never here: a decision about what to do next, a driver, or a private key that is not sealed.
"""
