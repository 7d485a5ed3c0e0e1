"""What every driver works with: one migration, its ledger, its staging."""

from dataclasses import dataclass

from flit_pipeline.ledger.store import Store
from flit_pipeline.mapping.keys import row_key
from flit_pipeline.privacy import Vault
from flit_pipeline.specs.migration import Migration
from flit_pipeline.staging import Staging


@dataclass(frozen=True)
class Workspace:
    """One migration of one practice. ``store``: ledger; ``staging``: encrypted files between the steps."""

    migration: Migration
    store: Store
    staging: Staging

    @property
    def vault(self) -> Vault:
        """Keys of this FLIT_HOME."""
        return self.store.vault

    def row_ref(self, source_object: str, identity: str) -> str:
        """Keyed hash of a source row."""
        return self.vault.ref(row_key(self.migration.source.system, source_object, identity))

    def close(self) -> None:
        """Close the ledger."""
        self.store.close()
