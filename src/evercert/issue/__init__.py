"""One attempt, from an intent to a certificate, step by durable step.

Never here: SQL, retries across attempts, or deployment.
"""
