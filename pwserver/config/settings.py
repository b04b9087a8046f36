"""Make the one settings table from the fields of the dataclasses that each consumer receives as its part.

Environment, file, command line, ``check-config`` and docs/configuration.md come from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pwserver.config.gateway_settings import DefinitionSettings, DocumentSettings, GatewaySettings
from pwserver.config.notice_settings import NoticeSettings
from pwserver.config.server_settings import ControlSettings, ProcessSettings, WebSettings
from pwserver.config.service_settings import BrokerSettings, RecordingSettings, SharingSettings, TariffSettings
from pwserver.config.setting import SECTIONS, Setting, rows_of


@dataclass(frozen=True, slots=True)
class Settings:
    """Holds all settings, one part for each consumer."""

    definitions: DefinitionSettings = field(default_factory=DefinitionSettings)
    gateways: GatewaySettings = field(default_factory=GatewaySettings)
    documents: DocumentSettings = field(default_factory=DocumentSettings)
    process: ProcessSettings = field(default_factory=ProcessSettings)
    web: WebSettings = field(default_factory=WebSettings)
    control: ControlSettings = field(default_factory=ControlSettings)
    history: RecordingSettings = field(default_factory=RecordingSettings)
    tariff: TariffSettings = field(default_factory=TariffSettings)
    notices: NoticeSettings = field(default_factory=NoticeSettings)
    mqtt: BrokerSettings = field(default_factory=BrokerSettings)
    sharing: SharingSettings = field(default_factory=SharingSettings)

    def value(self, setting: Setting) -> object:
        """Return the value of one row of the table, for what treats all rows alike."""
        return getattr(getattr(self, setting.part), setting.field)

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> Settings:
        """Make the parts from checked values by the names of their variables."""
        given: dict[str, dict[str, object]] = {part: {} for part in _PARTS}
        for name, value in values.items():
            given[BY_NAME[name].part][BY_NAME[name].field] = value
        return cls(**{part: holder(**given[part]) for part, holder in _PARTS.items()})


_PARTS: Mapping[str, Any] = {part.name: part.default_factory for part in fields(Settings)}
SETTINGS: tuple[Setting, ...] = tuple(
    sorted(
        (row for part, holder in _PARTS.items() for row in rows_of(part, holder)),
        key=lambda row: SECTIONS.index(row.section),
    )
)
BY_NAME: Mapping[str, Setting] = {row.name: row for row in SETTINGS}
BY_FILE_KEY: Mapping[str, Setting] = {key: row for row in SETTINGS for key in row.file_keys}
ENVIRONMENT_NAMES: Mapping[str, Setting] = {name: row for row in SETTINGS for name in (row.name, *row.aliases)}
