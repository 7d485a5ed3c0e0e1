"""Countries and Turkish provinces, in the codes that Odoo's ``res.country`` and ``res.country.state`` carry."""

from typing import Any

from flit_pipeline.errors import BadValue
from flit_pipeline.mapping.transforms.names import folded
from flit_pipeline.mapping.transforms.registry import text_of, transform
from flit_pipeline.specs.source_spec import Locale

_ALPHA_2_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB
GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG
KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV
MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB
SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US
UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
"""
_ALPHA_2 = frozenset(_ALPHA_2_CODES.split())

_NAMES = """
TR: TUR, Türkiye, Turkey, Türkiye Cumhuriyeti, Republic of Türkiye, Republic of Turkey, T.C.
US: USA, United States, United States of America, Amerika, Amerika Birleşik Devletleri, ABD, U.S.A., America
AU: AUS, Australia, Avustralya
GB: GBR, UK, United Kingdom, Great Britain, England, Scotland, Wales, Birleşik Krallık, İngiltere, İskoçya, Galler
DE: DEU, Germany, Almanya, Deutschland
AT: AUT, Austria, Avusturya, Österreich
CH: CHE, Switzerland, İsviçre, Schweiz
FR: FRA, France, Fransa
NL: NLD, Netherlands, The Netherlands, Holland, Hollanda
BE: BEL, Belgium, Belçika
LU: LUX, Luxembourg, Lüksemburg
MC: MCO, Monaco, Monako
IT: ITA, Italy, İtalya
ES: ESP, Spain, İspanya
PT: PRT, Portugal, Portekiz
GR: GRC, Greece, Yunanistan
CY: CYP, Cyprus, Kıbrıs, Güney Kıbrıs
BG: BGR, Bulgaria, Bulgaristan
RO: ROU, Romania, Romanya
RU: RUS, Russia, Russian Federation, Rusya, Rusya Federasyonu
UA: UKR, Ukraine, Ukrayna
GE: GEO, Georgia, Gürcistan
AM: ARM, Armenia, Ermenistan
AZ: AZE, Azerbaijan, Azerbaycan
IR: IRN, Iran, İran
IQ: IRQ, Iraq, Irak
SY: SYR, Syria, Suriye
LB: LBN, Lebanon, Lübnan
IL: ISR, Israel, İsrail
JO: JOR, Jordan, Ürdün
SA: SAU, Saudi Arabia, Suudi Arabistan
AE: ARE, United Arab Emirates, Birleşik Arap Emirlikleri, BAE, UAE
QA: QAT, Qatar, Katar
KW: KWT, Kuwait, Kuveyt
EG: EGY, Egypt, Mısır
LY: LBY, Libya
TN: TUN, Tunisia, Tunus
DZ: DZA, Algeria, Cezayir
MA: MAR, Morocco, Fas
KZ: KAZ, Kazakhstan, Kazakistan
UZ: UZB, Uzbekistan, Özbekistan
TM: TKM, Turkmenistan, Türkmenistan
KG: KGZ, Kyrgyzstan, Kırgızistan
AF: AFG, Afghanistan, Afganistan
PK: PAK, Pakistan
IN: IND, India, Hindistan
CN: CHN, China, Çin
JP: JPN, Japan, Japonya
KR: KOR, South Korea, Korea, Güney Kore
CA: CAN, Canada, Kanada
MX: MEX, Mexico, Meksika
BR: BRA, Brazil, Brezilya
AR: ARG, Argentina, Arjantin
NZ: NZL, New Zealand, Yeni Zelanda
IE: IRL, Ireland, İrlanda
SE: SWE, Sweden, İsveç
NO: NOR, Norway, Norveç
DK: DNK, Denmark, Danimarka
FI: FIN, Finland, Finlandiya
PL: POL, Poland, Polonya
CZ: CZE, Czechia, Czech Republic, Çekya, Çek Cumhuriyeti
HU: HUN, Hungary, Macaristan
RS: SRB, Serbia, Sırbistan
BA: BIH, Bosnia and Herzegovina, Bosna Hersek
HR: HRV, Croatia, Hırvatistan
AL: ALB, Albania, Arnavutluk
MK: MKD, North Macedonia, Macedonia, Kuzey Makedonya, Makedonya
XK: XKX, Kosovo, Kosova
MZ: MOZ, Mozambique, Mozambik
ZA: ZAF, South Africa, Güney Afrika
NG: NGA, Nigeria, Nijerya
SO: SOM, Somalia, Somali
"""

_COUNTRIES: dict[str, str] = {
    folded(name): line.partition(":")[0] for line in _NAMES.split("\n") if line for name in line[3:].split(",")
}

_PROVINCE_NAMES = (
    "Adana,Adıyaman,Afyonkarahisar,Ağrı,Amasya,Ankara,Antalya,Artvin,Aydın,Balıkesir,Bilecik,Bingöl,Bitlis,Bolu,Burdur,"
    "Bursa,Çanakkale,Çankırı,Çorum,Denizli,Diyarbakır,Edirne,Elazığ,Erzincan,Erzurum,Eskişehir,Gaziantep,Giresun,"
    "Gümüşhane,Hakkari,Hatay,Isparta,Mersin,İstanbul,İzmir,Kars,Kastamonu,Kayseri,Kırklareli,Kırşehir,Kocaeli,Konya,"
    "Kütahya,Malatya,Manisa,Kahramanmaraş,Mardin,Muğla,Muş,Nevşehir,Niğde,Ordu,Rize,Sakarya,Samsun,Siirt,Sinop,Sivas,"
    "Tekirdağ,Tokat,Trabzon,Tunceli,Şanlıurfa,Uşak,Van,Yozgat,Zonguldak,Aksaray,Bayburt,Karaman,Kırıkkale,Batman,"
    "Şırnak,Bartın,Ardahan,Iğdır,Yalova,Karabük,Kilis,Osmaniye,Düzce"
)
_PROVINCES = _PROVINCE_NAMES.split(",")

_OTHER_NAMES = {
    "Afyon": 3,
    "Antep": 27,
    "İçel": 33,
    "İzmit": 41,
    "Maraş": 46,
    "Adapazarı": 54,
    "Dersim": 62,
    "Urfa": 63,
}

_PLATES: dict[str, str] = {folded(name): f"{plate:02d}" for plate, name in enumerate(_PROVINCES, start=1)} | {
    folded(name): f"{plate:02d}" for name, plate in _OTHER_NAMES.items()
}


@transform(revision=1)
def country_code(values: tuple[Any, ...], locale: Locale) -> str:
    """Two-letter code of a country: "Türkiye", "Turkey", "TUR" and "TR" give "TR". Unknown names are refused."""
    text = text_of(values[0]).strip()
    if not text:
        return ""
    found = _COUNTRIES.get(folded(text))
    if found is None and text.upper() in _ALPHA_2:
        found = text.upper()
    if found is None:
        raise BadValue(
            "a country was looked up by its name",
            rule="unknown_country",
            remedy="correct the cell, or list the source's own names under `map` of the field",
        )
    return found


@transform(revision=1)
def plate_state(values: tuple[Any, ...], locale: Locale) -> str:
    """Plate number of a Turkish province, which is Odoo's state code: "6", "06" and "Ankara" give "06"."""
    text = text_of(values[0]).strip()
    if not text:
        return ""
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= 81:
        return f"{int(text):02d}"
    found = _PLATES.get(folded(text))
    if found is None:
        raise BadValue(
            "a Turkish province was looked up by plate number or name",
            rule="unknown_state",
            remedy="correct the cell: a plate number from 01 to 81 or the name of the province",
        )
    return found
