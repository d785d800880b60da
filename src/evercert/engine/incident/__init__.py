"""Incidents: which certificates, in which waves, what comes next, and doing it.

Here: deciding (pure), and the hand that makes it so in the store and at the CA.
Never here: issuing or installing; a wave that is released is due, and the planner and its hands do the rest.
"""
