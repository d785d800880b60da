"""Whether an account controls a name: the challenges, CAA, and from where they are looked at.

`validate` is the entrance. Validators are pure over an injected `Network` and raise `Problem`.
Never here: a socket, the store, an order's state; a word of the peer in what a client is told.
"""
