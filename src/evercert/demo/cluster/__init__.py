"""The demonstration of a CA of several nodes: PostgreSQL, nodes, what stands before them, a load, and the proof.

Nodes and PostgreSQL are programs of their own, killed and started again while customers keep coming.
Never here: anything that the product itself needs.
"""
