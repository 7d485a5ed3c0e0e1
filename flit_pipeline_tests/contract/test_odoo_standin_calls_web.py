"""Call scripts about ``web_save`` and its kin, the fence, commands in one call, and all or nothing."""

from flit_pipeline_tests.contract.test_odoo_standin_script import (
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
MODELS = (
    find("res.groups", "g", ["id", "in", [1, 2, 3, 4]], ["name", "=", "Role / Administrator"]),
    call("ir.model.data", "search_read", domain=[["module", "=", "base"], ["name", "=", "group_system"]],
         fields=["res_id", "model"]),
    create("ir.model", {"name": "Fence", "model": "x_h9_fence", "access_ids": [[0, 0, {
        "name": "a", "group_id": "$g.0", "perm_read": True, "perm_write": True, "perm_create": True,
        "perm_unlink": True}]]},
        {"name": "Write", "model": "x_h9_write", "access_ids": [[0, 0, {
            "name": "a", "group_id": "$g.0", "perm_read": True, "perm_write": True, "perm_create": True,
            "perm_unlink": True}]]}, as_="m"),
    create("ir.model.fields",
           {"name": "x_fence_id", "model_id": "$m.1", "ttype": "many2one", "relation": "x_h9_fence",
            "on_delete": "restrict", "required": True, "index": True, "field_description": "fence"},
           {"name": "x_partner_ids", "model_id": "$m.1", "ttype": "many2many", "relation": P,
            "field_description": "partners"},
           {"name": "x_event_ids", "model_id": "$m.1", "ttype": "many2many", "relation": "calendar.event",
            "field_description": "events"}, as_="f"),
)  # fmt: skip
GONE = (
    search("x_h9_write", as_="w_left"),
    unlink("x_h9_write", "$w_left"),
    search("x_h9_fence", as_="b_left"),
    unlink("x_h9_fence", "$b_left"),
    unlink("ir.model.fields", ["$f.0", "$f.1", "$f.2"]),
    unlink("ir.model", ["$m.1", "$m.0"]),
    call("x_h9_fence", "search", domain=[], status=404),
)
LOST = (
    (P, {"name": "x"}, 404, 404), ("calendar.event", {"name": "x"}, 404, 404), ("mail.message", {"body": "x"}, 200, 200),
    ("mail.activity", {"summary": "x"}, 404, 404), ("ir.attachment", {"name": "x"}, 404, 404),
    ("crm.lead", {"name": "x"}, 404, 404), ("crm.tag", {"name": "x"}, 200, 200), ("crm.stage", {"name": "x"}, 200, 200),
    ("res.users", {"name": "x"}, 404, 404), ("crm.team", {"name": "x"}, 404, 404),
    ("ir.config_parameter", {"value": "x"}, 404, 404), ("ir.model.data", {"noupdate": True}, 200, 200),
    ("ir.model.fields", {"help": "x"}, 404, 404), ("ir.model.fields.selection", {"name": "x"}, 404, 404),
    ("res.partner.category", {"name": "x"}, 200, 200), ("mail.activity.type", {"name": "x"}, 200, 200),
    ("calendar.event.type", {"name": "x"}, 200, 200), ("crm.lost.reason", {"name": "x"}, 200, 200),
    ("calendar.attendee", {"state": "accepted"}, 404, 404), ("ir.model.access", {"name": "x"}, 200, 200),
)  # fmt: skip
"""Model, values, status of a write and of an unlink of a record that is not there: some say that all is well."""
F = "x_h9_fence"
W = "x_h9_write"

SCRIPTS = [
    script(
        "web: nested fence, its verdict and its sweep",
        *MODELS,
        create(F, {"x_name": "a"}, {"x_name": "a"}, {"x_name": "b"}, as_="b"),
        search(F, ["x_name", "=", "a"]),
        create(P, {"name": "old", "ref": "u0", "active": False}, as_="old"),
        call(W, "web_save", ids=[], vals={"x_fence_id": "$b.0", "x_partner_ids": [
            [1, "$old.0", {"ref": "u1"}], [0, 0, {"name": "n1", "ref": "k1"}], [0, 0, {"name": "n2", "ref": "k2"}],
            [0, 0, {"name": "n3", "ref": "k3", "active": False}]]},
            specification={"x_partner_ids": {"fields": {"ref": {}, "name": {}}}}, as_="w"),
        search(P, ["ref", "in", ["k1", "k2", "k3"]], as_="n"),
        read(W, "$w", "x_fence_id", "x_partner_ids", "x_name", "display_name"),
        call(W, "read", ids="$w", fields=["x_fence_id"]),
        unlink(F, ["$b.0"], status=422),
        search(F, ["id", "=", "$b.0"]),
        call(W, "web_read", ids="$w", specification={"x_partner_ids": {"fields": {"ref": {}, "country_id": {}}}}),
        call(W, "web_read", ids="$w", specification={"x_partner_ids": {}, "x_fence_id": {}}),
        call(W, "web_read", ids="$w", specification={"x_fence_id": {"fields": {"x_name": {}, "display_name": {}}}}),
        call(W, "web_save", ids=[], vals={"x_fence_id": "$b.1", "x_partner_ids": [
            [0, 0, {"name": "n4", "ref": "k4"}], [0, 0, {"ref": "k5"}]]}, specification={}, status=422),
        search(W, ["x_fence_id", "=", "$b.1"]),
        search(P, ["ref", "=", "k4"]),
        unlink(F, ["$b.1"]),
        call(W, "web_save", ids=[], vals={"x_fence_id": "$b.1", "x_partner_ids": [[0, 0, {"name": "n6", "ref": "k6"}]]},
             specification={}, status=422),
        search(P, ["ref", "=", "k6"]),
        search(W, ["x_fence_id", "in", ["$b.0", "$b.1"]]),
        unlink(W, "$w"),
        unlink(F, ["$b.0"]),
        read(P, "$n", "ref"),
        read(P, "$old", "ref", "active"),
        *GONE,
    ),
    script(
        "web: updates alone, deletes, and nothing at all",
        *MODELS,
        create(F, {"x_name": "a"}, as_="b"),
        create(P, {"name": "a", "ref": "1"}, {"name": "b", "ref": "2"}, {"name": "c"}, as_="p"),
        call(W, "web_save", ids=[], vals={"x_fence_id": "$b.0", "x_partner_ids": [
            [1, "$p.0", {"ref": "11"}], [1, "$p.1", {"ref": "22", "email": False}], [2, "$p.2"]]},
            specification={}, as_="w"),
        read(P, "$p", "ref"),
        read(W, "$w", "x_partner_ids"),
        call(W, "web_save", ids=[], vals={"x_fence_id": "$b.0", "x_partner_ids": [[1, "$p.2", {"ref": "x"}]]},
             specification={}, status=404),
        call(W, "web_save", ids=[], vals={"x_fence_id": "$b.0", "x_partner_ids": []}, specification={}),
        call(W, "web_save", ids=[], vals={"x_partner_ids": []}, specification={}, status=422),
        call(W, "web_save", ids="$w", vals={"x_name": "named"}, specification={"x_name": {}}),
        call(W, "web_save", ids=[], vals={"nope": 1}, specification={}, status=500),
        call(W, "web_save", ids=[], vals={"x_fence_id": "$b.0", "x_partner_ids": [[0, 0, {"name": "x", "nope": 1}]]},
             specification={}, status=500),
        call(W, "web_save", ids=[], vals={}, status=422),
        *GONE,
    ),
    script(
        "web: plain create does the same",
        *MODELS,
        create(F, {"x_name": "a"}, as_="b"),
        create(W, {"x_fence_id": "$b.0", "x_partner_ids": [[0, 0, {"name": "q1"}], [0, 0, {"name": "q2"}]]}, as_="w"),
        call(W, "web_read", ids="$w", specification={"x_partner_ids": {"fields": {"name": {}}}}),
        unlink(F, "$b", status=422),
        write(W, "$w", x_partner_ids=[[0, 0, {"name": "q3"}]]),
        call(W, "web_read", ids="$w", specification={"x_partner_ids": {"fields": {"name": {}}}}),
        *GONE,
    ),
    script(
        "web: order of what is made, and of what is read later",
        *MODELS,
        create(F, {"x_name": "a"}, as_="b"),
        create(P, {"name": "m", "ref": "m"}, as_="old"),
        call(W, "web_save", ids=[], vals={"x_fence_id": "$b.0", "x_partner_ids": [
            [1, "$old.0", {"ref": "mm"}], [0, 0, {"name": "z", "ref": "1"}], [0, 0, {"name": "a", "ref": "2"}],
            [0, 0, {"name": "a", "ref": "3"}]], "x_event_ids": [
            [0, 0, {"name": "e2", "start": "2020-01-02 10:00:00", "stop": "2020-01-02 11:00:00"}],
            [0, 0, {"name": "e1", "start": "2020-01-03 10:00:00", "stop": "2020-01-03 11:00:00"}]]},
            specification={"x_partner_ids": {"fields": {"ref": {}}}, "x_event_ids": {}}, as_="w"),
        call(W, "web_read", ids="$w", specification={"x_partner_ids": {"fields": {"ref": {}}}, "x_event_ids": {
            "fields": {"name": {}}}}),
        read(W, "$w", "x_partner_ids"),
        call(W, "web_read", ids="$w", specification={"x_partner_ids": {"fields": {"ref": {}}}}, context={}),
        *GONE,
    ),
    script(
        "web: a record that is gone",
        *(
            call(model, method, ids=[888888], **({"vals": vals} if method == "write" else {}), status=status, quote=False)
            for model, vals, writes, unlinks in LOST
            for method, status in (("write", writes), ("unlink", unlinks))
        ),
    ),
    script(
        "web: web_save on a contact",
        call(P, "web_save", ids=[], vals={"name": "s", "comment": "<p>a</p>"},
             specification={"name": {}, "comment": {}, "id": {}}, as_="p"),
        call(P, "web_save", ids="$p", vals={"name": "t"}, specification={"name": {}, "write_date": {}}),
        call(P, "web_save", ids="$p", vals={}, specification={"name": {}}),
        call(P, "web_save_multi", ids="$p", vals_list=[{"name": "m"}], specification={"name": {}}),
        create(P, {"name": "2"}, as_="q"),
        call(P, "web_save_multi", ids=["$p.0", "$q.0"], vals_list=[{"name": "m1"}, {"name": "m2", "ref": "r"}],
             specification={"name": {}}),
        call(P, "web_save_multi", ids=["$p.0", "$q.0"], vals_list=[{"name": "m1"}], specification={}, status=500,
             quote=False),
        call(P, "web_read", ids="$p", specification={"nope": {}}, status=500, quote=False),
        call(P, "web_read", ids=[999998], specification={"name": {}}),
        find("res.country", "tr", ["code", "=", "TR"]),
        write(P, "$p", country_id="$tr.0"),
        call(P, "web_read", ids="$p", specification={"country_id": {}, "category_id": {}}),
        call(P, "web_read", ids="$p", specification={"country_id": {"fields": {}}}),
        call(P, "web_read", ids="$p", specification={"country_id": {"fields": {"display_name": {}}}}),
        call(P, "web_read", ids="$p", specification={"country_id": {"fields": {"code": {}}}, "state_id": {}}),
    ),
    script(
        "rights: has_access and its kin",
        call(P, "has_access", ids=[], operation="create"),
        call(P, "has_access", ids=[], operation="write"),
        call("ir.model.fields", "has_access", ids=[], operation="create"),
        call(P, "check_access_rights", operation="write"),
        call(P, "has_access", ids=[], operation="nope", status=500, quote=False),
        call(P, "has_access", ids=[], status=422),
        call("mail.message", "has_access", ids=[], operation="create"),
    ),
]  # fmt: skip
