"""One database: its store, its models, and calls into them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flit_pipeline.errors import SettingsError
from flit_pipeline.sandbox.odoo import access, arguments, fresh
from flit_pipeline.sandbox.odoo.env import Env
from flit_pipeline.sandbox.odoo.methods import METHODS, OWN, Method
from flit_pipeline.sandbox.odoo.models import HOOKS
from flit_pipeline.sandbox.odoo.models.schema_made import rebuild
from flit_pipeline.sandbox.odoo.refusals import AccessError, NotFound, NotImplementedHere
from flit_pipeline.sandbox.odoo.schema import Registry, shipped
from flit_pipeline.sandbox.odoo.seed import STANDARD
from flit_pipeline.sandbox.odoo.store import Store

MORE = ("account",)
"""Applications that may be asked for besides the standard ones."""


class Database:
    """``path``: file that is kept, None for one that goes with the process; ``without``: applications left out.

    ``before_commit``: called by every writing call when its work is done; tests hold one up there. Raises SettingsError
    for applications that the stand-in does not know.
    """

    def __init__(self, path: Path | None = None, modules: Sequence[str] = (), without: Sequence[str] = ()) -> None:
        unknown = [name for name in modules if name not in (*STANDARD, *MORE)]
        unknown += [name for name in without if name != "calendar"]
        if unknown:
            raise SettingsError(
                f"the stand-in of Odoo has no choice about {', '.join(unknown)}",
                remedy=f"modules may name {', '.join(MORE)}; without may name calendar",
            )
        more = tuple(sorted(set(modules) & set(MORE)))
        self.store = Store(path)
        self.before_commit: Callable[[], None] = lambda: None
        left_out = tuple(sorted(set(without)))
        self._base = self._registry = shipped(left_out, more)
        if self.store.fresh:
            self.store.fill(lambda connection: fresh.fill(connection, left_out, more))
        with self.store.reading() as connection:
            env = self._env(connection, {})
            rebuild(env)
            self._registry = env.registry

    @property
    def registry(self) -> Registry:
        """Models as they are committed."""
        return self._registry

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    def count(self, model: str) -> int:
        """Rows of a model, archived ones included. Raises NotFound, NotImplementedHere."""
        with self.store.reading() as connection:
            return int(connection.execute(f'select count(*) from "{self._registry.model(model).name}"').fetchone()[0])

    @contextmanager
    def looking(self) -> Iterator[Env]:
        """The committed state, archived records included, for reading alone."""
        with self.store.reading() as connection:
            yield self._env(connection, {"active_test": False, "lang": "en_US", "tz": "UTC"})

    def reads(self, model: str, name: str) -> bool:
        """Whether a method changes nothing."""
        found = OWN.get((model, name)) or METHODS.get(name)
        return found is None or found.reads

    def on_model(self, model: str, name: str) -> bool:
        """Whether a method takes no ids."""
        found = OWN.get((model, name)) or METHODS.get(name)
        return found is not None and found.on_model

    def call(
        self, model: str, name: str, ids: Sequence[int], positional: Sequence[Any], keywords: Mapping[str, Any],
        context: Mapping[str, Any],
    ) -> Any:  # fmt: skip
        """Call a method in one transaction. Raises a Refusal; nothing of the call stands then."""
        method = self._method(model, name)
        run = arguments.bound(method.function, ids, positional, keywords)
        if method.reads:
            with self.store.reading() as connection:
                return self._run(self._env(connection, context), model, method, ids, run)
        with self.store.writing() as connection:
            env = self._env(connection, context)
            result = self._run(env, model, method, ids, run)
            self.before_commit()
        if env.changed_schema:
            self._registry = env.registry
        return result

    def _run(self, env: Env, model: str, method: Method, ids: Sequence[int], run: arguments.Bound) -> Any:
        about = env.model(model)
        if method.right:
            access.check(env, about, "create" if method.or_create and not ids else method.right)
        return run(env, about)

    def _method(self, model: str, name: str) -> Method:
        if model not in self._registry.names:
            raise NotFound(f"the model {model!r} does not exist")
        if name.startswith("_"):
            raise AccessError(f"Private methods (such as '{model}.{name}') cannot be called remotely.")
        found = OWN.get((model, name)) or METHODS.get(name)
        if found is None:
            raise NotImplementedHere(f"{model}.{name}")
        self._registry.model(model)
        return found

    def _env(self, connection: Any, context: Mapping[str, Any]) -> Env:
        return Env(self.store, connection, self._base, self._registry, dict(context), HOOKS)
