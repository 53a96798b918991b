"""Field rules: what the directory may overwrite on a linked contact, by a three-way merge.

B is the base, the directory's value when we last wrote or compared it under the rule; D the
directory's value now; L the contact's. All are compared in normal form.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from entra_plugin.domain.addresses import normalise
from entra_plugin.domain.filters import address_of
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.states import FieldMode, FieldName

FieldRules = Mapping[FieldName, FieldMode]
"""The rules that are on."""

Values = Mapping[FieldName, str | None]
"""One value per field, as it is held."""


@dataclass(slots=True, kw_only=True)
class Merge:
    """What the rules make of one contact."""

    before: dict[FieldName, str | None] = field(default_factory=dict)
    after: dict[FieldName, str] = field(default_factory=dict)
    """The values to write; ``before`` has the contact's own, to be compared when writing."""
    base: dict[FieldName, str] = field(default_factory=dict)
    """Values that directory and contact agree on, or that are settled without writing."""
    conflicts: dict[FieldName, tuple[str, str | None]] = field(default_factory=dict)
    """The directory's value and the contact's, where a person has to say."""


def merge(
    rules: FieldRules,
    *,
    base: Mapping[str, str],
    directory: Values,
    contact: Values,
) -> Merge:
    """Decide field by field.

    A blank never overwrites, and what only a person changed is never reverted.
    """
    result = Merge()
    for name, mode in rules.items():
        there = directory.get(name)
        wanted = normal(name, there)
        if there is None or wanted is None:
            continue
        here = contact.get(name)
        present = normal(name, here)
        held = base.get(name.value)
        if wanted == present:
            if held != wanted:
                result.base[name] = wanted
        elif wanted == held:
            continue
        elif present == held or mode == FieldMode.DIRECTORY_WINS:
            result.before[name] = here
            result.after[name] = there
        elif mode == FieldMode.LOCAL_WINS:
            result.base[name] = wanted
        else:
            result.conflicts[name] = (there, here)
    return result


def normal(name: FieldName, value: str | None) -> str | None:
    """The form in which two values of a field are compared; None for a blank one."""
    if value is None:
        return None
    return _NORMAL_FORMS.get(name, _text)(value) or None


def values_of(user: DirectoryUser) -> dict[FieldName, str | None]:
    """The fields as the directory has them.

    A name is never made up from the address, as that of a new contact may be.
    """
    parts = " ".join(part for part in (user.given_name, user.surname) if part)
    return {
        FieldName.DISPLAY_NAME: user.display_name or parts or None,
        FieldName.EMAIL: address_of(user),
        FieldName.PHONE: user.business_phones[0] if user.business_phones else None,
        FieldName.MOBILE: user.mobile_phone,
        FieldName.ROLE: user.job_title,
        FieldName.DEPARTMENT: user.department,
        FieldName.OFFICE_LOCATION: user.office_location,
    }


def _text(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).split())


def _address(value: str) -> str:
    return normalise(value) or _text(value).casefold()


def _number(value: str) -> str:
    """Digits after an international prefix; what has no digit is compared as text."""
    text = _text(value)
    digits = "".join(c for c in text if c.isdecimal())
    if not digits:
        return text.casefold()
    if text.startswith("+"):
        return "+" + digits
    return "+" + digits[2:] if digits.startswith("00") and len(digits) > 2 else digits


_NORMAL_FORMS: Mapping[FieldName, Callable[[str], str]] = {
    FieldName.EMAIL: _address,
    FieldName.PHONE: _number,
    FieldName.MOBILE: _number,
}
