"""The CA's memory: named SQL in `queries/`, the schema in `migrations/`, one file per noun.

Every change of a status is guarded in SQL; of two racers one wins, and the other gets `conflict`.
Never here: a decision, a signature, or a private key (issuers' keys stand in files or tokens).
"""
