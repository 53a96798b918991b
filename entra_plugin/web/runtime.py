"""What the web needs of a started process: the context and one object per use case."""

from dataclasses import dataclass

from entra_plugin.application.apply_run import ApplyRun
from entra_plugin.application.connect.app_only import ConnectAppOnly
from entra_plugin.application.connect.cipp import ConnectCipp, TestCipp
from entra_plugin.application.connect.direct import CompleteSignIn, StartSignIn
from entra_plugin.application.connect.disconnect import Disconnect
from entra_plugin.application.connect.ports import ConnectPorts
from entra_plugin.application.connect.rotate import RotateCredentials
from entra_plugin.application.connect.validate import Validate
from entra_plugin.application.context import Context
from entra_plugin.application.decision_file import ExportDecisions, ImportDecisions
from entra_plugin.application.erase_person import ErasePerson
from entra_plugin.application.explain import Explain
from entra_plugin.application.find_groups import FindGroups
from entra_plugin.application.held import ApproveHeld, DiscardHeld
from entra_plugin.application.map_tenants import ConfirmMappings, PreviewMappings
from entra_plugin.application.overview import Overview
from entra_plugin.application.pins import StandingOrders
from entra_plugin.application.read_mappings import ReadMappings
from entra_plugin.application.remedies import Remedies
from entra_plugin.application.review.queue import ReviewQueue
from entra_plugin.application.review.read import ReadReview
from entra_plugin.application.review.resolve import ResolveItem, ResolveItems
from entra_plugin.application.run_history import RunHistory
from entra_plugin.application.runs import CancelRun, ReadRuns
from entra_plugin.application.schedule import Schedule
from entra_plugin.application.settings import Settings
from entra_plugin.application.start_check import StartCheck
from entra_plugin.application.support_bundle import SupportBundle
from entra_plugin.application.sync.start import StartSync
from entra_plugin.application.sync.start_person import StartPerson
from entra_plugin.application.sync.start_preview import StartPreview
from entra_plugin.application.tenant_settings import TenantSettings
from entra_plugin.application.undo.resume import Resume
from entra_plugin.application.undo.start import StartUndo
from entra_plugin.domain.states import RunType


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The use cases that routes and pages call."""

    context: Context
    start_sign_in: StartSignIn
    complete_sign_in: CompleteSignIn
    connect_app_only: ConnectAppOnly
    test_cipp: TestCipp
    connect_cipp: ConnectCipp
    validate: Validate
    rotate_credentials: RotateCredentials
    disconnect: Disconnect
    overview: Overview
    settings: Settings
    schedule: Schedule
    preview_mappings: PreviewMappings
    confirm_mappings: ConfirmMappings
    read_mappings: ReadMappings
    export_decisions: ExportDecisions
    import_decisions: ImportDecisions
    tenant_settings: TenantSettings
    find_groups: FindGroups
    start_discovery: StartCheck
    start_validation: StartCheck
    start_sync: StartSync
    start_preview: StartPreview
    start_person: StartPerson
    approve_held: ApproveHeld
    discard_held: DiscardHeld
    read_runs: ReadRuns
    run_history: RunHistory
    explain: Explain
    cancel_run: CancelRun
    standing_orders: StandingOrders
    erase_person: ErasePerson
    read_review: ReadReview
    review_queue: ReviewQueue
    resolve_item: ResolveItem
    resolve_items: ResolveItems
    start_undo: StartUndo
    apply_run: ApplyRun
    resume: Resume
    remedies: Remedies
    support_bundle: SupportBundle

    @classmethod
    def of(cls, context: Context, ports: ConnectPorts) -> "Runtime":
        """Compose the use cases over one context."""
        return cls(
            context=context,
            start_sign_in=StartSignIn(context, ports),
            complete_sign_in=CompleteSignIn(context, ports),
            connect_app_only=ConnectAppOnly(context, ports),
            test_cipp=TestCipp(context, ports),
            connect_cipp=ConnectCipp(context, ports),
            validate=Validate(context),
            rotate_credentials=RotateCredentials(context, ports),
            disconnect=Disconnect(context, ports),
            overview=Overview(context, ports.resolver),
            settings=Settings(context),
            schedule=Schedule(context),
            preview_mappings=PreviewMappings(context),
            confirm_mappings=ConfirmMappings(context),
            read_mappings=ReadMappings(context),
            export_decisions=ExportDecisions(context),
            import_decisions=ImportDecisions(context),
            tenant_settings=TenantSettings(context),
            find_groups=FindGroups(context),
            start_discovery=StartCheck(context, RunType.DISCOVERY),
            start_validation=StartCheck(context, RunType.VALIDATION),
            start_sync=StartSync(context),
            start_preview=StartPreview(context),
            start_person=StartPerson(context),
            approve_held=ApproveHeld(context),
            discard_held=DiscardHeld(context),
            read_runs=ReadRuns(context),
            run_history=RunHistory(context),
            explain=Explain(context),
            cancel_run=CancelRun(context),
            standing_orders=StandingOrders(context),
            erase_person=ErasePerson(context),
            read_review=ReadReview(context),
            review_queue=ReviewQueue(context),
            resolve_item=ResolveItem(context),
            resolve_items=ResolveItems(context),
            start_undo=StartUndo(context),
            apply_run=ApplyRun(context),
            resume=Resume(context),
            remedies=Remedies(context, ports),
            support_bundle=SupportBundle(context),
        )
