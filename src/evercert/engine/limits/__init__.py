"""The CAs' limits: what they are, what is left, who pays for what, who waits until when, and what a refusal teaches.

Never here: which certificate is due, or which CA is asked for it.
"""
