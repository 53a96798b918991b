"""``demo``: eight customers, about 250 users, and every case that the rules speak of."""

import random
from collections.abc import Iterator
from uuid import UUID

from devhost.seeds.model import GraphUser, Seed, SeedClient, SeedContact, SeedGroup, SeedTenant
from devhost.seeds.msps import MSPS, SECOND_MSP_CLIENTS
from devhost.seeds.people import FAMILY, GIVEN, object_id, person


def _tenant(number: int) -> UUID:
    return UUID(f"e0000000-0000-4000-8000-{number:012d}")


def _client(number: int) -> UUID:
    return UUID(f"c1000000-0000-4000-8000-{number:012d}")


ALPINE, BRIGHT, CEDAR, DELTA, EBONY, FJORD, GINKGO, HARBOR = (_tenant(n) for n in range(1, 9))

TENANTS = (
    SeedTenant(
        entra_tenant_id=ALPINE,
        display_name="Alpine Dental Group",
        default_domain="alpinedental.example",
        verified_domains=("alpinedental.example", "alpinedental.onmicrosoft.com"),
        partners=(0, 1),
    ),
    SeedTenant(
        entra_tenant_id=BRIGHT,
        display_name="Bright Accounting",
        default_domain="brightaccounting.example",
        verified_domains=("brightaccounting.example", "bright-tax.example"),
        partners=(0, 1),
    ),
    SeedTenant(
        entra_tenant_id=CEDAR,
        display_name="Cedar Grove School",
        default_domain="cedargrove.example",
        verified_domains=("cedargrove.example",),
        relationship_days=12,
        auto_extend=False,
    ),
    SeedTenant(
        entra_tenant_id=DELTA,
        display_name="Delta Logistics",
        default_domain="deltalogistics.example",
        verified_domains=("deltalogistics.example",),
        consented=False,
    ),
    SeedTenant(
        entra_tenant_id=EBONY,
        display_name="Ebony & Oak Furniture",
        default_domain="ebonyoak.example",
        verified_domains=("ebonyoak.example",),
    ),
    SeedTenant(
        entra_tenant_id=FJORD,
        display_name="Fjord Fisk AS",
        default_domain="xn--fjrdfisk-64a.example",
        verified_domains=("xn--fjrdfisk-64a.example", "fjordfisk.onmicrosoft.com"),
    ),
    SeedTenant(
        entra_tenant_id=GINKGO,
        display_name="銀杏株式会社",
        default_domain="ginkgo.example",
        verified_domains=("ginkgo.example",),
    ),
    SeedTenant(
        entra_tenant_id=HARBOR,
        display_name="Harborview Clinic",
        default_domain="harborview.example",
        verified_domains=("harborview.example",),
    ),
)

CLIENTS = (
    SeedClient(
        client_id=_client(1),
        name="Alpine Dental Group Ltd",
        website="https://www.alpinedental.example/",
        billing_email="billing@alpinedental.example",
    ),
    SeedClient(client_id=_client(2), name="Bright Accounting LLP", domain="bright-tax.example"),
    SeedClient(client_id=_client(3), name="Cedar Grove School", website="cedargrove.example"),
    SeedClient(
        client_id=_client(4), name="Delta Logistics", website="http://deltalogistics.example"
    ),
    SeedClient(
        client_id=_client(5), name="Ebony & Oak Furniture", website="https://ebonyoak.example"
    ),
    SeedClient(
        client_id=_client(6), name="Ebony & Oak Outlet", website="https://ebonyoak.example/outlet"
    ),
    SeedClient(client_id=_client(7), name="Fjord Fisk", website="https://fjørdfisk.example"),
    SeedClient(
        client_id=_client(8),
        name="Ginkgo K.K.",
        website=None,
        inbound_email_domains=("ginkgo.example",),
    ),
    SeedClient(client_id=_client(9), name="Northwind Dental Group"),
    SeedClient(
        client_id=_client(10), name="Harbor View Yachts", website="https://hvyachts.example"
    ),
    SeedClient(
        client_id=_client(11),
        name="Old Mill Bakery (closed)",
        website="https://oldmill.example",
        is_active=False,
    ),
)

