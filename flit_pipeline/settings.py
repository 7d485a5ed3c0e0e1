"""The environment, read once and checked: which variables exist, which belong together, what is missing.

Only cli.py and definitions.py read it. Secrets live in the environment alone; nothing here is ever printed.
"""

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from flit_pipeline.errors import SettingsError

ODOO = ("FLIT_ODOO_URL", "FLIT_ODOO_DATABASE", "FLIT_ODOO_API_KEY")
ENVIRONMENTS = ("practice", "sample")
"""Destinations of a migration: the practice's own, and one that only samples go to, with a ledger of its own."""

SAMPLE_ODOO = tuple(name.replace("FLIT_", "FLIT_SAMPLE_") for name in ODOO)
ODOO_USER = ("FLIT_ODOO_USER", "FLIT_ODOO_PASSWORD")
TRANSPORTS = ("", "json2", "xmlrpc")

LARGEST_FILE = 90
"""MiB. Odoo takes bodies of 128 MiB, which base64 fills with 96 MiB; 100 MiB were refused by a real server."""

AUTH = {"bearer": ("TOKEN",), "api_key": ("TOKEN",), "basic": ("USER", "PASSWORD"), "oauth2": ("USER", "PASSWORD")}
"""Kind of authentication in a source spec -> the variables that belong to the URL."""


@dataclass(frozen=True)
class SourceAccess:
    """How a source is reached: REST (``url`` and its credentials), a folder of exports, or both.

    ``files``: folder of its attachments.
    """

    url: str | None
    token: str | None
    exports: Path | None
    user: str | None = None
    password: str | None = None
    files: Path | None = None


@dataclass(frozen=True)
class OdooAccess:
    """How Odoo is reached: by JSON-2 with a key, by XML-RPC as a user with a password or a key.

    ``transport``: json2, xmlrpc, or '' where the server's version decides.
    """

    url: str
    database: str
    api_key: str = ""
    user: str = ""
    password: str = ""
    transport: str = ""


