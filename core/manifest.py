"""What a study is made of: options, data, weights, code, versions; its key hashes what counts."""

import json
import time
from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from core import code, provenance
from core.archive import SHARED
from core.data.card import Card
from core.trials import SCHEMA, Shared

PLACES = ("data_root", "memory", "device", "weights")
"""options, or groups of them, that say where things lie and run; of weights, the content counts"""


class Manifest:
    """What a study is made of, before anything of it is trained or written."""

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        card: Card,
        *,
        script: str | Path,
        device: str,
        arm: str,
        selection: Collection[str],
        shared: Shared,
        weights: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the study; nothing is written before it is entered.

        config: every option, as plain values, nested as the dataclasses are. device: its kind.
        arm: the name of the param that holds a trial's arm. selection: options that say which
        trials are wanted. weights: name -> hash of the content of what is loaded.
        """
        self.name, self.config, self.card, self.device = name, dict(config), card, device
        self.script, self.arm, self.shared = Path(script).resolve(), arm, shared
        self.settings, self.weights = settings(config, selection), dict(weights or {})
        self.code = code.code_hash(self.script)
        parts = [name, self.settings, card.fingerprint, device, self.code, self.weights]
        text = json.dumps([*parts, provenance.versions(), SCHEMA], sort_keys=True, default=str)
        self.key = sha256(text.encode()).hexdigest()[:16]

    @property
    def made_by(self) -> dict[str, str]:
        """Return tags that say what source made it."""
        commit, dirty = provenance.commit(), str(bool(provenance.diff())).lower()
        tags = {"mlflow.source.name": self.script.name, "mlflow.source.git.dirty": dirty}
        return {**tags, **({"mlflow.source.git.commit": commit} if commit else {})}

    @property
    def facts(self) -> dict[str, Any]:
        """Return how its run is named, tagged and tied to its data, as an outbox keeps it."""
        tags = {"study": self.name, "data": self.card.name, "device": self.device}
        return {
            "name": self.name,
            "run_name": f"{self.card.name}, {time.strftime('%Y-%m-%d %H:%M')}",
            "tags": {**tags, **self.made_by, **provenance.owner(), **provenance.heartbeat()},
            "data": [self.card.name, self.card.fingerprint, self.card.source],
        }

    @property
    def documents(self) -> dict[str, bytes]:
        """Return the files, by name, with which it can be read and run again."""
        names = ("settings", "config", "weights", "device", "code", "arm")
        facts = {**{name: getattr(self, name) for name in names}, **provenance.summary()}
        texts = {
            "facts.json": json.dumps(facts, indent=2, default=str),
            "config.json": json.dumps(self.config, indent=2, default=str),
            "data.json": json.dumps(self.card.as_dict(), indent=2),
            "versions.txt": provenance.all_versions(),
            "changes.diff": provenance.diff(),
            self.script.name: self.script.read_text(encoding="utf-8"),
        }
        encoded = {name: text.encode("utf-8", "surrogateescape") for name, text in texts.items()}
        return {**encoded, SHARED: self.shared.pack()}


def settings(config: Mapping[str, Any], selection: Collection[str] = ()) -> dict[str, Any]:
    """Return the options that numbers depend on: neither the selection nor what names places."""
    kept: dict[str, Any] = {}
    for name, value in config.items():
        named_data = name == "data" and isinstance(value, str)  # known by its fingerprint
        if name in selection or name in PLACES or named_data:
            continue
        kept[name] = settings(value) if isinstance(value, Mapping) else value
    return kept


def scalars(config: Mapping[str, Any]) -> dict[str, str | int | float]:
    """Return the options that can be searched for, by their own names as on the command line."""
    flat: dict[str, str | int | float] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            flat |= scalars(value)
        elif isinstance(value, str | int | float):
            flat[name] = value
    return flat
