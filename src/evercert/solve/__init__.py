"""Challenges: what the CA will look for, put where it looks, and taken away again.

Never here: the ACME conversation, or what a zone's owner does besides (a provider writes TXT
records and nothing else).
"""
