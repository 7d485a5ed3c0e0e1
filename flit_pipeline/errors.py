"""Every error of flit_pipeline, grouped by what the caller does next.

    FlitError
    ├── FixSetup               a person corrects a file, a variable or a permission, then runs again
    │   ├── SettingsError          environment variable missing, half set or malformed
    │   ├── SpecError              a mapping spec breaks a rule of the grammar (all violations at once)
    │   ├── UnknownColumns         the source delivers columns that neither spec nor practice overlay decides
    │   ├── AccessRefused          wrong endpoint, credentials, database or rights
    │   └── PreflightFailed        the live destination cannot take what the spec says (all violations at once)
    ├── StopAndAsk             nothing is safe to write until a person has looked
    │   ├── NotApproved            the map is not confirmed, or has changed since it was
    │   ├── WindowRefused          a delta window that cannot be read now: too early, out of order, over, suspicious
    │   ├── LeaseHeld              another machine or process is writing to this destination
    │   └── IdentityMismatch       ledger and destination do not belong together
    ├── RunAgain               the same command continues where this one stopped
    │   ├── SourceUnavailable      the source broke off, throttles or changes faster than it can be read
    │   ├── DestinationUnavailable the destination did not answer; nothing is known to be wrong
    │   └── OutcomeUnknown         a write was sent and its reply lost; the ledger resolves it by a verdict
    ├── RowRefused             one row or record goes to quarantine, the rest goes on
    │   ├── BadValue               a cell does not fit its type, rule or value map
    │   └── DestinationRefused     the destination refused the values of one call (bisected to one record)
    └── ProofFailed            the run is over and an identity, a count or a read-back does not hold

What belongs here: classes and the way their sentence is built. What does not: any value, name or source id of
a patient. A message says what was attempted, on which row (a keyed hash, see ``privacy.Vault.ref``), and the
remedy. Foreign exceptions carry cell values, so each adapter raises one of these ``from None``.
"""


class FlitError(Exception):
    """Base of all: ``attempted`` (what was being done), ``remedy`` (what to do), ``ref`` (keyed hash of a row)."""

    def __init__(self, attempted: str, *, remedy: str = "", ref: str = "") -> None:
        self.attempted, self.remedy, self.ref = attempted, remedy, ref
        where = f" (row {ref}; `flit-pipeline who {ref}` resolves it)" if ref else ""
        super().__init__(f"{attempted}{where}" + (f"\n  remedy: {remedy}" if remedy else ""))


class FixSetup(FlitError):
    """A person corrects a file, a variable or a permission, then runs again."""


class SettingsError(FixSetup):
    """An environment variable is missing, half set or malformed."""


class SpecError(FixSetup):
    """A mapping spec breaks a rule of the grammar. ``problems`` holds one line per violation, all of them."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("the mapping spec was read\n  " + "\n  ".join(problems), remedy="correct the lines named")


class UnknownColumns(FixSetup):
    """The source delivers columns that neither its spec nor the practice overlay lists. ``columns``: headers."""

    def __init__(self, attempted: str, columns: list[str], *, remedy: str) -> None:
        self.columns = columns
        super().__init__(f"{attempted}: {', '.join(columns)}", remedy=remedy)


class AccessRefused(FixSetup):
    """Wrong endpoint, credentials, database or rights."""


class PreflightFailed(FixSetup):
    """The live destination cannot take what the spec says. ``problems`` holds one line per violation."""

    def __init__(self, attempted: str, problems: list[str], *, remedy: str) -> None:
        self.problems = problems
        super().__init__(attempted + "\n  " + "\n  ".join(problems), remedy=remedy)


class StopAndAsk(FlitError):
    """Nothing is safe to write until a person has looked."""


class NotApproved(StopAndAsk):
    """The map is not confirmed, or has changed since it was. ``problems``: one line per change, spec and fields."""

    def __init__(self, attempted: str, problems: list[str], *, remedy: str) -> None:
        self.problems = problems
        super().__init__(attempted + "".join(f"\n  {line}" for line in problems), remedy=remedy)


class WindowRefused(StopAndAsk):
    """A delta window cannot be read now: too early, out of order, over, or what the source answers is suspicious."""


class LeaseHeld(StopAndAsk):
    """Another machine or process is writing to this destination."""


class IdentityMismatch(StopAndAsk):
    """Ledger and destination do not belong together (copied, deleted or foreign ledger)."""


class RunAgain(FlitError):
    """The same command continues where this one stopped."""


class SourceUnavailable(RunAgain):
    """The source broke off, throttles for too long, or changes faster than it can be read."""


class DestinationUnavailable(RunAgain):
    """The destination did not answer and no write was under way."""


class OutcomeUnknown(RunAgain):
    """A write was sent and its reply is lost: it may stand or not. Resolved by a verdict, never by a resend."""


class RowRefused(FlitError):
    """One row or record goes to quarantine, the rest goes on. ``rule`` is a stable name, ``column`` its cell."""

    def __init__(self, attempted: str, *, rule: str, column: str = "", remedy: str = "", ref: str = "") -> None:
        self.rule, self.column = rule, column
        super().__init__(attempted, remedy=remedy, ref=ref)


class BadValue(RowRefused):
    """A cell does not fit its type, its rule or its value map."""


class DestinationRefused(RowRefused):
    """The destination refused the values of a call and wrote nothing of it.

    ``transient`` is true where the same call may pass later (the loader then tries again instead of bisecting).
    """

    def __init__(
        self, attempted: str, *, rule: str, column: str = "", remedy: str = "", ref: str = "", transient: bool = False
    ) -> None:
        self.transient = transient
        super().__init__(attempted, rule=rule, column=column, remedy=remedy, ref=ref)


class ProofFailed(FlitError):
    """An identity, a count or a read-back does not hold. ``problems`` holds one line per failure."""

    def __init__(self, attempted: str, problems: list[str], *, remedy: str) -> None:
        self.problems = problems
        super().__init__(attempted + "\n  " + "\n  ".join(problems), remedy=remedy)
