"""The kinds of customers of the data set: each function adds one case with its truth.

A case is one customer's directory (sometimes a few), the client that it is, and the clients that
it is not.
"""

import random
from collections.abc import Callable, Mapping

import idna

from benchmarks.mapping.vocabulary import (
    ABBREVIATED,
    LOOKALIKES,
    SCRIPTS,
    TONGUES,
    Script,
)
from benchmarks.mapping.world import Company, World, plain

Kind = Callable[[World], None]


def _client_of(
    world: World,
    company: Company,
    *,
    name: str | None = None,
    share: float = 0.85,
    known: bool | None = None,
) -> str:
    """A client with most of its contacts on its own domain; ``known``: its website is filled in."""
    count = world.headcount()
    own = round(count * share)
    contacts = [*world.people(company.domain, own), *world.free_mail(count - own)]
    filled = world.chance(0.8) if known is None else known
    return world.client(
        name or _typed(world, company),
        website=world.website(company.domain) if filled and world.chance(0.85) else None,
        domain=company.domain if filled and world.chance(0.3) else None,
        billing=f"accounts@{company.domain}" if world.chance(0.5) else None,
        inbound=[company.domain] if world.chance(0.3) else [],
        contacts=contacts,
    )


def _typed(world: World, company: Company) -> str:
    """The name as somebody typed it at the PSA."""
    name = company.full if world.chance(0.5) else company.name
    for long, short in ABBREVIATED:
        if long in name and world.chance(0.15):
            name = name.replace(long, short)
    if world.chance(0.06):
        name = name.upper()
    if world.chance(0.04):
        number = world.random.randrange(100, 999)
        name = world.pick((f"{number:03} - {name}", f"{name}_{number}", f"Client: {name}"))
    return f"The {name}" if world.chance(0.03) else name


def _listed(world: World, company: Company) -> str:
    """The name as the directory shows it."""
    return company.full if world.chance(0.35) else company.name


# --- Ordinary customers ---


def plain_case(world: World) -> None:
    """The website says it, or the contacts do."""
    company = world.company()
    client = _client_of(world, company)
    domains = [company.domain]
    if world.chance(0.2):
        domains.append(f"{world.free_label(company.label)}.{company.suffix}")
        world.random.shuffle(domains)
    world.tenant(_listed(world, company), domains, "plain", client)


def legal_form(world: World) -> None:
    """The same company under another legal form, or a long one; no domain is known."""
    company = world.company()
    tongue = world.tongue()
    client = world.client(
        f"{company.name} {world.pick(tongue.legal)}",
        contacts=world.free_mail(world.headcount()) if world.chance(0.5) else [],
    )
    world.tenant(f"{company.name} {company.legal}", [company.domain], "legal_form", client)


def abbreviation(world: World) -> None:
    """Initials, "&" for "and", "St." for "Saint"."""
    tongue = TONGUES["en"]
    first, second, third = (world.pick(tongue.surnames) for _ in range(3))
    trade = world.pick(tongue.trades)
    long, short = world.pick(
        (
            (f"{first} {second} {third} {trade}", f"{first[0]}{second[0]}{third[0]} {trade}"),
            (f"{first} and {second} {trade}", f"{first} & {second} {trade}"),
            (f"Saint {first} {trade}", f"St. {first} {trade}"),
            (f"{first} Brothers {trade}", f"{first} Bros. {trade}"),
            (f"{first} {second} International", f"{first} {second} Intl."),
            (f"{first} {trade} Services", f"{first} {trade} Svcs"),
        )
    )
    company = world.registered(long, tongue)
    known = world.chance(0.5)
    client = _client_of(world, company, name=short, known=known, share=0.5)
    world.tenant(long, [company.domain], "abbreviation", client)


def typo(world: World) -> None:
    """A letter too few, too many, or swapped; no domain is known."""
    company = world.company()
    name = misspelt(world.random, company.name)
    client = world.client(name, contacts=world.free_mail(3) if world.chance(0.3) else [])
    world.tenant(_listed(world, company), [company.domain], "typo", client)


