"""This machine's files and programs: durable writes, atomic swaps, locks, programs without a shell.

Never here: sockets, or what a file or a program is for.
"""
