"""The product's own nouns: what is wanted, what is true, what to do next, what happened.

Here: frozen values, plain enough to be stored as JSON.
Never here: I/O, or a decision about what should happen (that is `engine.plan`).
"""
