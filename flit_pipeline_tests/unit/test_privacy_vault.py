"""The vault: refs and sealed bytes from FLIT_KEY; another key opens nothing, and no message shows a value."""

import json
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flit_pipeline.errors import FlitError, IdentityMismatch, SettingsError
from flit_pipeline.privacy import Vault

KEY = "5a" * 32
CANARY = "Kanarya Hanım"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("key", ["", "xyz", "5a" * 31, "5a" * 33, "5A" * 31 + "zz", "ğ" * 64, CANARY])
def test_a_key_that_is_not_64_hex_digits_is_refused_with_the_way_to_make_one(key: str) -> None:
    """A short key taken as it is would encrypt a practice with next to nothing."""
    with pytest.raises(SettingsError, match="64 hex digits") as caught:
        Vault(key)
    assert "FLIT_KEY" in str(caught.value)
    assert not key or key not in str(caught.value)


@given(json_values)
def test_what_was_sealed_opens_to_the_same_value(value: object) -> None:
    vault = Vault(KEY)
    assert vault.open(vault.seal(value)) == json.loads(json.dumps(value))


def test_a_half_character_survives_sealing() -> None:
    """Quarantine keeps broken rows as they came; sealing one must not be what fails."""
    vault = Vault(KEY)
    assert vault.open(vault.seal({"raw": "a\ud800b\x00"})) == {"raw": "a\ud800b\x00"}


def test_equal_content_is_sealed_to_equal_bytes_and_other_content_never_under_the_same_nonce() -> None:
    """A nonce used twice for different content would give both away (AES-GCM)."""
    vault = Vault(KEY)
    sealed = {vault.seal([CANARY, n]) for n in range(500)}
    assert vault.seal([CANARY, 7]) in sealed
    assert len({one[:12] for one in sealed}) == len(sealed) == 500


def test_sealed_bytes_hold_no_text_of_the_value() -> None:
    sealed = Vault(KEY).seal({"name": CANARY})
    assert CANARY.encode() not in sealed
    assert b"name" not in sealed


@pytest.mark.parametrize("damage", ["key", "bit", "cut", "empty"])
def test_another_key_or_damage_is_an_identity_mismatch(damage: str) -> None:
    sealed = Vault(KEY).seal({"name": CANARY})
    vault = Vault(secrets.token_hex(32) if damage == "key" else KEY)
    broken = {"key": sealed, "bit": sealed[:-1] + bytes([sealed[-1] ^ 1]), "cut": sealed[:20], "empty": b""}[damage]
    with pytest.raises(IdentityMismatch, match="FLIT_KEY") as caught:
        vault.open(broken)
    assert caught.value.__cause__ is None
    assert CANARY not in str(caught.value)


def test_refs_depend_on_the_key_and_are_short_hex() -> None:
    """Without the key a ref would be a plain hash, and a patient number could be guessed back from a log."""
    one, other = Vault(KEY), Vault(secrets.token_hex(32))
    assert one.ref("dr_dentes/patient/1") == Vault(KEY).ref("dr_dentes/patient/1")
    assert one.ref("dr_dentes/patient/1") != other.ref("dr_dentes/patient/1")
    assert len({one.ref(f"dr_dentes/patient/{n}") for n in range(5000)}) == 5000
    assert int(one.ref("x"), 16) < 2**96


def test_every_purpose_has_its_own_subkey() -> None:
    """The staging key handed to Parquet must not open the ledger."""
    vault = Vault(KEY)
    assert len({vault.staging_key, vault.audit_key, bytes.fromhex(KEY)}) == 3


def test_an_error_of_a_row_names_it_by_its_ref_alone() -> None:
    ref = Vault(KEY).ref(CANARY)
    text = str(FlitError("a row was read", ref=ref, remedy="correct it"))
    assert ref in text
    assert CANARY not in text
