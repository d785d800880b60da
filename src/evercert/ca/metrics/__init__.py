"""The CA's figures for Prometheus: what is counted as it happens, and what is looked at when somebody asks.

`prometheus_client` is imported by a node that is to be watched, and by no other.
"""
