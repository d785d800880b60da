"""The heart: facts and the time in, tasks out; and the hands that do them.

Never here: a protocol, a provider, or output.
"""
