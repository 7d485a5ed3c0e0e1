"""What each model does besides holding values: one room for each part of the server."""

from flit_pipeline.sandbox.odoo.hooks import Hooks
from flit_pipeline.sandbox.odoo.models.activity import Activity
from flit_pipeline.sandbox.odoo.models.attachment import Attachment
from flit_pipeline.sandbox.odoo.models.calendar import Attendee, Event, Kind
from flit_pipeline.sandbox.odoo.models.contact import Category, Contact
from flit_pipeline.sandbox.odoo.models.crm import Alias, Coloured, Numbered, Tag, Team
from flit_pipeline.sandbox.odoo.models.lead import Lead
from flit_pipeline.sandbox.odoo.models.message import Follower, Message, Outgoing
from flit_pipeline.sandbox.odoo.models.schema_made import Fields, Models, Options
from flit_pipeline.sandbox.odoo.models.system import ExternalId, Parameter, ReadOnly
from flit_pipeline.sandbox.odoo.models.user import Company, State, User
from flit_pipeline.sandbox.odoo.models.view import View

HOOKS: dict[str, Hooks] = {
    "": Hooks(),
    "calendar.attendee": Attendee(),
    "calendar.event": Event(),
    "calendar.event.type": Kind(),
    "crm.lead": Lead(),
    "crm.stage": Coloured(),
    "crm.tag": Tag(),
    "crm.team": Team(),
    "ir.attachment": Attachment(),
    "ir.config_parameter": Parameter(),
    "ir.model": Models(),
    "ir.model.data": ExternalId(),
    "ir.model.fields": Fields(),
    "ir.model.fields.selection": Options(),
    "ir.module.module": ReadOnly("ir.module.module"),
    "ir.ui.view": View(),
    "mail.activity": Activity(),
    "mail.alias": Alias(),
    "mail.followers": Follower(),
    "mail.mail": Outgoing(),
    "mail.message": Message(),
    "mail.notification": Outgoing(),
    "res.company": Company(),
    "res.country": ReadOnly("res.country"),
    "res.country.state": State(),
    "res.currency": ReadOnly("res.currency"),
    "res.groups": ReadOnly("res.groups"),
    "res.lang": ReadOnly("res.lang"),
    "res.partner": Contact(),
    "res.partner.category": Category(),
    "res.users": User(),
    "utm.medium": Numbered("utm.medium"),
    "utm.source": Numbered("utm.source"),
}
"""Model -> what it does; '' stands for all others."""
