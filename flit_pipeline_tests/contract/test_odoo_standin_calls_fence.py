"""Call scripts about the fence over the models that come next, and about views that show fields of our own."""

from typing import Any

from flit_pipeline_tests.contract.test_odoo_standin_script import (
    Call,
    call,
    create,
    find,
    read,
    script,
    search,
    unlink,
    write,
)

P = "res.partner"
F = "x_h9n_fence"
W = "x_h9n_write"
V = "ir.ui.view"
SLOTS = {
    "lead": "crm.lead", "activity": "mail.activity", "file": "ir.attachment", "user": "res.users", "tag": "crm.tag",
    "source": "utm.source", "team": "crm.team", "kind": "mail.activity.type", "message": "mail.message",
}  # fmt: skip
RIGHTS = {"name": "a", "group_id": "$g.0", **{f"perm_{one}": True for one in ("read", "write", "create", "unlink")}}
START = (
    find("res.groups", "g", ["name", "=", "Role / Administrator"]),
    create("ir.model", {"name": "Fence", "model": F, "access_ids": [[0, 0, RIGHTS]]},
           {"name": "Write", "model": W, "access_ids": [[0, 0, RIGHTS]]}, as_="m"),
    create("ir.model.fields",
           {"name": "x_fence_id", "model_id": "$m.1", "ttype": "many2one", "relation": F, "on_delete": "restrict",
            "required": True, "index": True, "field_description": "fence"},
           *({"name": f"x_{name}_ids", "model_id": "$m.1", "ttype": "many2many", "relation": model,
              "field_description": name} for name, model in SLOTS.items()), as_="f"),
    create(F, *({"x_name": str(n)} for n in range(30)), as_="b"),
    find("ir.model", "pm", ["model", "=", P]),
    find("mail.activity.type", "todo", ["name", "=", "To-Do"]),
    find("mail.message.subtype", "note", ["name", "=", "Note"]),
    create(P, {"name": "Patient"}, as_="p"),
)  # fmt: skip
END = (
    search(W, as_="w_left"),
    unlink(W, "$w_left"),
    search(F, as_="b_left"),
    unlink(F, "$b_left"),
    unlink("ir.model", ["$m.1", "$m.0"]),
)


def save(fence: int, slot: str, *commands: list[Any], fields: tuple[str, ...] = (), **more: Any) -> Call:
    """One fenced call."""
    wanted = {f"x_{slot}_ids": {"fields": {name: {} for name in fields}}}
    vals = {"x_fence_id": f"$b.{fence}", f"x_{slot}_ids": list(commands)}
    return call(W, "web_save", ids=[], vals=vals, specification=wanted, **more)


def make(**vals: Any) -> list[Any]:
    """A record to be created."""
    return [0, 0, vals]


ACTIVITY = {"res_model_id": "$pm.0", "res_id": "$p.0", "activity_type_id": "$todo.0", "user_id": False}
FILE = {"res_model": P, "res_id": "$p.0"}

