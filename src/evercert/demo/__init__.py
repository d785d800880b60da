"""The demonstration: a CA, a TLS server and Evercert between them, on one machine.

Here: the programs that stand for the user's world, and the story that is told of them. The TLS
server is a whole program of its own, so this room opens sockets like any other user would.
Never here: anything that the product itself needs.
"""