def trading_name(world: World) -> None:
    """The legal name has nothing of the name people know; domain or contacts tell."""
    company = world.company()
    tongue = world.tongue()
    trading = world.brand() if world.chance(0.5) else world.company(tongue).name
    legal = f"{company.name} {world.pick(tongue.legal)}"
    if world.chance(0.3):
        legal = f"{legal} {world.pick(('t/a', 'dba', 'trading as'))} {trading}"
    label = world.free_label(plain(trading).replace(" ", ""))
    domain = f"{label}.{company.suffix}"
    known = world.chance(0.7)
    contacts = world.people(domain, world.headcount() + 2)
    if known and world.chance(0.4):
        contacts = world.free_mail(world.random.randrange(3))
    client = world.client(
        legal,
        website=world.website(domain) if known else None,
        contacts=contacts,
        billing=f"billing@{domain}" if world.chance(0.4) else None,
    )
    world.tenant(trading, [domain], "trading_name", client)


def merger(world: World) -> None:
    """The merged company's directory has the domains of both; one client goes on."""
    first, second = world.company(), world.company()
    bought = _client_of(world, second, known=True)
    if world.chance(0.5):
        going_on = _client_of(world, first, known=True)
        name = _listed(world, first)
    else:
        going_on = bought
        bought = _client_of(world, first, known=True)
        first, second = second, first
        name = f"{_listed(world, first)} Group"
    world.tenant(name, [first.domain, second.domain], "merger", going_on)


def census_only(world: World) -> None:
    """No website at the client, yet its contacts write from the domain; the name differs a bit."""
    company = world.company()
    words = company.name.split()
    name = " ".join(words[:-1]) if len(words) > 1 else company.name
    client = world.client(name, contacts=world.people(company.domain, world.headcount() + 1))
    world.tenant(_listed(world, company), [company.domain], "census_only", client)


def free_mail_owner(world: World) -> None:
    """A small company whose people write from free mail; only its name is known."""
    company = world.company()
    client = world.client(
        _typed(world, company),
        contacts=world.free_mail(world.random.randrange(1, 5)),
        billing=world.free_mail(1)[0] if world.chance(0.5) else None,
    )
    domains = [company.domain] if world.chance(0.5) else []
    world.tenant(_listed(world, company), domains, "free_mail_owner", client)


def no_own_domain(world: World) -> None:
    """A directory that never got beyond its first domain."""
    company = world.company()
    client = _client_of(world, company)
    world.tenant(_listed(world, company), [], "no_own_domain", client)


def subdomain(world: World) -> None:
    """A verified subdomain, or a website below the verified domain."""
    company = world.company()
    below = f"{world.pick(('mail', 'office', 'eu', 'north'))}.{company.domain}"
    client = world.client(
        _typed(world, company),
        website=world.website(f"shop.{company.domain}" if world.chance(0.5) else company.domain),
        contacts=world.people(company.domain, world.headcount()),
    )
    domains = [below] if world.chance(0.5) else [company.domain]
    world.tenant(_listed(world, company), domains, "subdomain", client)


def international_domain(world: World) -> None:
    """A domain with letters beyond ASCII, typed as it is read, verified as punycode."""
    tongue = TONGUES[world.pick(("de", "fr", "nordic", "es"))]
    company = world.company(tongue)
    letters = "".join(c for c in company.name.lower() if c.isalnum())
    unicode_domain = f"{world.free_label(letters)}.{company.suffix}"
    encoded = idna.encode(unicode_domain, uts46=True).decode()
    client = world.client(
        _typed(world, company),
        website=world.website(unicode_domain),
        contacts=world.people(unicode_domain, 4) if world.chance(0.5) else [],
    )
    world.tenant(_listed(world, company), [encoded], "international_domain", client)


# --- Scripts ---


def _foreign(world: World, script: Script) -> tuple[str, str]:
    """A name in a script of its own, and the same in Latin letters."""
    native, latin = world.pick(script.names)
    other_native, other_latin = world.pick(script.names)
    trade, trade_latin = world.pick(script.trades)
    return (
        script.glue.join((native, other_native, trade)),
        f"{latin} {other_latin} {trade_latin}",
    )


def _with_form(world: World, script: Script, name: str) -> str:
    form = world.pick(script.legal)
    return f"{form}{script.glue}{name}" if script.before else f"{name}{script.glue}{form}"


def native_script(world: World) -> None:
    """Both sides write the name in its own script."""
    script = SCRIPTS[world.pick(sorted(SCRIPTS))]
    native, latin = _foreign(world, script)
    domain = f"{world.free_label(plain(latin).replace(' ', '')[:14])}.{script.suffix}"
    known = world.chance(0.4)
    client = world.client(
        _with_form(world, script, native) if world.chance(0.6) else native,
        website=world.website(domain) if known else None,
        contacts=world.people(domain, 5) if world.chance(0.3) else world.free_mail(2),
    )
    world.tenant(_with_form(world, script, native), [domain], "native_script", client)


