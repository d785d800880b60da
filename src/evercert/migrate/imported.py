"""What was found in another client's folder."""

from __future__ import annotations

from dataclasses import dataclass, field

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import Identifier
from evercert.model.intent import CertificateIntent, ChallengeRule
from evercert.pki.keys import KeyType, PrivateKey

__all__ = ["Imported", "ImportedAccount", "ImportedCertificate", "Remarks"]


@dataclass(frozen=True, slots=True)
class ImportedCertificate:
    """One certificate that another client kept alive.

    `key` and `chain` (DER, leaf first) are both there and belong together, or both absent; then
    only the wish is taken over, and the first run obtains the certificate anew. `ca` is a
    directory URL, or empty where the folder does not tell. `notes` say what the old client did
    that we must be told to do. Nothing here but `key` is secret.
    """

    name: str
    identifiers: tuple[Identifier, ...]
    key: PrivateKey | None
    chain: tuple[bytes, ...]
    ca: str
    account_url: str = ""
    key_type: KeyType = KeyType.EC256
    challenges: tuple[ChallengeRule, ...] = ()
    reuse_key: bool = False
    must_staple: bool = False
    profile: str = ""
    profile_required: bool = False
    preferred_chain: str = ""
    notes: tuple[str, ...] = ()

    def intent(self, ca: str = "", account: str = "default") -> CertificateIntent:
        """The wish, in our words. *ca* is used where the old folder does not tell which CA it was."""
        return CertificateIntent(
            name=self.name,
            identifiers=self.identifiers,
            ca=self.ca or ca,
            account=account,
            key_type=self.key_type,
            reuse_key=self.reuse_key,
            profile=self.profile,
            profile_required=self.profile_required,
            preferred_chain=self.preferred_chain,
            must_staple=self.must_staple,
            challenges=self.challenges,
        )


@dataclass(frozen=True, slots=True)
class ImportedAccount:
    """An account at a CA. `url` may be empty: the CA tells it when asked with the key
    (RFC 8555 §7.3.1). `ca` is a directory URL, or empty where the folder does not tell."""

    ca: str
    url: str
    key: PrivateKey
    contacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """Everything usable, and in `remarks` why something was not. Remarks hold no secret."""

    client: str
    certificates: tuple[ImportedCertificate, ...] = ()
    accounts: tuple[ImportedAccount, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(slots=True)
class Remarks:
    """Collects why something could not be read, so that one broken entry never hides the others."""

    lines: list[str] = field(default_factory=list)

    def add(self, about: str, what: str) -> None:
        self.lines.append(f"{one_line(about)}: {one_line(what)}")

    def instead_of_failing(self, about: str) -> _Remarked:
        """An error of the `with` block becomes a remark. Only messages that we wrote, or the system's
        words for an error number, are shown: never what a file holds."""
        return _Remarked(self, about)


@dataclass(frozen=True, slots=True)
class _Remarked:
    remarks: Remarks
    about: str

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, EvercertError):
            self.remarks.add(self.about, error.message)
        elif isinstance(error, OSError):
            self.remarks.add(self.about, error.strerror or "could not be read")
        else:
            return False
        return True
