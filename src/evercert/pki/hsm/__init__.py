"""Private keys that live in a PKCS #11 token (an HSM, a smart card, SoftHSM) and sign there; extra `pkcs11`.

`opening.load_key` gives a `pki.keys.PrivateKey` like any other. Never here: a PIN in a URI, a log or an error, and a
key that could leave its token.
"""