def romanised(world: World) -> None:
    """One side writes the name in Latin letters."""
    script = SCRIPTS[world.pick(sorted(SCRIPTS))]
    native, latin = _foreign(world, script)
    label = plain(latin).replace(" ", "")[:16] if world.chance(0.6) else plain(latin).split()[0]
    domain = f"{world.free_label(label)}.{script.suffix}"
    names = [_with_form(world, script, native), f"{latin} {world.pick(('Co., Ltd.', 'LLC', ''))}"]
    world.random.shuffle(names)
    client = world.client(
        names[0].strip(),
        website=world.website(domain) if world.chance(0.3) else None,
        contacts=world.people(domain, 4) if world.chance(0.3) else [],
    )
    world.tenant(names[1].strip(), [domain], "romanised", client)


# --- Groups and chains ---


def franchise(world: World) -> None:
    """One brand, many owners, told apart by the place."""
    tongue = TONGUES["en"]
    brand = f"{world.brand()} {world.pick(tongue.trades)}"
    places = world.random.sample(tongue.places, 5)
    head = world.registered(brand, tongue)
    ids = {}
    for place in places:
        shared = world.chance(0.5)
        contacts = [] if shared else world.free_mail(2)
        ids[place] = world.client(
            f"{brand} {place}" if world.chance(0.7) else f"{brand} - {place} {head.legal}",
            website=world.website(head.domain) if shared else None,
            contacts=contacts,
        )
    for place in places[:4]:
        own = f"{world.free_label(head.label + plain(place).replace(' ', ''))}.com"
        world.tenant(f"{brand} {place}", [own], "franchise", ids[place])


def shared_domain(world: World) -> None:
    """Companies of a group with one website and one directory, named after one of them.

    The one may be the holding.
    """
    tongue = world.tongue()
    root = world.brand()
    trades = world.random.sample(tongue.trades, 3)
    if world.chance(0.5):
        trades[0] = world.pick(("Group", "Holdings", "Group Holdings"))
    group = world.registered(root, tongue)
    ids = [
        world.client(
            f"{root} {trade} {world.pick(tongue.legal)}",
            website=world.website(group.domain),
            contacts=world.people(group.domain, world.random.randrange(2, 9)),
        )
        for trade in trades
    ]
    shown = f"{root} {trades[0]}"
    if "Group" in shown or "Holdings" in shown:
        shown = world.pick((root, shown, f"{root} Group"))
    world.tenant(shown, [group.domain], "shared_domain", ids[0])


def near_twin(world: World) -> None:
    """Two companies with almost one name; each has its own domain, and one may be no client."""
    company = world.company()
    twin = world.registered(misspelt(world.random, company.name), world.tongue())
    client = _client_of(world, company, known=True)
    if world.chance(0.4):
        world.tenant(_listed(world, twin), [twin.domain], "near_twin", None)
        return
    other = _client_of(world, twin, known=world.chance(0.5))
    if world.chance(0.5):
        world.tenant(_listed(world, company), [company.domain], "near_twin", client)
    else:
        world.tenant(_listed(world, twin), [twin.domain], "near_twin", other)


def namesake(world: World) -> None:
    """Two clients of one name in two towns."""
    company = world.company(TONGUES["en"])
    twin = world.registered(company.name, TONGUES["en"])
    client = _client_of(world, company, known=world.chance(0.5))
    _client_of(world, twin, known=world.chance(0.7))
    world.tenant(_listed(world, company), [company.domain], "namesake", client)


# --- Addresses and sites that are somebody else's ---


def accountant(world: World) -> None:
    """An accountant whose address stands at several clients."""
    company = world.registered(
        f"{world.pick(TONGUES['en'].surnames)} {world.brand()} Accountants", TONGUES["en"]
    )
    own = _client_of(world, company) if world.chance(0.6) else None
    for _ in range(4):
        served = world.company()
        world.client(
            _typed(world, served),
            website=world.website(served.domain) if world.chance(0.7) else None,
            contacts=[
                *world.people(company.domain, 1),
                *world.people(served.domain, world.headcount()),
            ],
            billing=f"clients@{company.domain}" if world.chance(0.6) else None,
        )
    world.tenant(_listed(world, company), [company.domain], "accountant", own)


