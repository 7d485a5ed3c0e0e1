"""Tables of the ledger (SQLAlchemy Core; SQLite by default, PostgreSQL by FLIT_LEDGER_URL).

``key_ref`` and ``row_ref`` are keyed hashes (privacy.Vault.ref); ``sealed`` columns hold encrypted JSON.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

meta = Table("meta", metadata, Column("name", String(40), primary_key=True), Column("value", Text, nullable=False))

window = Table(
    "window", metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(12), nullable=False),  # full | inventory | sample | delta | rollback
    Column("state", String(8), nullable=False),  # open | closed
    Column("as_of", String(32), nullable=False),  # source clock at the start, UTC ISO
    Column("spec_hash", String(64), nullable=False),
    Column("opened", String(32), nullable=False),
    Column("closed", String(32)),
    Column("starts", String(32)),  # delta: changes from here on were read, source clock, UTC ISO; rollback: its scope
    Column("ends", String(32)),  # delta: up to here
)  # fmt: skip

extract = Table(
    "extract", metadata,
    Column("window", Integer, primary_key=True),
    Column("object", String(200), primary_key=True),
    Column("state", String(8), nullable=False),  # reading | done
    Column("reading", Integer, nullable=False),  # pass over the collection, from 1
    Column("files", Integer, nullable=False),
    Column("resume", Text),
    Column("total_before", BigInteger),
    Column("total_after", BigInteger),
    Column("rows", BigInteger, nullable=False),  # distinct rows of the current state
    Column("broken", BigInteger, nullable=False),
)  # fmt: skip

quarantine = Table(
    "quarantine", metadata,
    Column("stage", String(12), primary_key=True),  # extract | validate | map | load
    Column("object", String(200), primary_key=True),  # source object, or route for stage load
    Column("row_ref", String(24), primary_key=True),
    Column("rule", String(200), primary_key=True),
    Column("column", String(200), primary_key=True),
    Column("route", String(200), primary_key=True),
    Column("remedy", Text, nullable=False),
    Column("window", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)  # fmt: skip

finding = Table(
    "finding", metadata,
    Column("object", String(200), primary_key=True),
    Column("row_ref", String(24), primary_key=True),
    Column("column", String(200), primary_key=True),
    Column("rule", String(200), primary_key=True),
    Column("severity", String(8), nullable=False),
)  # fmt: skip

lineage = Table(
    "lineage", metadata,
    Column("object", String(200), primary_key=True),
    Column("row_ref", String(24), primary_key=True),
    Column("route", String(200), primary_key=True),
    Column("key_ref", String(24), primary_key=True),  # '' where the row made no record
    Column("class", String(16), nullable=False),
    Column("rule", String(200), nullable=False),
    Column("window", Integer, nullable=False),
)  # fmt: skip
Index("lineage_by_record", lineage.c.route, lineage.c.key_ref)

record = Table(
    "record", metadata,
    Column("route", String(200), primary_key=True),
    Column("key_ref", String(24), primary_key=True),
    Column("model", String(200), nullable=False),
    Column("dest_id", BigInteger, nullable=False),
    Column("origin", String(8), nullable=False),  # created | adopted
    Column("sent_hash", String(32), nullable=False),
    Column("outcome", String(16), nullable=False),  # of the last window that touched it
    Column("window", Integer, nullable=False),
    Column("first_batch", String(36), nullable=False),
    Column("last_batch", String(36), nullable=False),
    Column("last_ord", Integer, nullable=False),
    Column("mark", String(80)),  # when and by whom the destination says it was written last, once all was loaded
)  # fmt: skip
Index("record_by_id", record.c.model, record.c.dest_id)

batch = Table(
    "batch", metadata,
    Column("uuid", String(36), primary_key=True),
    Column("window", Integer, nullable=False),
    Column("model", String(200), nullable=False),
    Column("route", Text, nullable=False),  # several, with blanks between, where they load in one stream
    Column("fence", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),  # sent | confirmed | void
    Column("decided_by", String(10), nullable=False),  # '' | reply | verdict
    Column("size", Integer, nullable=False),
    Column("at", String(32), nullable=False),
    Column("millis", Integer),  # how long the call took, where its reply came
)  # fmt: skip
Index("batch_by_state", batch.c.state)

intent = Table(
    "intent", metadata,
    Column("batch", String(36), primary_key=True),
    Column("ord", Integer, primary_key=True),
    Column("route", String(200), nullable=False),
    Column("key_ref", String(24), nullable=False),
    Column("op", String(8), nullable=False),  # create | update | adopt | restore | release | delete
    Column("dest_id", BigInteger),
    Column("sent_hash", String(32), nullable=False),
    Column("sent", LargeBinary, nullable=False),  # the whole image as sent
    Column("before", LargeBinary),  # fields of an update as found before it
    Column("seen", LargeBinary),  # fields the destination may store otherwise than sent, as it stored them
)  # fmt: skip

window_step = Table(
    "window_step", metadata,
    Column("window", Integer, primary_key=True),
    Column("step", String(260), primary_key=True),  # read:<object> | mapped:<model> | loaded:<model>
    Column("at", String(32), nullable=False),
)  # fmt: skip

window_change = Table(
    "window_change", metadata,
    Column("window", Integer, primary_key=True),
    Column("object", String(200), primary_key=True),
    Column("before", BigInteger, nullable=False),  # rows of the state before the window read
    Column("same", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("fresh", BigInteger, nullable=False),
    Column("back", BigInteger, nullable=False),  # were gone in an earlier window
    Column("gone", BigInteger, nullable=False),
    Column("merged", BigInteger, nullable=False),  # of those gone
    Column("held", BigInteger, nullable=False),  # still there, and cannot be split into cells any more
)  # fmt: skip

fence = Table(
    "fence", metadata,
    Column("id", BigInteger, primary_key=True),
    Column("state", String(6), nullable=False),  # free | used | gone
)  # fmt: skip

schema_object = Table(
    "schema_object", metadata,
    Column("model", String(200), primary_key=True),
    Column("name", String(80), primary_key=True),  # '' for the model itself
    Column("dest_id", BigInteger),
    Column("state", String(8), nullable=False),  # planned | created
)  # fmt: skip

audit = Table(
    "audit", metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # from 1, without gaps
    Column("at", String(32), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("subject", Text, nullable=False),  # uuid of a batch, key of a row, identity of a destination
    Column("digest", String(64), nullable=False),
    Column("mac", String(64), nullable=False),  # of this entry and the one before it
)  # fmt: skip
Index("audit_by_subject", audit.c.subject)

approval = Table(
    "approval", metadata,
    Column("id", Integer, primary_key=True),
    Column("scope", String(8), nullable=False),  # schema | sample | full
    Column("spec_hash", String(64), nullable=False),
    Column("destination", String(200), nullable=False),
    Column("parts", Text, nullable=False),  # JSON: place in the spec -> hash, so that a refusal names what changed
    Column("schema_print", String(64), nullable=False),
    Column("fields", Text, nullable=False),  # JSON: model.field -> its facts, as after the schema plan
    Column("sample_run", String(36)),  # full: the sample that was accepted, or that it was given without one
    Column("diff_hash", String(64)),  # of that sample's diff
    Column("typed_name", Text, nullable=False),
    Column("os_user", Text, nullable=False),
    Column("at", String(32), nullable=False),
)  # fmt: skip

side_record = Table(
    "side_record", metadata,
    Column("model", String(200), primary_key=True),
    Column("dest_id", BigInteger, primary_key=True),
    Column("owner_model", String(200), nullable=False),  # whose creation brought it along; gone first
    Column("owner_id", BigInteger, nullable=False),
)  # fmt: skip

acceptance = Table(
    "acceptance", metadata,
    Column("approval", Integer, primary_key=True),
    Column("kind", String(12), primary_key=True),  # pairs | findings: what was accepted besides the map
    Column("hash", Text, nullable=False),  # of the pairs; of findings the counts themselves, JSON
)  # fmt: skip

pair = Table(
    "pair", metadata,
    Column("destination", String(200), primary_key=True),
    Column("route", String(200), primary_key=True),
    Column("key_ref", String(24), primary_key=True),
    Column("dest_id", BigInteger, primary_key=True),
    Column("decision", String(9), nullable=False),  # confirmed | struck
    Column("typed_name", Text, nullable=False),
    Column("at", String(32), nullable=False),
)  # fmt: skip

kept = Table(
    "kept", metadata,  # fields of adopted records that stay the CRM's own: wanted, and never written
    Column("route", String(200), primary_key=True),
    Column("key_ref", String(24), primary_key=True),
    Column("field", String(80), primary_key=True),
)  # fmt: skip
sample = Table(
    "sample", metadata,
    Column("id", Integer, primary_key=True),
    Column("run", String(36), nullable=False, unique=True),
    Column("spec_hash", String(64), nullable=False),
    Column("destination", String(200), nullable=False),
    Column("parts", Text, nullable=False),  # as in approval, as it was when the sample was finished
    Column("schema_print", String(64), nullable=False),
    Column("fields", Text, nullable=False),
    Column("diff_hash", String(64), nullable=False),
    Column("lines", Text, nullable=False),  # JSON: what a person is shown before accepting it; no values
    Column("at", String(32), nullable=False),
)  # fmt: skip