SCRIPTS = [
    script(
        "fence: activities planned and done",
        *START,
        save(0, "activity", make(summary="b", date_deadline="2031-01-02", **ACTIVITY),
             make(summary="a", date_deadline="2030-01-02", note="<p>n</p>", **ACTIVITY),
             make(summary="done", date_deadline="2018-03-01", active=False, date_done="2018-03-04", feedback="f",
                  **ACTIVITY), fields=("summary", "date_deadline", "state", "active", "date_done", "note", "feedback")),
        search("mail.activity", ["res_id", "=", "$p.0"], ["res_model", "=", P], as_="a"),
        save(1, "activity", [1, "$a.0", {"summary": "b2", "date_deadline": "2032-01-01"}], [2, "$a.1", 0],
             make(summary="c", date_deadline="2033-01-01", **ACTIVITY), fields=("summary", "date_deadline")),
        read("mail.activity", "$a", "summary", "date_deadline"),
        save(2, "activity", make(summary="x", date_deadline="2033-01-01", **{**ACTIVITY, "res_id": 99999999}),
             status=403, quote=False),
        save(3, "activity", make(date_deadline="2033-01-01", summary="y", **ACTIVITY),
             make(date_deadline="no date", **ACTIVITY), status=500, quote=False),
        search("mail.activity", ["res_id", "=", "$p.0"], ["summary", "in", ["x", "y"]]),
        search(W, ["x_fence_id", "in", ["$b.2", "$b.3"]]),
        read(P, "$p", "message_ids", "message_follower_ids"),
        unlink(F, ["$b.0"], status=422),
        unlink(F, ["$b.2", "$b.3"]),
        *END,
    ),
    script(
        "fence: files",
        *START,
        save(0, "file", make(name="b.pdf", datas="JVBERi0xLjQK", mimetype="application/pdf", **FILE),
             make(name="a.dcm", datas="AAEC", mimetype="application/dicom", **FILE),
             fields=("name", "file_size", "mimetype", "res_id", "res_model")),
        search("ir.attachment", ["res_model", "=", P], ["res_id", "=", "$p.0"], as_="a"),
        read("ir.attachment", "$a", "checksum", keep=("checksum",)),
        read("ir.attachment", "$a", "datas", "name", "type", "public", "url", "description", "company_id"),
        save(1, "file", [1, "$a.0", {"datas": "aGVsbG8=", "name": "c.txt", "mimetype": "text/plain"}], [2, "$a.1", 0],
             fields=("name", "file_size", "mimetype")),
        read("ir.attachment", "$a", "checksum", keep=("checksum",)),
        save(2, "file", make(name="x", datas="AAEC", res_model=P, res_id=99999999), status=403, quote=False),
        save(3, "file", make(name="two.txt", datas="aGVsbG8=", mimetype="text/plain", **FILE),
             make(name="same.txt", datas="aGVsbG8=", mimetype="text/plain", **FILE), fields=("file_size",)),
        call("ir.attachment", "search_count", domain=[["res_model", "=", P], ["res_id", "=", "$p.0"]]),
        unlink(P, "$p"),
        call("ir.attachment", "search_count", domain=[["id", "in", "$a"]]),
        *END,
    ),
    script(
        "fence: leads, tags, sources, teams, kinds of activity",
        *START,
        save(0, "tag", make(name="h9n b", color=2), make(name="h9n a", color=3), fields=("name", "color")),
        save(1, "source", make(name="h9n Dr Z"), make(name="h9n Dr A"), fields=("name",)),
        save(2, "team", make(name="h9n Z"), make(name="h9n A"), fields=("name", "active")),
        save(3, "kind", make(name="h9n Z", category="default"), make(name="h9n A"), fields=("name", "category")),
        search("crm.tag", ["name", "=like", "h9n%"], as_="t"),
        search("utm.source", ["name", "=like", "h9n%"], as_="s"),
        search("crm.team", ["name", "=like", "h9n%"], as_="team"),
        save(4, "lead", make(name="z", type="opportunity", partner_id="$p.0", probability=10, user_id=False,
                             team_id="$team.0", tag_ids=[[6, 0, "$t"]], source_id="$s.0", expected_revenue=10.5),
             make(name="a", type="opportunity", partner_id="$p.0", probability=0, active=False, user_id=False,
                  date_closed="2019-01-01 10:00:00"),
             fields=("name", "active", "probability", "tag_ids", "source_id", "expected_revenue", "won_status")),
        search("crm.lead", ["partner_id", "=", "$p.0"], as_="l"),
        save(5, "lead", [1, "$l.0", {"probability": 40, "description": "<p>d</p>"}], [1, "$l.1", {"name": "a2"}],
             fields=("name", "probability", "description", "active")),
        save(6, "lead", [2, "$l.1", 0], fields=("name",)),
        search("crm.lead", ["partner_id", "=", "$p.0"]),
        save(7, "tag", make(name="h9n a"), status=422, quote=False),
        save(8, "lead", make(name="x", type="nonsense", user_id=False), status=500, quote=False),
        read(P, "$p", "message_ids", "message_follower_ids"),
        unlink("crm.lead", ["$l.0"]),
        unlink("crm.tag", "$t"),
        unlink("utm.source", "$s"),
        unlink("crm.team", "$team"),
        search("mail.activity.type", ["name", "=like", "h9n%"], as_="k"),
        unlink("mail.activity.type", "$k"),
        *END,
    ),
    script(
        "fence: users",
        *START,
        save(0, "user", make(name="Dr Z", login="h9n_z", email="z@example.com"),
             make(name="Dr A", login="h9n_a", email="a@example.com"),
             fields=("name", "login", "email", "active")),
        search("res.users", ["login", "=like", "h9n_%"], as_="u"),
        read("res.users", "$u", "share", "company_id", "notification_type"),
        save(1, "user", [1, "$u.0", {"active": False, "name": "Dr Y"}], fields=("name", "active")),
        save(2, "user", make(name="Twin", login="h9n_z"), status=422, quote=False),
        search("mail.mail"),
        *END,
    ),
    script(
        "fence: messages of a lead and of a contact in one batch",
        *START,
        create("crm.lead", {"name": "l", "user_id": False}, as_="l"),
        save(0, "message", *(make(model=model, res_id=about, body="<p>b</p>", date="2018-03-04 05:06:07",
                                  message_type="comment", subtype_id="$note.0", author_id=False, email_from="a@b.c",
                                  reply_to="n@b.c") for model, about in ((P, "$p.0"), ("crm.lead", "$l.0"))),
             fields=("model", "res_id", "date", "body")),
        read("crm.lead", "$l", "message_ids"),
        unlink("crm.lead", "$l"),
        *END,
    ),
    script(
        "view: fields of our own on the form of a contact",
        find("ir.model", "pm", ["model", "=", P]),
        create("ir.model.fields", {"name": "x_h9n_seen", "model_id": "$pm.0", "ttype": "char",
                                   "field_description": "s"}, as_="f"),
        call("ir.model.data", "search_read", domain=[["module", "=", "base"], ["name", "=", "view_partner_form"]],
             fields=["model", "res_id", "module", "name"]),
        find(V, "base", ["model", "=", P], ["name", "=", "res.partner.form"]),
        read(V, "$base", "name", "model", "type", "mode", "priority", "active"),
        create(V, {"name": "h9n", "model": P, "inherit_id": "$base.0", "mode": "extension", "priority": 99,
                   "arch": '<data><xpath expr="//notebook" position="inside"><page string="Own">'
                           '<field name="x_h9n_seen"/></page></xpath></data>'}, as_="v"),
        read(V, "$v", "name", "model", "inherit_id", "mode", "priority", "type", "active", "arch_db"),
        create("ir.model.data", {"module": "h9n", "name": "view_own", "model": V, "res_id": "$v.0"}, as_="d"),
        call("ir.model.data", "search_read", domain=[["module", "=", "h9n"], ["name", "in", ["view_own", "no"]]],
             fields=["model", "res_id", "complete_name"]),
        search(V, ["inherit_id", "=", "$base.0"], ["name", "=", "h9n"]),
        write(V, "$v", arch='<data><xpath expr="//notebook" position="inside"><page string="Own 2">'
                            '<field name="x_h9n_seen"/></page></xpath></data>', priority=98),
        read(V, "$v", "arch_db", "arch", "priority"),
        write(V, "$v", active=False),
        search(V, ["id", "in", "$v"], ["active", "=", False]),
        write(V, "$v", active=True),
        create(V, {"name": "h9n", "model": P, "inherit_id": "$base.0", "mode": "extension",
                   "arch": '<data><xpath expr="//notebook" position="inside"><field name="x_no"/></xpath></data>'},
               status=422, quote=False),
        create(V, {"name": "h9n", "model": P, "inherit_id": "$base.0", "mode": "extension", "arch": "<data><xpath"},
               status=422, quote=False),
        create(V, {"name": "h9n", "model": P, "inherit_id": "$base.0", "mode": "extension",
                   "arch": '<data><xpath expr="//nowhere" position="inside"><field name="phone"/></xpath></data>'},
               status=422, quote=False),
        create(V, {"name": "h9n", "model": P, "inherit_id": "$base.0", "mode": "extension",
                   "arch": '<data><xpath expr="//page[@name=&quot;nowhere&quot;]" position="after"/></data>'},
               status=422, quote=False),
        create(V, {"name": "h9n", "model": P, "inherit_id": "$base.0", "mode": "extension",
                   "arch": '<data><field name="phone" position="after"><field name="x_h9n_seen"/></field>'
                           '<xpath expr="//field[@name=&quot;lang&quot;]" position="after">'
                           '<field name="x_h9n_seen" string="again"/></xpath></data>'}, as_="w"),
        unlink(V, "$w"),
        write(V, "$v", arch='<data><xpath expr="//notebook" position="inside"><field name="x_no"/></xpath></data>',
              status=422, quote=False),
        create(V, {"name": "h9n", "model": P, "inherit_id": 99999999, "mode": "extension", "arch": "<data/>"},
               status=404, quote=False),
        unlink("ir.model.fields", "$f", status=422, quote=False),
        unlink(V, "$v"),
        search("ir.model.data", ["module", "=", "h9n"]),
        unlink("ir.model.fields", "$f"),
    ),
]  # fmt: skip
