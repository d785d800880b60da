"""What operators do: look, revoke, hand out external accounts, declare incidents. Each act is in the audit.

The command line and the admin API do the same by these functions.
Never here: words for people, or a path of HTTP.
"""