@dataclass(frozen=True)
class Settings:
    """Everything the environment says.

    ``home``: FLIT_HOME; ``specs``: folder of mapping specs; ``place``: one of ENVIRONMENTS.
    ``largest_file``: bytes of the largest attachment that is moved.
    """

    home: Path
    specs: Path
    environment: Mapping[str, str]
    place: str = "practice"
    largest_file: int = LARGEST_FILE << 20

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment (os.environ by default)."""
        env = dict(os.environ if environment is None else environment)
        specs = Path(env.get("FLIT_SPECS") or "mapping_specs")
        if env.get("FLIT_SPECS") and not specs.is_dir():
            raise SettingsError("FLIT_SPECS does not name a folder", remedy="set it to the folder of the mapping specs")
        if not specs.is_dir() and not env.get("FLIT_SPECS"):
            specs = Path(__file__).resolve().parent.parent / "mapping_specs"
        place = env.get("FLIT_ENVIRONMENT", "").strip() or "practice"
        largest = _bytes(env.get("FLIT_LARGEST_FILE", "").strip() or str(LARGEST_FILE))
        home = Path(env.get("FLIT_HOME") or ".flit").resolve()
        return cls(home, specs.resolve(), env, largest_file=largest).at(place)

    def key(self) -> str:
        """FLIT_KEY. Raises SettingsError when it is not set."""
        value = self._text("FLIT_KEY")
        if not value:
            raise SettingsError(
                "FLIT_KEY is not set; staging and ledger hold patient data and are encrypted with it",
                remedy="export FLIT_KEY=$(openssl rand -hex 32), and keep it: without it nothing can be read or undone",
            )
        return value

    def at(self, place: str) -> "Settings":
        """The same for another of the ENVIRONMENTS. Raises SettingsError where there is none, or half of it is set."""
        if place not in ENVIRONMENTS:
            raise SettingsError(
                "FLIT_ENVIRONMENT names no environment, nor does the tag flit/environment of the run",
                remedy=f"set it to one of {', '.join(ENVIRONMENTS)}",
            )
        if place == "sample" and not self.has_sample:
            names = ", ".join(SAMPLE_ODOO)
            raise SettingsError(
                f"samples have no environment of their own: {names} are not set",
                remedy=f"set {names}, or leave the environment out: samples go to the practice's own then",
            )
        return replace(self, place=place)

    @property
    def has_sample(self) -> bool:
        """Samples have an environment of their own. Raises SettingsError where half of it is set."""
        missing = [name for name in SAMPLE_ODOO if not self._text(name)]
        if missing and len(missing) < len(SAMPLE_ODOO):
            given = next(name for name in SAMPLE_ODOO if name not in missing)
            names = " and ".join(missing)
            raise SettingsError(f"{given} is set without {names}", remedy=f"set {names} as well, or none of the three")
        if not missing and [self._text(name) for name in SAMPLE_ODOO[:2]] == [self._text(name) for name in ODOO[:2]]:
            raise SettingsError(
                f"{SAMPLE_ODOO[1]} names the practice's own database", remedy="name another, or set none of the three"
            )
        return not missing

    def namespace(self, migration: str) -> str:
        """Schema of a migration's ledger on a server."""
        return f"flit_{migration}" if self.place == "practice" else f"flit_{migration}_{self.place}"

    def ledger_url(self, migration: str) -> str:
        """SQLAlchemy URL of a migration's ledger; a file in FLIT_HOME unless FLIT_LEDGER_URL names a server.

        Raises SettingsError for a second environment where FLIT_LEDGER_URL names a file, which holds one ledger.
        """
        given = self.environment.get("FLIT_LEDGER_URL", "")
        if self.place != "practice" and given.startswith("sqlite"):
            raise SettingsError(
                "FLIT_LEDGER_URL names a file, and the sample's environment has a ledger of its own",
                remedy="leave FLIT_LEDGER_URL out (a file in FLIT_HOME for each), or name a PostgreSQL server",
            )
        return given or f"sqlite:///{self.migration_home(migration) / 'ledger.sqlite'}"

    def practice(self) -> Path | None:
        """FLIT_PRACTICE: folder of the practice overlay, None where there is none."""
        return self._folder("FLIT_PRACTICE")

    def migration_home(self, migration: str) -> Path:
        """Folder of a migration in this environment, made when absent, readable by this user alone."""
        folder = self.home / migration if self.place == "practice" else self.home / migration / self.place
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SettingsError(
                f"FLIT_HOME: its folder cannot be made ({errno.errorcode.get(error.errno or 0, 'OSError')})",
                remedy="set FLIT_HOME to a folder this user may write to",
            ) from None
        return folder

    def source(self, system: str, auth: str = "bearer") -> SourceAccess:
        """Access to a source. ``auth``: kind that its spec names.

        Raises SettingsError naming the variables when nothing or half of it is set.
        """
        prefix = f"FLIT_{system.upper()}_"
        url = self._url(prefix + "URL")
        secrets = {name: self._text(prefix + name) or None for name in AUTH[auth]}
        exports, files = self._folder(prefix + "EXPORTS"), self._folder(prefix + "FILES")
        missing = [prefix + name for name, value in secrets.items() if url and not value]
        if missing:
            names = " and ".join(missing)
            raise SettingsError(f"{prefix}URL is set without {names}", remedy=f"set {names} as well")
        for name, value in secrets.items():
            if value and not url:
                raise SettingsError(f"{prefix}{name} is set without {prefix}URL", remedy=f"set {prefix}URL as well")
        if not url and not exports:
            needed = ", ".join(prefix + name for name in AUTH[auth])
            raise SettingsError(
                f"neither {prefix}URL nor {prefix}EXPORTS is set",
                remedy=f"set {prefix}URL and {needed} (REST), or {prefix}EXPORTS (folder of exports), or both",
            )
        given = secrets.get
        return SourceAccess(url, given("TOKEN"), exports, given("USER"), given("PASSWORD"), files)

    def has_source(self, system: str) -> bool:
        """False where nothing tells where the source is, as after its account was closed."""
        prefix = f"FLIT_{system.upper()}_"
        return bool(self._text(prefix + "URL") or self._text(prefix + "EXPORTS"))

    def odoo(self) -> OdooAccess:
        """Access to Odoo in this environment. Raises SettingsError for what is missing or does not belong together."""
        begins = "FLIT_SAMPLE_ODOO_" if self.place == "sample" else "FLIT_ODOO_"
        names = SAMPLE_ODOO if self.place == "sample" else ODOO
        key, user, password = (self._text(begins + name) for name in ("API_KEY", "USER", "PASSWORD"))
        missing = [name for name in (names[:2] if user or password else names) if not self._text(name)]
        if missing:
            raise SettingsError(
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set",
                remedy=f"set {', '.join(names)} (the key: Odoo, preferences, account security, new API key); before"
                f" Odoo 19 {begins}USER too",
            )
        if user and not (password or key):
            raise SettingsError(
                f"{begins}USER is set without {begins}PASSWORD",
                remedy=f"set {begins}PASSWORD, or {begins}API_KEY to a key of this user, as well",
            )
        if password and not user:
            raise SettingsError(f"{begins}PASSWORD is set without {begins}USER", remedy=f"set {begins}USER as well")
        transport = self._text("FLIT_ODOO_TRANSPORT")
        if transport not in TRANSPORTS:
            raise SettingsError(
                "FLIT_ODOO_TRANSPORT is neither json2 nor xmlrpc", remedy="set one of them, or unset it"
            )
        needed = {"json2": (f"{begins}API_KEY", key), "xmlrpc": (f"{begins}USER", user)}.get(transport)
        if needed and not needed[1]:
            raise SettingsError(
                f"FLIT_ODOO_TRANSPORT asks for {transport} and {needed[0]} is not set",
                remedy=f"set {needed[0]} as well",
            )
        return OdooAccess(self._url(names[0]) or "", self._text(names[1]), key, user, password, transport)

    def _folder(self, name: str) -> Path | None:
        value = self.environment.get(name) or None
        if value and not Path(value).is_dir():
            raise SettingsError(f"{name} does not name a folder", remedy=f"set {name} to a folder that is there")
        return Path(value) if value else None

    def _text(self, name: str) -> str:
        """A value without the line end that a file or a copy leaves behind."""
        return self.environment.get(name, "").strip()

    def _url(self, name: str) -> str | None:
        value = self._text(name)
        if not value:
            return None
        try:
            parts = urlsplit(value)
            sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and value.isprintable()
        except ValueError:  # brackets, or a port that is none; its text quotes the URL
            sound = False
        if not sound or " " in value:
            raise SettingsError(f"{name} is not a URL", remedy=f"set {name} to http(s)://host[:port]")
        if parts.query or parts.fragment:
            raise SettingsError(f"{name} holds a query", remedy=f"set {name} to http(s)://host[:port]")
        if parts.username or parts.password:
            raise SettingsError(f"{name} holds credentials", remedy="take them out of the URL, set them by themselves")
        return value


def _bytes(told: str) -> int:
    """FLIT_LARGEST_FILE in bytes. Raises SettingsError."""
    try:
        size = float(told)
    except ValueError:
        size = 0.0
    if not 0 < size <= LARGEST_FILE:
        raise SettingsError(
            f"FLIT_LARGEST_FILE is not a number of MiB above 0 and up to {LARGEST_FILE}",
            remedy=f"set it to such a number (0.5, 25), or leave it out: {LARGEST_FILE} is the most that Odoo takes",
        )
    return max(1, int(size * (1 << 20)))
