"""Forms: how they are read; and those with credentials, and how one not accepted comes back.

What comes back never holds a secret.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import FormData

from entra_plugin.application.connect.access import CippAccess
from entra_plugin.domain.years import YEARS
from entra_plugin.web.api.schema import Text
from entra_plugin.web.malformed import MalformedRequest

_Secret = Annotated[Text, Field(max_length=4096, repr=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """What is wrong with one field, in words."""

    field: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A form to be shown again; ``name`` says which."""

    name: Literal["", "cipp", "credentials"] = ""
    entered: Mapping[str, str] = field(default_factory=dict)
    """What was entered, by field; no secret."""
    wrong: FieldError | None = None
    keep_secrets: bool = False
    """True where the browser may leave the secrets in their fields, which we never send back."""


def read_texts(form: FormData, known: Collection[str]) -> Mapping[str, str]:
    """The fields of a form: texts, and none but those that are known.

    Raises:
        MalformedRequest: There are others.
    """
    fields: dict[str, str] = {}
    for name, value in form.multi_items():
        if name not in known or name in fields or not isinstance(value, str) or "\x00" in value:
            raise MalformedRequest(name)
        fields[name] = value
    return fields


def read_version(form: Mapping[str, object]) -> int:
    """The version that a form was made on.

    Raises:
        MalformedRequest: There is none.
    """
    value = form.get("version")
    if not isinstance(value, str) or not value.isdecimal() or len(value) > 18:
        raise MalformedRequest("version")
    return int(value)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SignInForm(_Form):
    """How to sign in; ``lighthouse`` also asks for Microsoft 365 Lighthouse's list of tenants."""

    lighthouse: bool = False


class CredentialsForm(_Form):
    """Microsoft app credentials."""

    client_id: Annotated[Text, Field(max_length=200)]
    client_secret: Annotated[_Secret, Field(min_length=1, max_length=500)]
    expires_at: Annotated[str, Field(max_length=10)] = ""

    def expiry(self, zone: ZoneInfo) -> datetime | None:
        """The beginning of the day on which the secret expires, for a person in this zone.

        Raises:
            MalformedRequest: No date.
        """
        if not self.expires_at:
            return None
        try:
            day = date.fromisoformat(self.expires_at)
        except ValueError as error:
            raise MalformedRequest("expires_at") from error
        if day.year not in YEARS:
            raise MalformedRequest("expires_at")
        return datetime.combine(day, time(), tzinfo=zone)

    def again(self, wrong: FieldError | None) -> Filled:
        """The form as it comes back."""
        entered = {"client_id": self.client_id, "expires_at": self.expires_at}
        return Filled(name="credentials", entered=entered, wrong=wrong, keep_secrets=True)


class CippForm(_Form):
    """A CIPP, and the kind of credentials that was chosen; fields of the other kind count not."""

    base_url: Annotated[Text, Field(max_length=2048)] = ""
    kind: Literal["client", "token"] = "client"
    api_token: _Secret = ""
    tenant_id: Annotated[Text, Field(max_length=200)] = ""
    client_id: Annotated[Text, Field(max_length=200)] = ""
    client_secret: _Secret = ""

    def access(self) -> CippAccess:
        """What to connect to; perhaps not complete."""
        base_url = self.base_url.strip()
        if self.kind == "token":
            return CippAccess(base_url=base_url, api_token=self.api_token.strip())
        return CippAccess(
            base_url=base_url,
            tenant_id=self.tenant_id.strip() or None,
            client_id=self.client_id.strip() or None,
            client_secret=self.client_secret.strip() or None,
        )

    @property
    def token_is_sendable(self) -> bool:
        """False for a token that no header can carry."""
        token = self.api_token.strip()
        return self.kind == "client" or (
            token.isascii() and token.isprintable() and " " not in token
        )

    @property
    def missing(self) -> str:
        """The first field of the chosen kind that is empty; the secret if none is."""
        fields = ("api_token",) if self.kind == "token" else ("tenant_id", "client_id")
        return next((name for name in fields if not getattr(self, name).strip()), self.secret)

    @property
    def secret(self) -> str:
        """The field of the chosen kind that is a secret."""
        return "api_token" if self.kind == "token" else "client_secret"

    def again(self, wrong: FieldError | None) -> Filled:
        """The form as it comes back."""
        names = ("base_url", "kind", "tenant_id", "client_id")
        entered = {name: str(getattr(self, name)) for name in names}
        return Filled(name="cipp", entered=entered, wrong=wrong, keep_secrets=True)