def head_office(world: World) -> None:
    """A head office whose website field holds a franchisee's site; the franchisee is a client."""
    office, franchisee = world.company(), world.company()
    if world.chance(0.5):
        tongue, brand = TONGUES["en"], f"{world.brand()} {world.pick(TONGUES['en'].trades)}"
        title = world.pick(("Group", "Franchising", "UK", "International", ""))
        office = world.registered(f"{brand} {title}".strip(), tongue, plain(brand).replace(" ", ""))
        franchisee = world.registered(f"{brand} {world.pick(tongue.places)}", tongue)
    world.client(
        _typed(world, office),
        website=world.website(franchisee.domain),
        contacts=world.people(office.domain, world.headcount()),
    )
    true = world.client(
        _typed(world, franchisee), contacts=world.people(franchisee.domain, world.headcount())
    )
    listed = true if world.chance(0.6) else None
    if listed is None:
        world.clients.pop()
    world.tenant(_listed(world, franchisee), [franchisee.domain], "head_office", listed)


def agency(world: World) -> None:
    """An agency that hosts the sites of several clients."""
    company = world.registered(f"{world.brand()} Media", TONGUES["en"])
    for _ in range(world.random.randrange(1, 4)):
        hosted = world.company()
        world.client(
            _typed(world, hosted),
            website=f"https://{company.domain}/{hosted.label}",
            contacts=world.people(hosted.domain, world.headcount()),
        )
    own = None
    if world.chance(0.5):
        own = world.client(
            _typed(world, company), contacts=world.people(company.domain, world.headcount())
        )
    world.tenant(_listed(world, company), [company.domain], "agency", own)


def sold_domain(world: World) -> None:
    """A client's website field still holds a domain that it sold, maybe to one named alike."""
    seller, buyer = world.company(), world.company()
    if world.chance(0.4):
        tongue, root = TONGUES["en"], world.pick(TONGUES["en"].surnames) + " " + world.brand()
        first, second = world.random.sample(tongue.trades, 2)
        seller = world.registered(f"{root} {first}", tongue)
        buyer = world.registered(f"{root} {second}", tongue, plain(root).replace(" ", ""))
    world.client(
        _typed(world, seller),
        website=world.website(buyer.domain),
        contacts=world.people(seller.domain, world.headcount()),
    )
    true = _client_of(world, buyer, known=False) if world.chance(0.5) else None
    world.tenant(_listed(world, buyer), [buyer.domain], "sold_domain", true)


def stray_contact(world: World) -> None:
    """A right match, while single people of the company stand at other clients, too."""
    company = world.company()
    client = _client_of(world, company, known=True)
    for _ in range(2):
        other = world.company()
        world.client(
            _typed(world, other),
            contacts=[
                *world.people(company.domain, 1),
                *world.people(other.domain, world.headcount()),
            ],
        )
    world.tenant(_listed(world, company), [company.domain], "stray_contact", client)


def rebrand(world: World) -> None:
    """The company has a new name and domain; its contacts still write from the old one."""
    old, new = world.company(), world.company()
    name = old.name if world.chance(0.4) else new.name
    client = world.client(
        name,
        website=world.website(new.domain),
        contacts=world.people(old.domain, world.headcount()),
    )
    if name == old.name:
        domains = [new.domain, old.domain]
    else:
        domains = [new.domain, old.domain] if world.chance(0.3) else [new.domain]
    world.tenant(_listed(world, new), domains, "rebrand", client)


def other_suffix(world: World) -> None:
    """The directory has another top-level domain than the one the client is known by."""
    company = world.company()
    client = _client_of(world, company, known=world.chance(0.7))
    other = f"{company.label}.{world.pick(('net', 'eu', 'org', 'online', 'group'))}"
    world.tenant(_listed(world, company), [other], "other_suffix", client)


def unknown_domain(world: World) -> None:
    """The directory has a domain that nobody entered; the name is the same, and rare."""
    tongue = world.tongue()
    name = f"{world.brand()} {world.pick(tongue.surnames)} {world.pick(tongue.trades)}"
    company = world.registered(name, tongue)
    client = _client_of(world, company, known=world.chance(0.6))
    other = f"{world.free_label(plain(name).split()[0] + world.pick(('it', 'hq', 'mail')))}.com"
    world.tenant(_listed(world, company), [other], "unknown_domain", client)


