"""What the stand-in answers instead of a result: the names, statuses and sentences of the real server.

Sentences are the server's own, so that the pipeline, or a person who reads them, tells one refusal from another.
"""

from collections.abc import Sequence


class Refusal(Exception):
    """Base: ``name`` and ``status`` of the JSON-2 reply, ``fault`` the XML-RPC code."""

    name, status, fault = "builtins.Exception", 500, 1

    @property
    def message(self) -> str:
        """The sentence."""
        return str(self.args[0]) if self.args else ""


class NotImplementedHere(Refusal):
    """The real server would do something here that the stand-in does not reproduce: it says so, and does nothing."""

    name, status = "flit_pipeline.sandbox.odoo.NotImplementedHere", 501

    def __init__(self, what: str) -> None:
        super().__init__(f"NotImplementedHere: {what}")


class UserError(Refusal):
    """A rule of the application says no."""

    name, status, fault = "odoo.exceptions.UserError", 422, 2


class ValidationError(UserError):
    """A constraint does not hold."""

    name = "odoo.exceptions.ValidationError"


class RedirectWarning(UserError):
    """A rule says no and offers a way out; JSON-2 answers 500."""

    name, status = "odoo.exceptions.RedirectWarning", 500


class AccessError(UserError):
    """The user may not do it."""

    name, status, fault = "odoo.exceptions.AccessError", 403, 4


class AccessDenied(UserError):
    """Wrong user or password (XML-RPC)."""

    name, status, fault = "odoo.exceptions.AccessDenied", 403, 3


class MissingError(UserError):
    """A record is gone."""

    name, status = "odoo.exceptions.MissingError", 404


class BadArguments(Refusal):
    """The call's arguments do not fit the method."""

    name, status = "werkzeug.exceptions.UnprocessableEntity", 422


class BadRequest(Refusal):
    """The body cannot be read."""

    name, status = "werkzeug.exceptions.BadRequest", 400


class NotFound(Refusal):
    """No such model, method or path."""

    name, status = "werkzeug.exceptions.NotFound", 404


class Unauthorized(Refusal):
    """No key, or a wrong one."""

    name, status = "werkzeug.exceptions.Unauthorized", 401


class Broken(Refusal):
    """An exception of the server's own code: HTTP 500. ``kind``: its qualified name."""

    def __init__(self, kind: str, message: str) -> None:
        self.name = kind
        super().__init__(message)


def value_error(message: str) -> Broken:
    """A ValueError of the server."""
    return Broken("builtins.ValueError", message)


def key_error(message: str) -> Broken:
    """A KeyError of the server."""
    return Broken("builtins.KeyError", message)


def missing_required(label: str, field: str, model_label: str, model: str) -> ValidationError:
    """A required field without a value: the database refuses it."""
    return ValidationError(
        f"The operation cannot be completed: Missing required value for the field '{label}' ({field}).\n"
        f"Model: '{model_label}' ({model})\n- create/update: a mandatory field is not set\n"
        "- delete: another model requires the record being deleted, you can archive it instead\n"
    )


def in_use(label: str, field: str, model_label: str, model: str) -> ValidationError:
    """A link to a record that is not there, or would no longer be."""
    return ValidationError(
        "The operation cannot be completed: Another model is using the record you are trying to delete.\n\n"
        f"The troublemaker is: '{model_label}' ({model})\nThanks to the following constraint: '{label}' ({field})\n"
        "How about archiving the record instead?"
    )


def constraint(message: str) -> ValidationError:
    """A constraint of the database with a sentence of its own."""
    return ValidationError(f"The operation cannot be completed: {message}")


def gone(model: str, ids: Sequence[int], uid: int) -> MissingError:
    """Records that do not exist. The server names the first."""
    return MissingError(f"Record does not exist or has been deleted.\n(Record: {model}({ids[0]},), User: {uid})")
