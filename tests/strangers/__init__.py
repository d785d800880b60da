"""Strangers' ACME clients, each as its own users run it, on a journey through a CA: obtain, renew, revoke.

One file for each client, with one class that keeps the contract in `client.py`. What they travel through is a value
(`ca.py`), so that the same journeys prove the harness against Pebble and our CA against the strangers.
"""
