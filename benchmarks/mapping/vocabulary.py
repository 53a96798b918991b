"""Words that companies are named with. All companies made of them are invented."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """What companies of one language are called. ``before`` are legal forms in front."""

    surnames: Sequence[str]
    places: Sequence[str]
    trades: Sequence[str]
    legal: Sequence[str]
    before: Sequence[str] = ()
    suffixes: Sequence[str] = ("com",)
    shape: str = "{name} {trade}"
    """How a name and a trade are put together."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


TONGUES: Mapping[str, Tongue] = {
    "en": Tongue(
        surnames=_words(
            "Abbott Ainsworth Barlow Beckett Blackwood Bramley Calloway Carver Chadwick Dalton "
            "Ellsworth Fairbanks Garrick Gladstone Hadley Hargreaves Hollis Ingram Jarvis Kendrick "
            "Langford Lockwood Marlowe Merrick Norwood Oakley Pemberton Prescott Quincy Radcliffe "
            "Ransome Selby Sheldon Tennyson Thackeray Underhill Vance Wexford Whitlock Winslow "
            "Yardley Ashcombe Bellamy Crowther Drayton Eastwick Fenwick Goldsborough Hathersage "
            "Kirkbride Leatherby Mowbray Netherton Ormerod Pickersgill Rotherham Staveley Thorburn "
            "O'Hara McAllister MacLeod O'Donnell Fitzgerald Smith Jones Miller Brown Taylor"
        ),
        places=_words(
            "Brighton Harborview Lakeside Northgate Riverside Springfield Fairview Milton Ashford "
            "Kingsbury Westfield Bayview Clearwater Glenwood Hillcrest Lexington Oakridge Portland "
            "Salem Dover Chester Bristol York Leeds Perth Hobart Geelong St._Ives Saint_Albans "
            "Mount_Vernon Cedar_Rapids Stratford Windermere Penrith Truro Exeter Kendal Whitby"
        ),
        trades=_words(
            "Dental Dental_Group Dental_Care Law Legal Solicitors Accounting Accountants Plumbing "
            "Heating Roofing Construction Builders Logistics Transport Freight Engineering "
            "Architects Design Interiors Veterinary Pharmacy Medical_Centre Physiotherapy Optical "
            "Insurance Financial_Services Wealth Property Estates Lettings Bakery Catering Foods "
            "Farms Nurseries Landscaping Motors Auto_Repair Electrical Security Cleaning Print "
            "Media Marketing Software Technologies Consulting Recruitment Training Academy School "
            "Church Foundation Housing_Trust Community_Centre Fitness Yoga Salon Hotel Holidays "
            "Boats Marine Timber Steel Plastics Packaging Textiles Furniture Joinery Glass"
        ),
        legal=_words("Ltd Limited Inc Inc. LLC LLP PLC Corp. Corporation Co. Pty_Ltd PLLC P.C."),
        suffixes=_words("com co.uk com.au org net co.nz us ca uk dental law io"),
    ),
    "de": Tongue(
        surnames=_words(
            "Müller Schröder Köhler Böhm Krüger Jäger Schäfer Vogt Lindner Seidel Hartmann Brandt "
            "Ziegler Kühn Engelhardt Pfeiffer Winkelmann Baumgärtner Hübner Löffler Großmann Weiß "
            "Strauß Steinmetz Obermeier Niedermayr Rößler Wächter Dörfler Grünwald Achleitner"
        ),
        places=_words(
            "München Köln Nürnberg Lübeck Würzburg Zürich Graz Linz Bern Göttingen Tübingen Bremen"
        ),
        trades=_words(
            "Maschinenbau Elektrotechnik Haustechnik Steuerberatung Rechtsanwälte Spedition "
            "Bäckerei Gartenbau Werkzeugbau Apotheke Zahnarztpraxis Metallbau Bauunternehmung "
            "Heizungsbau Druckerei Software Versicherungsmakler Immobilien Medizintechnik Holzbau"
        ),
        legal=_words("GmbH AG KG OHG UG GmbH_&_Co._KG e.K. mbH e.V."),
        suffixes=_words("de com at ch eu"),
    ),
    "fr": Tongue(
        surnames=_words(
            "Lefèvre Dupré Béranger Châtelain Gauthier Marchand Rousselle Boulanger Fontanel "
            "Aubertin Delacroix Périgord Lemaître Saint-Clair Desmoulins Théron Vauquelin Garçon"
        ),
        places=_words("Lyon Nîmes Orléans Besançon Liège Genève Angoulême Québec Dijon Rennes"),
        trades=_words(
            "Plomberie Menuiserie Boulangerie Transports Conseil Avocats Immobilier Assurances "
            "Électricité Pharmacie Imprimerie Traiteur Bâtiment Informatique Paysages Optique"
        ),
        legal=_words("SARL SA SAS SASU EURL SNC S.A.R.L."),
        before=_words("Société Ets Cabinet"),
        suffixes=_words("fr com be ch ca"),
        shape="{trade} {name}",
    ),
    "es": Tongue(
        surnames=_words(
            "Núñez Ibáñez Cordero Peñalver Zúñiga Aragón Benítez Carvajal Escudero Galíndez "
            "Herrera Montalvo Olivares Quiñones Valcárcel Echeverría Muñiz Santillán"
        ),
        places=_words("León Córdoba Cádiz Málaga Bogotá Mérida Asunción Cartagena Logroño"),
        trades=_words(
            "Construcciones Abogados Transportes Panadería Farmacia Consultores Seguros Talleres "
            "Instalaciones Asesores Muebles Inmobiliaria Clínica_Dental Bodegas Alimentación"
        ),
        legal=_words("S.L. SL S.A. SLU S.A._de_C.V. SRL"),
        suffixes=_words("es com com.mx com.co cl"),
        shape="{trade} {name}",
    ),
    "it": Tongue(
        surnames=_words(
            "Bellandi Carraro Donatelli Esposito Ferrigno Gambardella Lombardini Mancuso Nicoletti "
            "Pellegrini Quaranta Rinaldi Santoro Tedesco Venturini Zanetti D'Angelo Dell'Orto"
        ),
        places=_words("Torino Bologna Verona Bergamo Padova Lecce Trieste Cagliari"),
        trades=_words(
            "Costruzioni Trasporti Impianti Officine Studio_Legale Farmacia Arredamenti Panificio "
            "Assicurazioni Ceramiche Serramenti Tipografia Consulenza Immobiliare Meccanica"
        ),
        legal=_words("S.r.l. SRL S.p.A. SpA S.n.c. S.a.s."),
        suffixes=_words("it com eu"),
        shape="{trade} {name}",
    ),
    "nordic": Tongue(
        surnames=_words(
            "Åkesson Öberg Bjørnsen Sørensen Hællås Lindqvist Nyström Rasmussen Mäkelä Hämäläinen "
            "Þórsson Kjær Østergaard Sandström Väisänen Engström Brønlund"
        ),
        places=_words("Malmö Tromsø Århus Jyväskylä Göteborg Ålesund Odense Turku"),
        trades=_words(
            "Bygg Elektro Rör Transport Fastigheter Advokat Redovisning Måleri Snickeri Tandvård "
            "Marin Regnskap Eiendom Rakennus Kiinteistöt"
        ),
        legal=_words("AB A/S AS ApS Oy Oyj ASA ehf. HB"),
        suffixes=_words("se no dk fi com is"),
    ),
    "slavic": Tongue(
        surnames=_words(
            "Wiśniewski Kowalczyk Łukasik Dąbrowski Novák Dvořák Černý Šimůnek Horváth Kovač "
            "Jurić Žižka Popović Stanković Marušić Čapek Zieliński Brzęczyszczykiewicz"
        ),
        places=_words("Łódź Gdańsk Brno Plzeň Zagreb Ljubljana Košice Wrocław"),
        trades=_words(
            "Budownictwo Transport Instalacje Księgowość Stavby Elektro Dřevo Pekárna Gradnja "
            "Logistika Doprava Meble Drukarnia"
        ),
        legal=("Sp. z o.o.", "S.A.", "s.r.o.", "d.o.o.", "a.s.", "spol. s r.o.", "Kft."),
        suffixes=_words("pl cz sk hr si com rs"),
    ),
    "dutch": Tongue(
        surnames=_words(
            "van_der_Berg de_Vries Hoekstra van_Dijk Zuiderveld Kuipers ten_Brink Vermeulen "
            "Wouters van_den_Heuvel Claessens Pieters"
        ),
        places=_words("Utrecht Haarlem Breda Antwerpen Gent Zwolle Delft"),
        trades=_words(
            "Bouw Installatietechniek Transport Advocaten Administratie Makelaardij Tandartsen "
            "Schilderwerken Drukkerij Tuinen Bakkerij"
        ),
        legal=_words("B.V. BV NV N.V. VOF BVBA CV"),
        suffixes=_words("nl be com eu"),
    ),
}

