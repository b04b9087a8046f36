"""Hold the configuration in force: checked values, where each came from, and the gateways."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import field

from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.config.notice_settings import address_secrets
from pwserver.config.setting import MASK, Setting
from pwserver.config.settings import SETTINGS, Settings
from pwserver.config.tariff_entries import Tariffs
from pwserver.config.urls import url_secrets
from pwserver.json_types import JsonObject
from pwserver.records import record


@record(frozen=True, slots=True)
class ValueSource:
    """Says where a value came from: ``kind`` is flag, file, environment or default."""

    kind: str
    place: str = ""  # the flag, the file and key, the variable

    def __str__(self) -> str:
        return f"{self.kind} {self.place}".rstrip()


@record(frozen=True)
class Config:
    """Holds everything the server was told. Its printed form holds no values, because some are secret."""

    settings: Settings = field(default_factory=Settings, repr=False)
    gateways: tuple[GatewayDefinition, ...] = field(default=(), repr=False)
    gateway_source: str = ""
    warnings: tuple[str, ...] = ()
    sources: Mapping[str, ValueSource] = field(default_factory=dict, repr=False)
    state_home: str = field(default=".", repr=False)
    tariffs: Tariffs = field(default_factory=Tariffs, repr=False)
    # Where a history goes that no setting places. Only the command line sets it: whoever makes a configuration in
    # another way did not ask for files in the home folder.
    history_home: str | None = field(default=None, repr=False)

    def source(self, name: str) -> ValueSource:
        """Tell where the value of the setting ``name`` came from."""
        return self.sources.get(name, ValueSource("default"))

    def masked(self) -> JsonObject:
        """Return all settings by variable as clients may see them: secret and private ones, when set, are ten stars."""
        return {setting.name: self._masked(setting) for setting in SETTINGS}

    def _masked(self, setting: Setting) -> object:
        value = self.settings.value(setting)
        return MASK if (setting.secret or setting.private) and value else value

    def secrets(self) -> set[str]:
        """Return every text that may appear in no answer and no log line.

        These are what the settings table calls secret, and what each gateway logs in with. Private values (logins,
        folders, files) may stand in the owner's own log.
        """
        found = {self.settings.value(setting) for setting in SETTINGS if setting.secret}
        for gateway in self.gateways:
            found |= gateway.secrets
        # The address as a whole is no secret, but the password in it is.
        found |= url_secrets(self.settings.sharing.source_url or "")
        for address in self.settings.notices.addresses or ():
            found |= address_secrets(address)
        return {text for text in found if isinstance(text, str) and text}

    def public_words(self) -> set[str]:
        """Return every text that clients or the log name anyway; a short secret of the same text does not hide it."""
        own, mqtt = self.settings.definitions, self.settings.mqtt
        found = {own.host, own.wifi_host, own.default_gateway, own.email, self.settings.sharing.prefix}
        found |= {mqtt.host, mqtt.username, mqtt.topic_prefix, mqtt.client_id, mqtt.ha_prefix}
        for gateway in self.gateways:
            found |= {gateway.id, gateway.name, gateway.host, gateway.wifi_host, gateway.email}
        return {text for text in found if text}

    @property
    def control_enabled(self) -> bool:
        """Tell whether gateways can be commanded over HTTP."""
        return bool(self.settings.control.token)

    @property
    def default_gateway(self) -> str | None:
        """Return the id behind the unprefixed URLs, possibly ``aggregate``; None without any gateway."""
        if self.settings.definitions.default_gateway:
            return self.settings.definitions.default_gateway
        ids = [gateway.id for gateway in self.gateways]
        return "default" if "default" in ids else next(iter(ids), None)

    @property
    def state_path(self) -> str:
        """Return the folder for what must survive a restart. It need not exist yet."""
        return self.settings.process.state_path or self.state_home

    def replace_gateways(self, gateways: Sequence[GatewayDefinition], source: str) -> Config:
        """Return the same configuration with other gateways, as the demo needs."""
        return dataclasses.replace(self, gateways=tuple(gateways), gateway_source=source)

    def gateway_options(self, gateway: GatewayDefinition) -> GatewayOptions:
        """Return what a connection to ``gateway`` needs besides its definition."""
        settings = self.settings.gateways
        folder = self.settings.definitions.authpath or temporary_folder()
        login_file = settings.login_cache_file or os.path.join(folder, ".powerwall")
        siteid = gateway.siteid
        return GatewayOptions.of(
            settings,
            site_id=int(siteid) if siteid and siteid.isascii() and siteid.isdigit() else siteid,
            authpath=gateway.authpath or "",
            # One file each, or the gateways would overwrite each other's logins.
            cachefile=login_file + ("" if gateway.id == "default" else f".{gateway.id}"),
            cloud_cachefile=os.path.join(temporary_folder(), ".powerwall.cloud"),
            hybrid_cloud_link=not gateway.mode.remote
            and bool(gateway.email)
            and (self.control_enabled or settings.cloud_hybrid),
            alone=len(self.gateways) == 1,
            control_enabled=self.control_enabled,
        )


def temporary_folder() -> str:
    """Return the folder for temporary files.

    On a read-only system, shared memory is often the only folder that can be written to.
    """
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        return next((folder for folder in ("/dev/shm", "/run") if os.access(folder, os.W_OK)), "/tmp")
