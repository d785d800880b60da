"""Figures beside other clients, measured in one run on one machine, against one CA. No tests; `make bench` prints them.

Never here: a figure that was not measured in the same run, or an extrapolated one that does not say so.
"""