def second_directory(world: World) -> None:
    """A client with a second directory, for tests or left from earlier."""
    company = world.company()
    client = _client_of(world, company)
    world.tenant(_listed(world, company), [company.domain], "plain", client)
    purpose = world.pick(("(Test)", "Dev", "- Sandbox", "TEST", "(old)"))
    domains = [f"{world.free_label(company.label)}.com"] if world.chance(0.3) else []
    world.tenant(f"{company.name} {purpose}", domains, "second_directory", client)


def owner_name(world: World) -> None:
    """A directory that goes by its owner's name, or by none; its domain is that of the company."""
    company = world.company()
    client = _client_of(world, company, known=world.chance(0.6))
    owner = f"{world.pick(('Anna', 'Paul', 'Lucy', 'Mark'))} {world.pick(world.tongue().surnames)}"
    if world.chance(0.4):
        owner = world.pick(("Default Directory", "Microsoft 365", "Main", "Company", "Office"))
    world.tenant(owner, [company.domain], "owner_name", client)


def added_place(world: World) -> None:
    """One side adds the town."""
    tongue = world.tongue()
    name = f"{world.pick(tongue.surnames)} {world.brand()} {world.pick(tongue.trades)}"
    company = world.registered(name, tongue)
    longer = f"{name} {world.pick(tongue.places)}" if world.chance(0.5) else f"{name} (UK)"
    names = [name, longer]
    world.random.shuffle(names)
    client = world.client(names[0], contacts=world.free_mail(2))
    world.tenant(names[1], [company.domain], "added_place", client)


# --- Customers that are no client ---


def other_town(world: World) -> None:
    """A company of a client's name in another town."""
    tongue = TONGUES["en"]
    name = f"{world.pick(tongue.surnames)} {world.pick(tongue.trades)}"
    towns = world.random.sample(tongue.places, 2)
    here = world.registered(name, tongue, plain(name + towns[0]).replace(" ", ""))
    there = world.registered(name, tongue, plain(name + towns[1]).replace(" ", ""))
    _client_of(
        world,
        here,
        known=world.chance(0.8),
        name=f"{name} ({towns[0]})" if world.chance(0.5) else name,
    )
    shown = f"{name} ({towns[1]})" if world.chance(0.5) else name
    world.tenant(shown, [there.domain], "other_town", None)


def no_franchisee(world: World) -> None:
    """A franchisee of whom only the brand and other franchisees are clients."""
    tongue = TONGUES["en"]
    brand = f"{world.brand()} {world.pick(tongue.trades)}"
    places = world.random.sample(tongue.places, 4)
    head = world.registered(brand, tongue)
    for place in places[:3]:
        world.client(
            f"{brand} {place}",
            website=world.website(f"{head.label}{plain(place).replace(' ', '')}.com"),
            contacts=world.free_mail(2),
        )
    if world.chance(0.6):
        title = world.pick(("UK", "Group", "Franchising", head.legal))
        world.client(
            f"{brand} {title}",
            website=world.website(head.domain) if world.chance(0.7) else None,
            contacts=world.people(head.domain, world.headcount()),
        )
    own = f"{world.free_label(head.label + plain(places[3]).replace(' ', ''))}.com"
    domains = [own] if world.chance(0.6) else []
    world.tenant(f"{brand} {places[3]}", domains, "no_franchisee", None)


def thin_stray(world: World) -> None:
    """A company known only as the one contact, or the payer, of a client with little else."""
    company = world.company()
    for _ in range(world.random.randrange(1, 3)):
        served = world.company()
        contact = world.chance(0.6)
        world.client(
            _typed(world, served),
            contacts=[
                *(world.people(company.domain, 1) if contact else ()),
                *world.free_mail(world.random.randrange(3)),
            ],
            billing=None if contact else f"invoices@{company.domain}",
        )
    world.tenant(_listed(world, company), [company.domain], "thin_stray", None)


def imposter(world: World) -> None:
    """Bears a client's name, with a domain that only looks like the client's."""
    company = world.company(TONGUES["en"])
    _client_of(world, company, known=world.chance(0.6))
    swaps = {**LOOKALIKES, "u": "ú", "n": "ñ"}
    letter = next((c for c in company.label if c in swaps), None)
    if letter is None:
        return
    masked = company.label.replace(letter, swaps[letter], 1)
    domain = f"xn--{masked.encode('punycode').decode()}.{company.suffix}"
    world.tenant(_listed(world, company), [domain], "imposter", None)


