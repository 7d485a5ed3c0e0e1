"""Call scripts about log notes, and about what the html sanitizer leaves of a text."""

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

M = "mail.message"
P = "res.partner"
NOTE = (
    call("ir.model.data", "search_read", domain=[["module", "=", "mail"], ["name", "=", "mt_note"]], fields=["res_id"]),
    find("mail.message.subtype", "note", ["name", "=", "Note"]),
    create(P, {"name": "Patient", "email": "p@example.com"}, as_="p"),
)

TEXTS = (
    "", "plain", " lead and trail ", "two\nlines", "a < b & c > d", "5 > 3", "<p>ok</p>", "<p>ok", "ok</p>", "<P>Big</P>",
    "<p>a<br>b<br/>c<br />d</p>", "<p></p>", "<p> </p>", "<p>&nbsp;</p>", "<p>a&nbsp;b &amp; &lt;c&gt; &quot;d&quot;</p>",
    "<p>ş ğ İ 😀</p>", "<p>one</p><p>two</p>", "<p>one</p>\n<p>two</p>", "text<p>p</p>tail", "<b>bold</b> and <i>it</i>",
    "<div>d</div>", "<div><p>in</p></div>", "<span>s</span>", "<p>x</p><script>alert(1)</script>",
    "<script>alert(1)</script>", '<p onclick="x()">c</p>', '<a href="javascript:alert(1)">l</a>',
    '<a href="https://example.com/?a=1&b=2">l</a>', '<a href="mailto:x@y.z">m</a>', '<img src="x" onerror="alert(1)">',
    '<img src="data:image/png;base64,AAAA">', '<iframe src="https://e.com"></iframe>', "<style>p{color:red}</style><p>s</p>",
    '<p style="color: red;">s</p>', '<p style="color:red;position:fixed">s</p>', '<p class="c" id="i" data-x="1">a</p>',
    "<table><tr><td>1</td></tr></table>", "<table><tbody><tr><td>1</td></tr></tbody></table>", "<ul><li>a</li><li>b</li></ul>",
    "<h1>H</h1>", "<pre>a\n b</pre>", "<custom>x</custom>",
    "<p>unclosed <b>bold</p>", "<p>a</p> ", "\n<p>a</p>\n", "&lt;b&gt;", "a&b", "a&amp;b", "<", "<>", "< p>", "<3 hearts",
    "x<y>z", "<object>o</object>", "<hr>", "<p>a</p><hr/>",
    '<p title="a &quot;q&quot; b">t</p>', "<p>'single' \"double\"</p>", "<body><p>b</p></body>", "<html><p>b</p></html>",
    "<em>e</em>", "<strong>s</strong>", "<u>u</u>", "<p>tab\there</p>", "<p>a\r\nb</p>", "line1\r\nline2", "<p>\x7f</p>", "<p>\u2028\ufffe</p>", "<o:p>word</o:p>",
    "<font color=\"red\">f</font>", "<center>c</center>", "<p>&#305; &#x131;</p>",
    "<p>a</p><p></p><p>b</p>", "<p>1. bir<br>2. iki</p>", "<ol><li>x</ol>", "<p>x</p>text",
)  # fmt: skip
"""Texts and what becomes of them; the pipeline itself sends paragraphs with breaks and escaped text alone."""


STYLED = ('<img src="data:image/png;base64,AAAA">', '<p style="color: red;">s</p>',
          '<p style="color:red;position:fixed">s</p>')  # fmt: skip
"""Of these the server makes something else in a log note: files of pictures, and it filters styles."""


def sanitized(field: str, model: str, *texts: str) -> tuple[Call, ...]:
    """Records with these texts, and the texts as they come back."""
    extra = {} if model == M else {"name": "x"}
    extra |= {"user_id": False} if model == "crm.lead" else {}
    extra |= {"start": "2020-01-01 10:00:00", "stop": "2020-01-01 11:00:00"} if model == "calendar.event" else {}
    return (
        create(model, *({**extra, field: text} for text in texts), as_="h"),
        read(model, "$h", field),
    )


