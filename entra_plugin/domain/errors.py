"""Every failure this package raises on purpose, named by the decision it asks for.

::

    EntraError
    ├── AuthorisationLost      stop the run, mark the connection, ask to reconnect
    ├── ConsentMissing         this managed tenant only; go on with the others
    ├── TransientFailure       try again, not before ``retry_after`` seconds
    ├── ItemRejected           record this item as failed; go on
    ├── ConfigurationInvalid   stop; a person has to change something; no retry
    ├── Conflict               somebody else was faster (HTTP 409)
    ├── NotAcceptable          understood, but cannot be done (HTTP 422)
    └── NotFound               unknown here, another tenant's, or disabled (HTTP 404)

``code`` is stable and snake_case; sentences and advice are looked up by it (``error.<code>`` in the
locales). No decision is ever made on a message's text.
"""

from collections.abc import Mapping


class EntraError(Exception):
    """A failure with a stable code.

    Args:
        code: Stable machine code; the sentence for people is ``error.<code>``.
        details: Ids, counts and paths that help the reader. Never a secret, a token or vendor text.
        vendor_code: The provider's own code (``AADSTS65001``, ``Authorization_RequestDenied``), for
            support.
    """

    def __init__(
        self,
        code: str,
        *,
        details: Mapping[str, object] | None = None,
        vendor_code: str | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.details: Mapping[str, object] = dict(details or {})
        self.vendor_code = vendor_code


class AuthorisationLost(EntraError):
    """The connection's credential is dead: one cause for the whole run."""


class ConsentMissing(EntraError):
    """This managed tenant refuses us: consent, role, relationship or policy."""


class TransientFailure(EntraError):
    """The other side cannot answer now.

    Args:
        retry_after: Seconds to wait at least, as the provider said; ``None`` if it said nothing.
    """

    def __init__(
        self,
        code: str,
        *,
        retry_after: float | None = None,
        details: Mapping[str, object] | None = None,
        vendor_code: str | None = None,
    ) -> None:
        super().__init__(code, details=details, vendor_code=vendor_code)
        self.retry_after = retry_after


class ItemRejected(EntraError):
    """One user or contact cannot be processed; the others can."""


class ConfigurationInvalid(EntraError):
    """Nothing will work before a person changes a setting."""


class Conflict(EntraError):
    """The row changed since it was read."""


class NotAcceptable(EntraError):
    """A well-formed request that cannot be carried out."""


class NotFound(EntraError):
    """Unknown, another tenant's, or disabled: the three look alike on purpose."""