def reseller(world: World) -> None:
    """The MSP's or a reseller's own directory: its address pays for many, and it is no client."""
    company = world.registered(f"{world.brand()} IT Services", TONGUES["en"])
    for _ in range(6):
        served = world.company()
        world.client(
            _typed(world, served),
            website=world.website(served.domain) if world.chance(0.7) else None,
            billing=f"billing@{company.domain}",
            contacts=[
                *world.people(served.domain, world.headcount()),
                *(world.people(company.domain, 1) if world.chance(0.3) else ()),
            ],
        )
    world.tenant(_listed(world, company), [company.domain], "reseller", None)


def stranger(world: World) -> None:
    """A customer that is no client yet."""
    company = world.company()
    world.tenant(_listed(world, company), [company.domain], "stranger", None)


def false_friend(world: World) -> None:
    """Shares its common words with a client, and is another company."""
    tongue = TONGUES["en"]
    trade = world.pick(tongue.trades)
    extra = world.pick(("Group", "Partners", "Centre", "Services", "of London"))
    one, two = world.brand(), world.brand()
    client = world.registered(f"{one} {trade} {extra}", tongue)
    other = world.registered(f"{two} {trade} {extra}", tongue)
    _client_of(world, client)
    world.tenant(_listed(world, other), [other.domain], "false_friend", None)


def inactive_client(world: World) -> None:
    """The client has left; its record is inactive."""
    company = world.company()
    world.client(
        _typed(world, company),
        website=world.website(company.domain),
        contacts=world.people(company.domain, 4),
        active=False,
    )
    world.tenant(_listed(world, company), [company.domain], "inactive_client", None)


def lookalike(world: World) -> None:
    """Pretends to be a client, with letters of another script in name and domain."""
    company = world.company(TONGUES["en"])
    _client_of(world, company, known=True)
    lower = company.name.lower()
    letter = next((c for c in lower if c in LOOKALIKES), None)
    if letter is None:
        return
    name = company.name.replace(letter, LOOKALIKES[letter])
    label = company.label.replace(letter, LOOKALIKES[letter])
    domain = f"xn--{label.encode('punycode').decode()}.com"
    world.tenant(name, [domain], "lookalike", None)


def misspelt(chance: random.Random, name: str) -> str:
    """The name with one mistake in a word of some length."""
    words = name.split()
    at = max(range(len(words)), key=lambda i: len(words[i]))
    word = words[at]
    spot = chance.randrange(1, max(2, len(word) - 1))
    match chance.randrange(4):
        case 0:
            word = word[:spot] + word[spot + 1 :]
        case 1:
            word = word[:spot] + word[spot] + word[spot:]
        case 2:
            word = word[:spot] + word[spot + 1 : spot + 2] + word[spot] + word[spot + 2 :]
        case _:
            word = word[:spot] + chance.choice("aeiourstnl") + word[spot + 1 :]
    words[at] = word
    return " ".join(words)


def without_tenant(world: World) -> None:
    """A client whose directory is not managed, or that has none."""
    company = world.company()
    if world.chance(0.3):
        world.client(_typed(world, company), contacts=world.free_mail(world.random.randrange(4)))
    else:
        _client_of(world, company)


SHARES: Mapping[Kind, float] = {
    plain_case: 40,
    legal_form: 4,
    abbreviation: 3,
    typo: 3,
    trading_name: 4,
    merger: 2,
    census_only: 4,
    free_mail_owner: 4,
    no_own_domain: 3,
    subdomain: 2,
    international_domain: 2,
    native_script: 4,
    romanised: 2.5,
    franchise: 1,  # four customers each
    shared_domain: 2,
    near_twin: 2.5,
    namesake: 1.5,
    accountant: 1.5,
    head_office: 3,
    agency: 1.5,
    sold_domain: 3,
    stray_contact: 3,
    rebrand: 2,
    other_suffix: 2,
    unknown_domain: 1.5,
    second_directory: 1.5,
    owner_name: 1.5,
    added_place: 2,
    other_town: 3,
    no_franchisee: 4,
    thin_stray: 3,
    imposter: 1.5,
    reseller: 1,
    stranger: 8,
    false_friend: 5,
    inactive_client: 2,
    lookalike: 1.5,
}
"""Kinds and how often they come, in parts of each other."""
