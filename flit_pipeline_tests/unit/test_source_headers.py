"""Headers of a source: which field they stand for, whatever their case, letters and punctuation."""

import pytest

from flit_pipeline.errors import SpecError
from flit_pipeline.sources.headers import HeaderIndex, fold_header
from flit_pipeline.specs.source_spec import SourceSpec
from flit_pipeline_tests.unit.rest_server import spec_of


def test_headers_fold_turkish_letters_case_and_punctuation() -> None:
    same = ("DOĞUM TARİHİ", "Doğum Tarihi", "dogum_tarıhı", "Dog\u0306um-Tarihi", "DOGUM TARIHI")
    assert len({fold_header(text) for text in same}) == 1
    assert fold_header("İl") == fold_header("il") == fold_header("IL") == fold_header("ıl")


def test_two_fields_by_one_header_are_a_spec_error_and_a_field_s_own_name_goes_first() -> None:
    fields = {"a": {"privacy": "key", "names": ["Not", "b"]}, "b": {"privacy": "key", "names": ["NOT"]}}
    spec = {**spec_of().model_dump(by_alias=True), "objects": {"x": {"key": "a", "fields": fields}}}
    with pytest.raises(SpecError, match="'a' and 'b'"):
        HeaderIndex("x", SourceSpec.model_validate(spec).objects["x"])
    fields["b"]["names"] = []
    assert HeaderIndex("x", SourceSpec.model_validate(spec).objects["x"]).field("b") == "b"
