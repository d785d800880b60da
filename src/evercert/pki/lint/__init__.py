"""Our own checks of a certificate that is about to be signed: `leaf.lint_leaf`. Quick enough for every one of them.

Never here: an opinion about what a profile should allow; only what no certificate of ours may be.
"""
