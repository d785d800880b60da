"""Events told to others: which are for whom, what is done where they are not taken, and the ways to tell them.

Never here: the store, and what happened.
"""
