"""One gateway, and all of them, as renderers see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, ServerFacts
from pwserver.state.counter_sums import SumMemory
from pwserver.state.figures import site_figures
from pwserver.state.gateway import State, state_of
from pwserver.state.judge import GatewayJudge, Judged
from pwserver.state.site import Site, Total, site_of


@dataclass(frozen=True, slots=True)
class View:
    """One gateway as a document renderer sees it. ``reading`` is None when nothing may be served.

    ``judged`` is what the gateway's own judge said about ``reading``; where it is missing or belongs to another
    reading, the reading is judged without a memory.
    """

    gateway: GatewayIdentity
    status: GatewayStatus
    reading: Reading | None
    server: ServerFacts
    now: float  # epoch seconds of the rendering
    judged: Judged | None = field(default=None, repr=False)
    last: Judged | None = field(default=None, repr=False)  # of the newest reading there ever was, however old
    _state: State | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def state(self) -> State:
        """The gateway's state, made once."""
        known = self._state
        if known is None:
            judged = self.judged
            if judged is None or judged.reading is not self.reading:
                judged = GatewayJudge().take(self.reading)
            known = state_of(self.gateway, self.status, judged, self.last, self.server.control_enabled)
            object.__setattr__(self, "_state", known)
        return known


@dataclass(frozen=True, slots=True)
class SiteView:
    """All gateways together, in the order of the configuration."""

    views: Sequence[View]
    server: ServerFacts
    now: float
    self_metrics: Mapping[str, Any] | None = None  # the server about itself, for /metrics; None outside the poller
    sums: SumMemory | None = field(default=None, compare=False, repr=False)  # the counters of the houses that have left
    _state: Site | None = field(default=None, init=False, compare=False, repr=False)
    _figures: dict[str, Total] | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def gateways(self) -> list[View]:
        """Every configured gateway; the virtual one is not a gateway of the house."""
        return [view for view in self.views if not view.gateway.virtual]

    @property
    def state(self) -> Site:
        """The sum of all gateways, made once."""
        known = self._state
        if known is None:
            known = site_of([view.state for view in self.gateways])
            object.__setattr__(self, "_state", known)
        return known

    @property
    def figures(self) -> dict[str, Total]:
        """Every number of the sum by its path below ``site``, made once."""
        known = self._figures
        if known is None:
            known = site_figures(self.state, self.sums)
            object.__setattr__(self, "_figures", known)
        return known

    def main(self, among: Sequence[View]) -> View | None:
        """Return the default gateway where it is among these views, else the first of them."""
        for view in among:
            if view.gateway.id == self.server.default_gateway:
                return view
        return among[0] if among else None
