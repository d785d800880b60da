"""Figures beside other clients and other CAs, measured in one run on one machine. No tests; `make bench` prints them.

Never here: a figure that was not measured in the same run, or an extrapolated one that does not say so.
"""
