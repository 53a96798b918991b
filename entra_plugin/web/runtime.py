"""What the web needs of a started process: the context and one object per use case."""

from dataclasses import dataclass

from entra_plugin.application.connect import (
    CompleteSignIn,
    Disconnect,
    RotateCredentials,
    SignInPorts,
    StartSignIn,
    Validate,
)
from entra_plugin.application.context import Context
from entra_plugin.application.map_tenants import ConfirmMappings, PreviewMappings, ReadMappings
from entra_plugin.application.overview import Overview
from entra_plugin.application.runs import CancelRun, ReadRuns, StartDiscovery
from entra_plugin.application.settings import Settings
from entra_plugin.application.sync.start import StartSync


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The use cases that routes and pages call."""

    context: Context
    start_sign_in: StartSignIn
    complete_sign_in: CompleteSignIn
    validate: Validate
    rotate_credentials: RotateCredentials
    disconnect: Disconnect
    overview: Overview
    settings: Settings
    preview_mappings: PreviewMappings
    confirm_mappings: ConfirmMappings
    read_mappings: ReadMappings
    start_discovery: StartDiscovery
    start_sync: StartSync
    read_runs: ReadRuns
    cancel_run: CancelRun

    @classmethod
    def of(cls, context: Context, ports: SignInPorts) -> "Runtime":
        """Compose the use cases over one context."""
        return cls(
            context=context,
            start_sign_in=StartSignIn(context, ports),
            complete_sign_in=CompleteSignIn(context, ports),
            validate=Validate(context),
            rotate_credentials=RotateCredentials(context, ports),
            disconnect=Disconnect(context),
            overview=Overview(context, ports.resolver),
            settings=Settings(context),
            preview_mappings=PreviewMappings(context),
            confirm_mappings=ConfirmMappings(context),
            read_mappings=ReadMappings(context),
            start_discovery=StartDiscovery(context),
            start_sync=StartSync(context),
            read_runs=ReadRuns(context),
            cancel_run=CancelRun(context),
        )