SYLLABLES_FIRST = _words(
    "Vel Nor Zan Quor Lum Tri Bex Cor Dyn Evo Fen Gal Hyp Ixo Jov Kel Lyr Mon Nex Oph Pra Rho "
    "Syl Tav Umb Vor Wex Xan Yar Zeph Alt Bri Cal Dro Eph"
)
SYLLABLES_MIDDLE = _words("a e i o u ani elo ira ono ura ante este ido ova")
SYLLABLES_LAST = _words(
    "tech dyne com lytics nova ris dor vex max sys wave core ton gen mark flow grid scape line "
    "vance tra lis mund cade pharm quest bridge stone"
)
"""Of such syllables are brands made that no dictionary has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Words of another script with the way they are written in Latin letters."""

    names: Sequence[tuple[str, str]]
    trades: Sequence[tuple[str, str]]
    legal: Sequence[str]
    before: bool
    """The legal form stands in front of the name."""
    suffix: str
    glue: str = " "


SCRIPTS: Mapping[str, Script] = {
    "cyrillic": Script(
        names=(
            ("Северный Ветер", "Severny Veter"), ("Волжанка", "Volzhanka"),
            ("Иванченко", "Ivanchenko"), ("Щукин", "Shchukin"), ("Берёзка", "Beryozka"),
            ("Юждорстрой", "Yuzhdorstroy"), ("Кристалл", "Kristall"), ("Орлов", "Orlov"),
            ("Жемчужина", "Zhemchuzhina"), ("Чайковский", "Chaikovsky"), ("Ромашка", "Romashka"),
            ("Уралмет", "Uralmet"), ("Дніпро", "Dnipro"), ("Хрещатик", "Khreshchatyk"),
            ("Балканика", "Balkanika"), ("Твердохлебов", "Tverdokhlebov"),
        ),
        trades=(
            ("Строй", "Stroy"), ("Логистика", "Logistika"), ("Сервис", "Servis"),
            ("Торг", "Torg"), ("Медицина", "Meditsina"), ("Транс", "Trans"),
        ),
        legal=("ООО", "ЗАО", "ТОВ", "АО", "ЕООД"), before=True, suffix="ru",
    ),
    "greek": Script(
        names=(
            ("Παπαδόπουλος", "Papadopoulos"), ("Ελιά", "Elia"), ("Θάλασσα", "Thalassa"),
            ("Γεωργίου", "Georgiou"), ("Χρυσάνθη", "Chrysanthi"), ("Αιγαίο", "Aegeo"),
            ("Μακεδονία", "Makedonia"), ("Κυκλάδες", "Kyklades"), ("Σταυρόπουλος", "Stavropoulos"),
            ("Ιωάννου", "Ioannou"),
        ),
        trades=(
            ("Τουριστική", "Touristiki"), ("Τεχνική", "Techniki"), ("Ναυτιλία", "Naftilia"),
            ("Εμπορική", "Emporiki"),
        ),
        legal=("Α.Ε.", "ΕΠΕ", "ΙΚΕ", "Ο.Ε."), before=False, suffix="gr",
    ),
    "japanese": Script(
        names=(
            ("さくら", "Sakura"), ("ヤマトミ", "Yamatomi"),
            ("山田", "Yamada"), ("東雲", "Shinonome"),
            ("鈴木", "Suzuki"), ("ミズノキ", "Mizunoki"), ("青葉", "Aoba"), ("北星", "Hokusei"),
            ("アサヒナ", "Asahina"), ("富岳", "Fugaku"),
            ("小川", "Ogawa"), ("タチバナ", "Tachibana"),
        ),
        trades=(
            ("商事", "Shoji"), ("建設", "Kensetsu"), ("システム", "System"), ("工業", "Kogyo"),
            ("物流", "Butsuryu"), ("歯科", "Shika"),
        ),
        legal=("株式会社", "有限会社", "合同会社"), before=True, suffix="co.jp", glue="",
    ),
    "chinese": Script(
        names=(
            ("华星", "Huaxing"), ("金龙", "Jinlong"), ("宏远", "Hongyuan"), ("东海", "Donghai"),
            ("瑞丰", "Ruifeng"), ("天河", "Tianhe"), ("明德", "Mingde"), ("博雅", "Boya"),
            ("青松", "Qingsong"), ("凯旋", "Kaixuan"),
        ),
        trades=(
            ("科技", "Keji"), ("贸易", "Maoyi"), ("物流", "Wuliu"), ("建筑", "Jianzhu"),
            ("医药", "Yiyao"),
        ),
        legal=("有限公司", "有限责任公司", "股份有限公司"), before=False, suffix="com.cn", glue="",
    ),
    "korean": Script(
        names=(
            ("한빛", "Hanbit"), ("미래", "Mirae"), ("동방", "Dongbang"), ("새롬", "Saerom"),
            ("가온", "Gaon"), ("대한", "Daehan"), ("푸른솔", "Pureunsol"),
        ),
        trades=(("전자", "Jeonja"), ("건설", "Geonseol"), ("물산", "Mulsan"), ("상사", "Sangsa")),
        legal=("주식회사", "㈜", "유한회사"), before=True, suffix="co.kr",
    ),
    "arabic": Script(
        names=(
            ("النور", "Al Noor"), ("الخليج", "Al Khaleej"), ("الواحة", "Al Waha"),
            ("الفجر", "Al Fajr"), ("زيتون", "Zaytoun"), ("المدينة", "Al Madina"),
        ),
        trades=(("للتجارة", "Trading"), ("للمقاولات", "Contracting"), ("للنقل", "Transport")),
        legal=("ذ.م.م", "ش.م.ل"), before=False, suffix="ae",
    ),
    "hebrew": Script(
        names=(
            ("כרמל", "Carmel"), ("גלבוע", "Gilboa"), ("תבור", "Tavor"), ("ארזים", "Arazim"),
            ("שקד", "Shaked"),
        ),
        trades=(("בנייה", "Bniya"), ("הנדסה", "Handasa"), ("לוגיסטיקה", "Logistika")),
        legal=('בע"מ',), before=False, suffix="co.il",
    ),
}  # fmt: skip

FREE_MAIL = _words(
    "gmail.com outlook.com hotmail.com yahoo.com gmx.de web.de orange.fr icloud.com aol.com "
    "btinternet.com libero.it comcast.net bigpond.com"
)

ABBREVIATED = (
    ("and", "&"),
    ("Saint", "St."),
    ("Mount", "Mt"),
    ("Brothers", "Bros."),
    ("Associates", "Assoc."),
    ("Services", "Svcs"),
    ("Centre", "Center"),
    ("Technologies", "Tech"),
    ("International", "Intl"),
    ("Manufacturing", "Mfg"),
)
"""Words and what people type instead."""

LOOKALIKES = {"a": "а", "e": "е", "o": "о", "p": "р", "c": "с", "x": "х", "y": "у", "i": "і"}
"""Latin letters and Cyrillic ones that look the same."""
