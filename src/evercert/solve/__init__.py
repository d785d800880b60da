"""Challenges

what the CA will look for, put where it looks, and taken away again.:Never here: the ACME conversation.
"""
