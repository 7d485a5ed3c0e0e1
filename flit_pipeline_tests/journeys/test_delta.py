from collections.abc import Iterator
import pytest
from flit_pipeline_tests.journeys import delta_story
from flit_pipeline_tests.journeys.delta_story import Story
from flit_pipeline_tests.odoo.fixtures import OdooUnderTest


@pytest.fixture(scope="module")
def story(odoo: OdooUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    told = delta_story.told(odoo, tmp_path_factory.mktemp("delta"))
    yield told
    told.run.sandbox.stop()


def test_dump(story: Story) -> None:
    import json

    for n, e in enumerate(story.ended):
        print(n, e.code, e.err[-3000:], e.last.get("failures"), e.last.get("failed_checks"))
        print({k: v for k, v in e.last.get("metadata", {}).items()})
    for n in (1, 2, 3):
        r = story.reports[n]
        print(n, json.dumps(r.get("listed"), indent=0)[:6000])
        print(r.get("problems"))
        print(
            {
                k: {a: b for a, b in v.items() if b and a not in ("before", "same")}
                for k, v in r.get("changes", {}).items()
            }
        )
        print(
            story.truth[n - 1]
            and {k: (len(v.fresh), len(v.changed), len(v.gone)) for k, v in story.truth[n - 1].items()}
        )
    print(story.seen)
    for e in story.over:
        print(e.code, e.err[-800:], e.out[-300:])
    print(story.final.code, story.final.err[-2000:])
    assert 0
