"""Legal forms of companies in many countries: they come, go and change, and tell nobody apart."""

from collections.abc import Iterator, Sequence

from cleanco.termdata import terms_by_country, terms_by_type

IN_FRONT = frozenset(
    {
        *("ooo", "oao", "zao", "ao", "pao", "tov", "ip", "eood", "ood", "ad"),
        *("ets", "etablissements", "cabinet", "societe", "ste", "pt", "cv", "ud", "firma"),
        *("oy", "ab", "as", "sa", "sarl", "sas", "gmbh"),
    }
)
"""Forms that may stand before the name, in Latin letters."""

NATIVE = (
    *("株式会社", "有限会社", "合同会社", "合資会社", "一般社団法人", "医療法人", "(株)", "㈱"),
    *("(有)", "㈲", "股份有限公司", "有限责任公司", "有限責任公司", "有限公司", "集团", "公司"),
    *("주식회사", "유한회사", "(주)", "㈜", "ذ.م.م", "ش.م.م", "ش.م.ل", "ش.م.ع"),
    *("شركة", "مؤسسة", 'בע"מ', "בע״מ", "בעמ", "บริษัท", "จำกัด"),
    *("มหาชน"),
)  # fmt: skip
"""Forms in scripts that are written together with the name."""

_MORE = (
    *("ug", "ug haftungsbeschrankt", "gmbh co kg", "gmbh and co kg", "gmbh co", "kgaa", "gbr"),
    *("partg", "partg mbb", "ev", "eg", "ek", "mbh", "ohg", "stiftung", "se", "snc", "sas"),
    *("sasu", "sci", "scop", "selarl", "eirl", "asbl", "aisbl", "srl", "srls", "spa", "sapa"),
    *("ss", "scarl", "soc coop", "sl", "slu", "slp", "slne", "sau", "sa de cv"),
    *("s de rl de cv", "sapi de cv", "sac", "saa", "ltda", "me", "epp", "eireli", "lda"),
    *("unipessoal lda", "spzoo", "sp zoo", "sp z oo", "sp k", "sp j", "sro", "spol sro"),
    *("spol s ro", "as", "vos", "doo", "dd", "jdoo", "kft", "zrt", "nyrt", "bt", "ood", "eood"),
    *("ead", "ooo", "oao", "zao", "pao", "ao", "tov", "pp", "ip", "ab", "hb", "kb", "aps"),
    *("a s", "ivs", "asa", "ans", "da", "oy", "oyj", "ky", "tmi", "ehf", "hf", "bv", "nv"),
    *("vof", "cv", "bvba", "cvba", "maatschap", "sprl", "pte", "pte ltd", "pty", "pty ltd"),
    *("proprietary limited", "sdn bhd", "bhd", "pt", "tbk", "pvt", "pvt ltd"),
    *("private limited", "opc", "llc", "llp", "lllp", "pllc", "pc", "pa", "plc", "ltd"),
    *("limited", "inc", "incorporated", "corp", "corporation", "co", "company", "co ltd"),
    *("co inc", "lp", "cic", "cio", "dac", "uc", "clg", "teoranta", "teo", "kk", "gk", "yk"),
    *("kabushiki kaisha", "goushi kaisha", "jsc", "ojsc", "cjsc", "pjsc", "wll", "fze", "fzc"),
    *("fzco", "fz llc", "dmcc", "saog", "saoc", "sal", "sarl", "sae", "ae", "epe", "ike", "oe"),
    *("ee", "as ltd sti", "ltd sti", "anonim sirketi", "limited sirketi", "uab", "mb", "sia"),
    *("ou", "sh pk", "shpk", "sha", "trust", "bedc", "sicav", "unlimited", "chartered", "npc"),
    *("soc", "rf", "edms", "bpk", "cc"),
)  # fmt: skip
"""What cleanco does not list, or lists in another spelling."""

_NAMES_TOO = frozenset({"private", "et", "nl", "sd", "ay", "da", "ans", "kt", "ij", "xk", "3at"})
"""Listed as forms, and far more often a part of a name."""


def _spelt(term: str) -> str:
    """A form as the words of a folded name: dots and slashes fall away."""
    plain = term.lower().replace(".", "").replace("/", "").replace(":", "").replace("&", " ")
    return " ".join(word for word in plain.split() if word.isascii())


def _all() -> Iterator[str]:
    for terms in (*terms_by_type.values(), *terms_by_country.values()):
        yield from map(_spelt, terms)
    yield from _MORE


FORMS = frozenset(
    tuple(form.split()) for form in _all() if len(form) > 1 and form not in _NAMES_TOO
)
"""Forms in Latin letters, each as the words it has."""

_LONGEST = max(map(len, FORMS))


def without_form(words: Sequence[str]) -> tuple[str, ...]:
    """The words without legal forms at the end and in front; never none of them."""
    kept = list(words)
    while True:
        size = next(
            (n for n in range(min(_LONGEST, len(kept) - 1), 0, -1) if tuple(kept[-n:]) in FORMS), 0
        )
        if not size:
            break
        del kept[-size:]
    while len(kept) > 1 and kept[0] in IN_FRONT:
        del kept[0]
    return tuple(kept)
