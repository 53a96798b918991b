"""Tokens that look like Microsoft's and are checked like them: audience, tenant, scopes, expiry.

The key lies in the data folder, so that tokens survive a restart of the simulator.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ACCESS_SECONDS = 3900
REFRESH_SECONDS = 90 * 86400

Claims = dict[str, object]


@dataclass(slots=True)
class Mint:
    """Makes and reads tokens; the control interface can end the life of those made before."""

    key: bytes
    access_since: float = 0.0
    """Access tokens made before this moment count as expired."""
    refresh_since: float = 0.0
    """Refresh tokens made before this moment count as revoked."""
    idle_since: float = 0.0
    """Refresh tokens made before this moment count as unused for 90 days."""
    challenge: float | None = None
    """Since when access tokens for Graph must carry the claims that are asked for then."""
    rotate_strictly: bool = False
    """A fault: a refresh token that was used is used up. Microsoft does not do so."""
    used: set[str] = field(default_factory=set)

    @staticmethod
    def of(folder: Path) -> "Mint":
        """With the key of the data folder, made when there is none."""
        path = folder / "token-key"
        if not path.exists():
            path.write_bytes(secrets.token_bytes(32))
            path.chmod(0o600)
        return Mint(path.read_bytes())

    def make(self, claims: Mapping[str, object], seconds: float) -> str:
        """A signed token."""
        now = time.time()
        body = {**claims, "iat": now, "nbf": int(now), "exp": int(now + seconds)}
        head = _encode({"typ": "JWT", "alg": "RS256", "kid": "simulator"})
        payload = f"{head}.{_encode({**body, 'uti': secrets.token_urlsafe(9)})}"
        return f"{payload}.{self._sign(payload)}"

    def read(self, token: str) -> Claims | None:
        """The claims of a token of ours that has not expired; None for any other."""
        claims = self.read_expired(token)
        return claims if claims and float(str(claims["exp"])) > time.time() else None

    def read_expired(self, token: str) -> Claims | None:
        """The claims of a token of ours, whatever its age; None for any other."""
        payload, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(payload).encode()):
            return None
        claims: Claims = json.loads(_decode(payload.partition(".")[2]))
        return claims

    def read_access(self, token: str) -> Claims | None:
        """The claims of a live access token."""
        claims = self.read(token)
        if claims is None or "aud" not in claims or _made(claims) < self.access_since:
            return None
        return claims

    @property
    def wanted_claims(self) -> dict[str, object] | None:
        """The claims request of a challenge, as continuous access evaluation words it."""
        if self.challenge is None:
            return None
        value = {"essential": True, "value": str(int(self.challenge))}
        return {"access_token": {"nbf": value}}

    def claims_missing(self, claims: Claims) -> dict[str, object] | None:
        """The claims that an access token has to be made anew with; None if it has them."""
        wanted = self.wanted_claims
        return None if wanted is None or claims.get("answers") == _asked(wanted) else wanted

    def restart(self) -> None:
        """Forget what the control interface did to tokens, except that their life has ended."""
        self.rotate_strictly = False
        self.used.clear()
        self.challenge = None

    def _sign(self, payload: str) -> str:
        digest = hmac.new(self.key, payload.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def stamp(claims_request: str) -> dict[str, object]:
    """What a token carries that was asked for with this ``claims`` parameter.

    Raises:
        ValueError: It is not a claims request.
    """
    document = json.loads(claims_request) if claims_request else {}
    if not isinstance(document, dict):
        raise ValueError(claims_request)  # noqa: TRY004 - a value of a form, not an argument
    asked = _asked(document)
    return {} if asked is None else {"answers": asked}


def _asked(document: Mapping[str, object]) -> object:
    """The moment since which a token is asked for; None if that is not asked."""
    wanted = document.get("access_token")
    since = wanted.get("nbf") if isinstance(wanted, dict) else None
    return since.get("value") if isinstance(since, dict) else None


def _made(claims: Claims) -> float:
    return float(str(claims["iat"]))


def is_idle(mint: Mint, claims: Claims) -> bool:
    """Was a refresh token made before those that count as unused for too long?"""
    return _made(claims) < mint.idle_since


def is_revoked(mint: Mint, claims: Claims) -> bool:
    """Was a refresh token made before the last revocation, or used up under strict rotation?"""
    return _made(claims) < mint.refresh_since or (
        mint.rotate_strictly and str(claims["uti"]) in mint.used
    )


def _encode(document: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
