"""The private ACME server: profiles, validation, issuance and status behind RFC 8555's resources.

It shares acme's words (wire, problem, jose, state, challenge) with the client.
Never here: acme's session, flows, drive, client; a socket; a driver.
"""
