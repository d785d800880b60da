"""What a device says of its key, verified (draft-ietf-acme-device-attest; the objects are WebAuthn's).

`verify.verify` is the entrance: bytes from anybody in, `Attested` or `bad-attestation` out. Never here: a decision
which devices may have a certificate, and a byte of the object in an error.
"""
