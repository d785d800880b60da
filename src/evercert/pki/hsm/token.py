"""One token: found, logged in to, asked, and found again when it was reset or pulled out.

Rules of this file:

* Whatever touches the library runs at its desk. `_session` and `_handles` belong to that thread.
* A PIN that was refused is not shown to the token again: after a few times tokens lock for ever.
* The library's errors leave as a word of PKCS #11; they hold no PIN, and no name that the token chose.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

import pkcs11
from pkcs11 import Attribute, Mechanism, MechanismFlag, ObjectClass, Session
from pkcs11 import KeyType as TokenKeyType
from pkcs11 import exceptions as errors

from evercert.base.errors import EvercertError, Retry
from evercert.base.secret import Secret
from evercert.pki.hsm.desk import desk_of
from evercert.pki.hsm.keys import is_signed_by, key_in_token
from evercert.pki.hsm.public import EC_PARAMETERS, public_key
from evercert.pki.hsm.reference import KeyReference
from evercert.pki.key_type import KeyType
from evercert.pki.keys import PrivateKey

__all__ = ["KeyInToken", "Token"]

T = TypeVar("T")

# A card may take minutes for an RSA key.
_GENERATION = 600.0
_MAX_KEYS = 1000
_PROOF = b"evercert: one key in two halves"
_MAX_TOKENS = 1000

_MECHANISMS: Final[dict[TokenKeyType, Mechanism]] = {
    TokenKeyType.RSA: Mechanism.RSA_PKCS,
    TokenKeyType.EC: Mechanism.ECDSA,
    TokenKeyType.EC_EDWARDS: Mechanism.EDDSA,
}
_RSA_BITS: Final = {KeyType.RSA2048: 2048, KeyType.RSA3072: 3072, KeyType.RSA4096: 4096}
_USE: Final = MechanismFlag.SIGN | MechanismFlag.VERIFY
_PIN_REFUSED: Final = (errors.PinIncorrect, errors.PinInvalid, errors.PinLenRange, errors.PinLocked, errors.PinExpired)


@dataclass(frozen=True, slots=True)
class KeyInToken:
    """A private key as a list shows it; `type` is empty where we could not sign with it."""

    label: str
    id: bytes
    type: str
    can_leave: bool


class Token:
    """A token named by a reference; the key that the reference may name is of no account here.

    Safe to use from any thread but an event loop's. *patience* bounds each wait, in seconds.
    """

    def __init__(self, reference: KeyReference, read_pin: Callable[[str], Secret], patience: float) -> None:
        self._reference = reference
        self._read_pin = read_pin
        self._patience = patience
        self._desk = desk_of(reference.module_path)
        self._session: Session | None = None
        self._handles: dict[KeyReference, Any] = {}
        self._refused: Secret | None = None

    def load(self, which: KeyReference) -> PrivateKey:
        """The key, once it has proved to be its public key's other half. Raises `not-found`, `bad-key`, `token`."""
        public, mechanism = self._ask(lambda session: _facts(session, which))
        key = key_in_token(public, lambda data: self._sign(which, mechanism, data))
        if not is_signed_by(key, key.sign_bytes(_PROOF), _PROOF):
            raise EvercertError("bad-key", f"the key {which.key_name} and its public half do not belong together")
        return key

    def create(self, which: KeyReference, key_type: KeyType) -> PrivateKey:
        """A new key, made in the token, that cannot leave it. Raises `exists` where one has that label or id.

        When it returns the key is kept by the token. Not to be repeated after `timeout` without a look at `keys`.
        """
        self._ask(lambda session: _check_free(session, which))
        self._desk.ask(self._told(lambda: self._generate(which, key_type)), _GENERATION)
        return self.load(which)

    def keys(self) -> list[KeyInToken]:
        """The private keys in the token, a thousand at most."""
        return self._ask(
            lambda session: [_shown(session, handle) for handle in _found(session, ObjectClass.PRIVATE_KEY)]
        )

    def close(self) -> None:
        """Afterwards nothing is logged in. The next use logs in again."""
        self._desk.ask(self._forget, self._patience)

    def _sign(self, which: KeyReference, mechanism: Mechanism, data: bytes) -> bytes:
        return self._ask(lambda session: bytes(self._handle(session, which).sign(data, mechanism=mechanism)))

    def _ask(self, work: Callable[[Session], T]) -> T:
        return self._desk.ask(self._told(lambda: self._persistent(work)), self._patience)

    # From here on: at the desk.

    def _persistent(self, work: Callable[[Session], T]) -> T:
        """Once more with a new session where the first try failed: the token may have been reset or changed slots,
        and libraries name that in many ways. What is done here may be done twice."""
        try:
            return work(self._opened())
        except _PIN_REFUSED:
            raise
        except errors.PKCS11Error:
            self._forget()
            return work(self._opened())

    def _opened(self, *, writable: bool = False) -> Session:
        if self._session is None:
            token = self._inserted()
            pin = self._pin()
            try:
                self._session = token.open(rw=writable, user_pin=pin.text())
            except errors.UserAlreadyLoggedIn:  # logging in is a state of the process, not of a session
                self._session = token.open(rw=writable)
            except _PIN_REFUSED:
                self._refused = pin
                raise
        return self._session

    def _inserted(self) -> Any:
        wanted = self._reference
        tokens = islice(pkcs11.lib(wanted.module_path).get_tokens(), _MAX_TOKENS)
        found = [each for each in tokens if _is_named(each, wanted)]
        if len(found) != 1:
            raise EvercertError(
                "token",
                f"{'no' if not found else 'more than one'} token {wanted.token_name} is there",
                hint="`pkcs11-tool --list-token-slots --module PATH` shows what the library sees",
            )
        return found[0]

    def _pin(self) -> Secret:
        pin = self._read_pin(self._reference.pin_source)
        if self._refused is not None and self._refused == pin:
            raise errors.PinIncorrect
        return pin

    def _forget(self) -> None:
        session, self._session = self._session, None
        self._handles.clear()
        if session is not None:
            with contextlib.suppress(errors.PKCS11Error):
                session.close()

    def _handle(self, session: Session, which: KeyReference) -> Any:
        if which not in self._handles:
            self._handles[which] = _private(session, which)
        return self._handles[which]

    def _generate(self, which: KeyReference, key_type: KeyType) -> None:
        self._forget()
        try:
            _make(self._opened(writable=True), which, key_type)
        finally:
            self._forget()

    def _told(self, work: Callable[[], T]) -> Callable[[], T]:
        """*work*, with the library's errors in our words."""

        def told() -> T:
            try:
                return work()
            except _PIN_REFUSED as error:
                raise EvercertError(
                    "token",
                    f"the token {self._reference.token_name} refuses the PIN ({type(error).__name__})",
                    hint=f"correct what {self._reference.pin_source[:200]} holds; the refused PIN is not tried again",
                    retry=Retry.NEVER,
                ) from error
            except errors.NoSuchKey as error:
                raise EvercertError(
                    "not-found", f"the token {self._reference.token_name} has no private key {error}"
                ) from error
            except errors.PKCS11Error as error:
                message = f"the token {self._reference.token_name} could not be used ({type(error).__name__})"
                raise EvercertError(
                    "token", message, hint="see that it is plugged in, and its library's log"
                ) from error

        return told


