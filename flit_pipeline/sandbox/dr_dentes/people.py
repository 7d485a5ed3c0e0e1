"""Builders of locations, providers and patients."""

from datetime import datetime, timedelta
from random import Random

from flit_pipeline.sandbox.dr_dentes import names, places
from flit_pipeline.sandbox.dr_dentes.faults import PatientFault
from flit_pipeline.sandbox.dr_dentes.shape import CHILDREN, Row, World, key, scattered
from flit_pipeline.sandbox.dr_dentes.turkish import (
    amount_of,
    at_office_hours,
    day,
    fold,
    instant,
    money,
    phone,
    plain,
    tckn,
    upper,
)

_PREFIXES = ("530", "532", "533", "535", "541", "542", "544", "551", "553", "505")


def location(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A clinic; the first one is the parent of the others."""
    code = places.HOME_CODES[index % len(places.HOME_CODES)]
    district = places.DISTRICTS[code][index // len(places.HOME_CODES) % len(places.DISTRICTS[code])]
    return {
        "location_id": key("location", index),
        "parent_location_id": key("location", 0) if index else None,
        "name": f"Gülümseyen İnci Diş Polikliniği {district}",
        **_address(code, district, rng),
        "country": "Türkiye",
        "phone": phone(f"{places.AREA_CODES[code]}{4_000_000 + index:07d}", 4),
        "email": f"{plain(district).lower()}.{index + 1}@klinik.example",
        "tax_office": district,
        "tax_number": f"{scattered(index, world.seed, 9_000_000_000, 5_562_305_893) + 1_000_000_000}",
        "unit_count": rng.randrange(3, 9),
        "bank_charge_percent": money(amount_of(f"{rng.randrange(1, 4)},{rng.choice((25, 50, 75))}")),
        "cost_percent": money(amount_of(f"{rng.randrange(20, 41)},00")),
        "manager_provider_id": key("provider", index % world.providers),
    }


def provider(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A dentist, hygienist or clerk. Every third has no e-mail (not mandatory in Dr.DENTES); the last is passive."""
    first, last = _given_name(index % 2 == 0, rng), rng.choice(names.SURNAMES)
    role = ("dentist", "dentist", "hygienist", "admin")[index % 4]
    return {
        "provider_id": key("provider", index),
        "first_name": first,
        "last_name": last,
        "national_id": tckn(950_000_000 + scattered(index, world.seed, 9_999_991, 6_180_347)),
        "email": None if index % 3 == 2 else f"{_mailbox(first, last)}.{index + 1}@klinik.example",
        "role": role,
        "credentials": {"dentist": rng.choice(("Dt.", "Uzm. Dt.", "Doç. Dr.")), "hygienist": "ADST"}.get(role),
        "status": "P" if index and index == world.providers - 1 else "A",
        "location_id": key("location", index % world.locations),
        "progress_payment_percent": money(amount_of(f"{rng.randrange(25, 56)},50")),
    }


def patient(world: World, index: int, rng: Random, stamp: datetime) -> Row:
    """A patient card; phones and national ids are never shared but where a fault is planted."""
    female = rng.random() < 0.52
    foreign = rng.random() < 0.04
    first, last = rng.choice(names.FOREIGN) if foreign else (_given_name(female, rng), rng.choice(names.SURNAMES))
    code = rng.choice(places.HOME_CODES) if rng.random() < 0.8 else f"{rng.randrange(1, 82):02d}"
    has_mobile, has_wired, has_phone = rng.random() < 0.95, rng.random() < 0.2, rng.random() < 0.3
    born = world.as_of - timedelta(days=rng.randrange(3 * 365, 90 * 365))
    insured = bool(CHILDREN["insurance_policy"][1].of(index))
    token = world.token(index)
    policy = f"P{scattered(index, world.seed, 9_999_991, 6_180_347):08d}{token.strip()}"
    row: Row = {
        "patient_id": key("patient", index),
        "title": rng.choice(names.TITLES),
        "first_name": first,
        "last_name": last + token,
        "national_id": national_id(world, index, foreign) if rng.random() < 0.93 else None,
        "birth_date": day(born) if rng.random() < 0.97 else None,
        "gender": "K" if female else "E",
        "mobile_phone": phone(mobile_digits(world, index), rng.randrange(6)) if has_mobile else None,
        "wired_phone": phone(_wired_digits(world, index, code, "4"), rng.randrange(6)) if has_wired else None,
        "phone": phone(_wired_digits(world, index, code, "5"), rng.randrange(6)) if has_phone else None,
        "email": f"{_mailbox(first, last + token)}.{index}@posta.example" if rng.random() < 0.7 else None,
        **_address(code, rng.choice(places.DISTRICTS.get(code, ("Merkez",))), rng),
        "country": "Türkiye",
        "occupation": rng.choice(names.OCCUPATIONS),
        "status": "A" if rng.random() < 0.85 else "P",
        "provider_id": key("provider", rng.randrange(world.providers)),
        "location_id": key("location", rng.randrange(world.locations)),
        "family_account_id": f"{800_001 + index // 3}" if rng.random() < 0.2 else None,
        "insurance_carrier_name": rng.choice(names.CARRIERS) if insured else None,
        "insurance_policy_number": policy if insured else None,
        "insurance_group_number": f"G-{rng.randrange(1, 400):04d}" if insured else None,
        "insurance_coverage_type": rng.choice(names.COVERAGES) if insured else None,
        "photo_frame_colour": rng.choice(names.FRAME_COLOURS),
        "registered_at": instant(at_office_hours(stamp - timedelta(days=rng.randrange(1, 3_000)), rng)),
    }
    row["street"] = f"{row['street']}{token}"
    fault = world.faults.patients.get(index)
    return {**row, **_spoilt(world, index, row, fault)} if fault else row


def national_id(world: World, index: int, foreign: bool) -> str:
    """A TCKN that no other patient has: natives 1000… to 9399…, foreigners 99…."""
    if foreign:
        return tckn(990_000_000 + scattered(index, world.seed, 9_999_991, 6_180_347))
    return tckn(100_000_000 + scattered(index, world.seed, 839_999_989, 519_148_627))


def mobile_digits(world: World, index: int) -> str:
    """Ten digits of a mobile number that no other index has."""
    number = scattered(index, world.seed * 31, 9_999_991, 3_819_671)
    return f"{_PREFIXES[number % len(_PREFIXES)]}{number:07d}"


def full_name(row: Row) -> str:
    """First and last name with one blank, as appointments show them."""
    return " ".join(str(part) for part in (row["first_name"], row["last_name"]) if part)


def carrier_spelling(carrier: str, variant: int) -> str:
    """A carrier's name as 0: registered, 1: Turkish capitals and a double blank, 2: capitals of an English keyboard."""
    return (carrier, upper(carrier).replace(" ", "  ", 1), carrier.replace("ı", "I").upper() + " ")[variant]


def _spoilt(world: World, index: int, row: Row, fault: PatientFault) -> Row:
    """The cells that a planted fault changes."""
    simple: dict[str, Row] = {
        "invalid_date": {"birth_date": "31.02.1990"},
        "missing_last_name": {"last_name": None},
        "unknown_status": {"status": "X"},
        "wrong_tckn": {"national_id": _miscounted(national_id(world, index, False))},
        "bad_email": {"email": f"{_mailbox(str(row['first_name']), str(row['last_name']))}(at)posta.example"},
        "future_birth_date": {"birth_date": day(world.as_of.replace(year=world.as_of.year + 2))},
    }
    if fault.kind in simple:
        return simple[fault.kind]
    if fault.kind == "carrier_spelling" and fault.partner is not None:
        carrier = names.CARRIERS[fault.partner % len(names.CARRIERS)]
        return {"insurance_carrier_name": carrier_spelling(carrier, fault.variant)}
    mobile = phone(mobile_digits(world, index), index)
    if fault.variant == 0 or fault.partner is None:
        return {"mobile_phone": mobile}
    other = world.row("patient", fault.partner)
    first, last = str(other["first_name"]), str(other["last_name"])
    if fault.kind == "same_name_and_phone":
        same = phone(mobile_digits(world, fault.partner), index)
        return {"first_name": upper(first), "last_name": f"  {last}", "mobile_phone": same}
    shared = {"birth_date": other["birth_date"], "gender": other["gender"], "city": other["city"]}
    if fault.variant == 1:
        same = phone(mobile_digits(world, fault.partner), index)
        return shared | {"first_name": first, "last_name": _misspelt(last), "mobile_phone": same, "national_id": None}
    return shared | {  # typed on an English keyboard: folding makes it the same name
        "first_name": plain(first),
        "last_name": plain(last),
        "mobile_phone": None,
        "national_id": other["national_id"],
    }


def _misspelt(word: str) -> str:
    """A spelling that no folding makes equal to the right one: the second letter is doubled."""
    return word[:2] + word[1:]


def _miscounted(national: str) -> str:
    return national[:-1] + str((int(national[-1]) + 1) % 10)


def _given_name(female: bool, rng: Random) -> str:
    pool = names.FEMALE if female else names.MALE
    first = rng.choice(pool)
    return f"{first} {rng.choice(pool)}" if rng.random() < 0.15 else first


def _mailbox(first: str, last: str) -> str:
    words = plain(f"{first} {last}".replace("ı", "i").replace("İ", "I")).split()
    return ".".join("".join(c for c in fold(word) if c.isascii() and c.isalnum()) for word in words)


def _wired_digits(world: World, index: int, code: str, lead: str) -> str:
    number = scattered(index, world.seed * 17, 999_983, 618_041)
    return f"{places.AREA_CODES.get(code, '850')}{lead}{number:06d}"


def _address(code: str, district: str, rng: Random) -> Row:
    return {
        "street": f"{rng.choice(places.STREETS)} No: {rng.randrange(1, 180)}/{rng.randrange(1, 20)}",
        "district": district,
        "city": places.state_name(code),
        "state": code,
        "postcode": f"{code}{rng.randrange(1, 99):02d}0",
    }
