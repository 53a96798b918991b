"""Whether a directory lets somebody in: a partner's account, or the application by itself."""

from devhost.simulator.sts import StsError, not_consented
from devhost.simulator.world import Partner, World


def admit_partner(world: World, partner: Partner, tenant: str) -> None:
    """Let a partner's account have a token at a customer.

    Raises:
        StsError: As Microsoft would refuse it.
    """
    directory = world.directories.get(tenant)
    if directory is None or not directory.active(partner):
        text = "The account does not exist in the tenant and has no access."
        raise StsError("invalid_grant", 50020, text)
    if not directory.consented:
        raise not_consented()
    if directory.conditional_access:
        text = "Access has been blocked by Conditional Access policies."
        raise StsError("invalid_grant", 53003, text)


def admit_application(world: World, tenant: str) -> None:
    """Let the application have a token of its own; no relationship is needed for that.

    Raises:
        StsError: The directory has not consented to it.
    """
    directory = world.directories.get(tenant)
    if directory is not None and not directory.application_allowed:
        text = "The application is not in the directory."
        raise StsError("unauthorized_client", 700016, text)
