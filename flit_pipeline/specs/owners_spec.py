"""Grammar of ``owners`` in migration.yaml."""

from pydantic import Field

from flit_pipeline.specs.grammar import Strict, Text


class Owners(Strict):
    """How source staff become users of the destination: by e-mail, then the fallback.

    ``object``: source object that holds staff; ``email``: its column. ``fallback``: login of an existing user, or
    ``none`` for records without owner (reported either way). ``fallbacks``: key of a member of staff -> login of the
    user who gets the records of this one. ``seed``: row of the seed's object table that the staff stand in.
    """

    object: str
    email: str
    fallback: str = "none"
    fallbacks: dict[str, Text] = Field(default_factory=dict)
    seed: Text | None = None

    @property
    def logins(self) -> set[str]:
        """Users that records fall back to: they must be there before the first record is written."""
        return {*self.fallbacks.values(), *({self.fallback} - {"none"})}