CONTACTS = (
    SeedContact(
        client_id=_client(1), full_name="Anna Abbott", email="anna.abbott@alpinedental.example"
    ),
    SeedContact(
        client_id=_client(1),
        full_name="Benjamin Berger",
        email="Ben.Berger@AlpineDental.example",
        role="Partner",
        phones=(("work", "+1 555 7000"),),
    ),
    SeedContact(client_id=_client(1), full_name="C. Costa", email="clara@alpinedental.example"),
    SeedContact(
        client_id=_client(1),
        full_name="David Dubois",
        email="david.dubois@alpinedental.example",
        is_active=False,
    ),
    SeedContact(client_id=_client(1), full_name="Elena Eriksen", email="elena@private.example"),
    SeedContact(
        client_id=_client(9), full_name="Felix Fischer", email="felix.fischer@alpinedental.example"
    ),
    SeedContact(
        client_id=_client(1), full_name="Front Desk", email="frontdesk@alpinedental.example"
    ),
    SeedContact(
        client_id=_client(2),
        full_name="Grace Garcia",
        email="grace.garcia@brightaccounting.example",
    ),
    SeedContact(
        client_id=_client(3), full_name="Henry Hansen", email="henry.hansen@cedargrove.example"
    ),
    SeedContact(client_id=_client(1), full_name="Ines Ivanov", email="ines.i@alpinedental.example"),
    SeedContact(client_id=_client(1), full_name="I. Ivanov", email="i.ivanov@alpinedental.example"),
    SeedContact(client_id=_client(7), full_name="Kåre Bjørn", email="kåre@fjørdfisk.example"),
)


def _group(
    number: int, name: str, *members: str, within: tuple[int, ...] = (), mail: str | None = None
) -> SeedGroup:
    """A group of Alpine Dental, with people by the first part of their names and other groups."""
    people = (object_id(ALPINE, f"{member}@alpinedental.example") for member in members)
    return SeedGroup(
        entra_tenant_id=ALPINE,
        group_id=_group_id(number),
        display_name=name,
        mail=mail,
        members=(*map(UUID, people), *map(_group_id, within)),
    )


def _group_id(number: int) -> UUID:
    return UUID(f"90000000-0000-4000-8000-{number:012d}")


GROUPS = (
    _group(1, "All Staff", "anna.abbott", within=(2, 3), mail="staff@alpinedental.example"),
    _group(2, "Dentists", "ben.berger", "clara.costa", "gone.former", within=(4,)),
    _group(3, "Dental O'Hygiene", "elena.eriksen", "ben.berger"),
    _group(4, "Locum dentists", "felix.fischer", within=(2,)),
    _group(5, "Nobody yet"),
)
"""Groups in groups, one of which is in a circle; a person in two; a disabled one; an empty one."""


def seed() -> Seed:
    """The whole of it, the same each time."""
    return Seed(
        msps=MSPS,
        tenants=TENANTS,
        clients=(*CLIENTS, *SECOND_MSP_CLIENTS),
        contacts=CONTACTS,
        users=tuple(_users()),
        groups=GROUPS,
    )


def _users() -> Iterator[tuple[UUID, GraphUser]]:
    rng = random.Random(20261)
    yield from _special(rng)
    sizes = {
        ALPINE: 38,
        BRIGHT: 30,
        CEDAR: 36,
        DELTA: 14,
        EBONY: 22,
        FJORD: 16,
        GINKGO: 12,
        HARBOR: 40,
    }
    for tenant in TENANTS:
        domain = tenant.default_domain
        for number in range(sizes[tenant.entra_tenant_id]):
            given, family = GIVEN[(number * 7 + 11) % 30], FAMILY[(number * 11 + 17) % 30]
            upn = f"{given}.{family}{number}@{domain}".lower()
            yield (
                tenant.entra_tenant_id,
                person(tenant.entra_tenant_id, given, family, domain, rng, userPrincipalName=upn),
            )