SCRIPTS = [
    script(
        "message: moved to another document, and a reply address that is left empty",
        *NOTE,
        create(P, {"name": "Other"}, as_="o"),
        create(M, {"model": P, "res_id": "$p.0", "body": "<p>x</p>", "author_id": False, "email_from": "a@b.c",
                   "reply_to": False}, as_="n"),
        read(M, "$n", "model", "res_id", "reply_to"),
        write(M, "$n", res_id="$o.0"),
        read(M, "$n", "model", "res_id", "record_name"),
        call(M, "write", ids="$n", vals={"model": P}),
        write(M, "$n", reply_to="x@y.z"),
        read(M, "$n", "reply_to"),
        read(P, "$p", "message_ids"),
        read(P, "$o", "message_ids"),
    ),
    script(
        "message: as the pipeline sends it",
        *NOTE,
        create(M, {"model": P, "res_id": "$p.0", "body": "<p>Not</p>", "date": "2018-03-04 05:06:07",
                   "message_type": "comment", "subtype_id": "$note.0", "author_id": False,
                   "email_from": '"Dr Old" <old@x.com>', "reply_to": "noreply@invalid"}, as_="n"),
        read(M, "$n", "model", "res_id", "body", "date", "message_type", "subtype_id", "author_id", "email_from",
             "reply_to", "subject", "is_internal", "parent_id", "record_name", "attachment_ids",
             "partner_ids", "create_uid", "notification_ids", "tracking_value_ids"),
        read(P, "$p", "message_ids"),
        search("mail.mail", ["mail_message_id", "in", "$n"]),
        search("mail.notification", ["mail_message_id", "in", "$n"]),
        write(M, "$n", body="<p>Neu</p>", date="2018-03-04 05:06:08"),
        read(M, "$n", "body", "date"),
        unlink(M, "$n"),
        read(P, "$p", "message_ids"),
    ),
    script(
        "message: what the server fills in",
        *NOTE,
        create(M, {"model": P, "res_id": "$p.0", "body": "x"}, as_="n"),
        read(M, "$n", "message_type", "subtype_id", "author_id", "email_from", "date", "subject", "is_internal",
             "email_add_signature", "reply_to_force_new"),
        search("res.partner", ["user_ids.login", "=", "admin"], as_="me"),
        read(M, "$n", "author_id"),
        create(M, {"model": P, "res_id": "$p.0", "body": "x", "message_id": "<a@b>", "email_from": False}, as_="o"),
        read(M, "$o", "message_id", "email_from"),
        create(M, {"body": "no document"}, as_="free"),
        read(M, "$free", "model", "res_id", "body"),
    ),
    script(
        "message: refusals",
        *NOTE,
        create(M, {"model": P, "res_id": 999999, "body": "x"}, status=404, quote=False),
        create(M, {"model": "no.such", "res_id": 1, "body": "x"}, status=500),
        create(M, {"model": P, "res_id": "$p.0", "body": "x", "message_type": "note"}, status=500),
        create(M, {"model": P, "res_id": "$p.0", "body": "x", "subtype_id": 999999}, status=422),
        create(M, {"model": P, "res_id": "$p.0", "body": "x", "author_id": 999999}, status=404, quote=False),
        create(M, {"model": P, "res_id": "$p.0", "body": "x", "date": "yesterday"}, status=500),
        create(M, {"model": P, "res_id": "$p.0", "body": "fine"}, {"model": P, "res_id": 999999, "body": "bad"},
               status=404, quote=False),
        search(M, ["model", "=", P], ["res_id", "=", "$p.0"]),
    ),
    script(
        "message: order is by id, newest first",
        *NOTE,
        create(M, {"model": P, "res_id": "$p.0", "body": "a", "date": "2020-01-01 00:00:00"},
               {"model": P, "res_id": "$p.0", "body": "b", "date": "2010-01-01 00:00:00"}, as_="n"),
        call(M, "search", domain=[["model", "=", P], ["res_id", "=", "$p.0"]]),
        read(P, "$p", "message_ids"),
        call(M, "search_read", domain=[["model", "=", P], ["res_id", "in", "$p"]], fields=["res_id", "model"], load=None),
        call(M, "search_count", domain=[["model", "=", P], ["res_id", "=", "$p.0"], ["message_type", "=", "comment"]]),
    ),
    script("html: a log note", *sanitized("body", M, *(text for text in TEXTS if text not in STYLED))),
    script("html: a contact's comment", *sanitized("comment", P, *TEXTS)),
    script("html: an appointment's description", *sanitized("description", "calendar.event", *TEXTS)),
    script("html: a lead's description", *sanitized("description", "crm.lead", *TEXTS[:20])),
    script(
        "html: a field of one's own",
        find("ir.model", "m", ["model", "=", P]),
        create("ir.model.fields", {"name": "x_h9_html", "model_id": "$m.0", "ttype": "html", "field_description": "h"},
               as_="f"),
        *sanitized("x_h9_html", P, *TEXTS),
        unlink("ir.model.fields", "$f"),
    ),
]  # fmt: skip
