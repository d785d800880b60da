"""Fakes that keep a contract of `src`, one file per contract. Never a mock, never a recording."""
