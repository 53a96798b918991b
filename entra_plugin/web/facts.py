"""What the gate found out about a request, once: who asks, and which flags are on for them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

from entra_plugin.application.context import Person
from entra_plugin.application.sync.start import Actor
from entra_plugin.domain.flags import EffectiveFlags
from entra_plugin.domain.ids import TenantId
from entra_plugin.host import Principal
from entra_plugin.resources import Locale, locale
from entra_plugin.web.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

STATE_KEY = "entra"
BASE_KEY = "entra_base"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The person behind the request and the flags in force for it."""

    principal: Principal
    flags: EffectiveFlags

    @property
    def tenant_id(self) -> TenantId:
        """The MSP whose data this request may touch."""
        return self.principal.tenant_id

    @property
    def person(self) -> Person:
        """The person as the use cases of connecting and mapping know him."""
        return Person(
            tenant_id=self.principal.tenant_id,
            user_id=self.principal.user_id,
            name=self.principal.display_name,
        )

    @property
    def actor(self) -> Actor:
        """The person as runs remember him."""
        return Actor(user_id=self.principal.user_id, name=self.principal.display_name)

    @property
    def locale(self) -> Locale:
        """The person's language, as far as we speak it."""
        return locale(self.principal.locale)


def facts_of(request: Request) -> Facts:
    """The facts that the gate left in the request's scope."""
    return cast("Facts", request.scope["state"][STATE_KEY])


def runtime_of(request: Request) -> Runtime:
    """The started runtime of this process."""
    started: Callable[[], Runtime] = request.app.state.runtime
    return started()


Known = Annotated[Facts, Depends(facts_of)]
Started = Annotated[Runtime, Depends(runtime_of)]
