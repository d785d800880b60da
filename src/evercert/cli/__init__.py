"""The command line

words in, words out.:Never here: decisions.
"""