def _special(rng: random.Random) -> Iterator[tuple[UUID, GraphUser]]:
    """One user for each case."""
    domain = "alpinedental.example"

    def alpine(given: str, family: str, **changes: object) -> tuple[UUID, GraphUser]:
        return ALPINE, person(ALPINE, given, family, domain, rng, **changes)

    # Existing contacts: same address; other case; by alias; inactive; at another client; same name
    # only.
    yield alpine("Anna", "Abbott")
    yield alpine("Ben", "Berger")
    yield alpine(
        "Clara",
        "Costa",
        proxyAddresses=[f"SMTP:clara.costa@{domain}", f"smtp:clara@{domain}", "SIP:clara@sip"],
    )
    yield alpine("David", "Dubois")
    yield alpine("Elena", "Eriksen")
    yield alpine("Felix", "Fischer")
    # Two aliases that lead to two contacts.
    yield alpine("Ines", "Ivanov", otherMails=[f"ines.i@{domain}", f"i.ivanov@{domain}"])
    # Two identities with one address, which a contact has, and two with one that nobody has.
    for name in ("reception-am", "reception-pm"):
        upn = f"{name}@{domain}"
        yield alpine(
            "Front", "Desk", userPrincipalName=upn, mail=f"frontdesk@{domain}", proxyAddresses=[]
        )
    for name in ("xray.one", "xray.two"):
        upn = f"{name}@{domain}"
        yield alpine(
            "X-Ray", "Room", userPrincipalName=upn, mail=f"xray@{domain}", proxyAddresses=[]
        )
    # People whose names only look like those of services.
    yield alpine("Talbot", "Svensson", userPrincipalName=f"talbot.svensson@{domain}")
    yield alpine("Sa", "Khan", userPrincipalName=f"sa.khan@{domain}")
    yield alpine("Adm", "Ramirez", userPrincipalName=f"adm.ramirez@{domain}")
    yield alpine("Scannerina", "Poe", userPrincipalName=f"scannerina@{domain}")
    # Accounts that are nobody.
    for local in (
        "svc-backup",
        "noreply",
        "no-reply",
        "sa-sql",
        "adm01",
        "scanner_2",
        "admin-sync",
    ):
        yield alpine(local.title(), "", userPrincipalName=f"{local}@{domain}", assignedLicenses=[])
    yield alpine(
        "On-Premises Directory Synchronization",
        "Service Account",
        userPrincipalName="Sync_DC01_4f2a@alpinedental.onmicrosoft.com",
        mail="sync@alpinedental.example",
    )
    yield alpine("Treatment", "Room 1", isResourceAccount=True, userPrincipalName=f"room1@{domain}")
    yield alpine("Conference", "Room", accountEnabled=False, userPrincipalName=f"room2@{domain}")
    yield alpine("Gone", "Former", accountEnabled=False, assignedLicenses=[])
    yield alpine(
        "No",
        "Address",
        userPrincipalName="no.address@alpinedental.onmicrosoft.com",
        mail=None,
        proxyAddresses=[],
    )
    yield alpine("Upn", "Only", mail=None, proxyAddresses=[])
    yield alpine(
        "Guest",
        "Partner",
        userPrincipalName="guest_partner.example#EXT#@alpinedental.onmicrosoft.com",
        mail="guest@partner.example",
        userType="Guest",
        externalUserState="Accepted",
    )
    yield alpine("Renamed", "Newname", mail=f"renamed.newname@{domain}",
                 userPrincipalName=f"renamed.oldname@{domain}")  # fmt: skip
    yield alpine(
        "Bare", "Minimum", jobTitle=None, businessPhones=[], mobilePhone=None, givenName=None
    )
    yield BRIGHT, person(BRIGHT, "Grace", "Garcia", "brightaccounting.example", rng)
    yield CEDAR, person(CEDAR, "Henry", "Hansen", "cedargrove.example", rng)
    for given, family in (("Kåre", "Bjørn"), ("Åse", "Ødegård")):
        upn = f"{given}.{family}@fjørdfisk.example".lower()
        mail = "kåre@fjørdfisk.example" if given == "Kåre" else None
        yield FJORD, person(FJORD, given, family, "x", rng, userPrincipalName=upn, mail=mail)
    for given, family, local in (
        ("花子", "山田", "hanako.yamada"),
        ("Борис", "Петров", "boris.petrov"),
        ("Ελένη", "Παππά", "eleni.pappa"),
        ("מרים", "לוי", "miriam.levi"),
    ):
        upn = f"{local}@ginkgo.example"
        yield GINKGO, person(GINKGO, given, family, "ginkgo.example", rng, userPrincipalName=upn)