def _is_named(token: Any, wanted: KeyReference) -> bool:
    serial = bytes(token.serial).strip(b"\x00 ").decode(errors="replace")
    return wanted.token in {"", token.label} and wanted.serial in {"", serial}


def _found(session: Session, kind: ObjectClass, **named: Any) -> list[Any]:
    wanted: dict[Attribute, Any] = {Attribute[name]: value for name, value in named.items() if value}
    with contextlib.closing(session.get_objects({Attribute.CLASS: kind, **wanted})) as objects:  # type: ignore[type-var]  # a generator
        return list(islice(objects, _MAX_KEYS))


def _private(session: Session, which: KeyReference) -> Any:
    found = _found(session, ObjectClass.PRIVATE_KEY, LABEL=which.object, ID=which.id)
    if len(found) > 1:
        raise EvercertError("bad-input", f"the token has several keys {which.key_name}", hint="name one by its id")
    if not found:
        raise errors.NoSuchKey(which.key_name)
    return found[0]


def _public(session: Session, handle: Any) -> Any:
    key_id = bytes(handle[Attribute.ID])
    halves = _found(session, ObjectClass.PUBLIC_KEY, ID=key_id, LABEL="" if key_id else handle[Attribute.LABEL])
    if not halves:
        raise EvercertError(
            "bad-key", "the token keeps no public key beside the private one", hint="import it with the same CKA_ID"
        )
    return public_key(halves[0])


def _facts(session: Session, which: KeyReference) -> tuple[Any, Mechanism]:
    """The public half, and how the private one signs."""
    handle = _private(session, which)
    kind = handle[Attribute.KEY_TYPE]
    if kind not in _MECHANISMS:
        raise EvercertError("bad-key", f"the key {which.key_name} is of a kind that is not used here")
    return _public(session, handle), _MECHANISMS[kind]


def _shown(session: Session, handle: Any) -> KeyInToken:
    try:
        kind = key_in_token(_public(session, handle), bytes).type.value
    except EvercertError:
        kind = ""
    return KeyInToken(handle[Attribute.LABEL], bytes(handle[Attribute.ID]), kind, bool(handle[Attribute.EXTRACTABLE]))


def _check_free(session: Session, which: KeyReference) -> None:
    for name, value in (("LABEL", which.object), ("ID", which.id)):
        if value and _found(session, ObjectClass.PRIVATE_KEY, **{name: value}):
            raise EvercertError("exists", f"the token has a key {which.key_name} already")


def _make(session: Session, which: KeyReference, key_type: KeyType) -> None:
    wanted: dict[str, Any] = {
        "label": which.object,
        # Random from the token, so that no two keys are ever taken for one.
        "id": which.id or bytes(session.generate_random(128)),
        "store": True,
        "capabilities": _USE,
        "private_template": {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True},
    }
    if key_type in _RSA_BITS:
        session.generate_keypair(TokenKeyType.RSA, _RSA_BITS[key_type], **wanted)
    elif key_type in EC_PARAMETERS:
        family = TokenKeyType.EC_EDWARDS if key_type is KeyType.ED25519 else TokenKeyType.EC
        curve = session.create_domain_parameters(family, {Attribute.EC_PARAMS: EC_PARAMETERS[key_type]}, local=True)
        curve.generate_keypair(**wanted)
    else:
        raise EvercertError("bad-key", f"no token makes a key of type {key_type.value}")
