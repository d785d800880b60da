"""What becomes of a certificate after its issuance, as others are told it: CRLs and OCSP.

Never here: a decision to revoke (`revoking`), the bytes of a list or an answer (`pki`), or anything of ACME.
"""
