"""Evercert: TLS that never lapses."""

__version__ = "0.1.0"
