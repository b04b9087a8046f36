"""Give the renderers of documents one gateway, or all of them, at one moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, TypeVar

from pwserver.json_types import JsonMapping
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, ServerFacts
from pwserver.records import record
from pwserver.state.counter_sums import SumMemory
from pwserver.state.figures import site_figures
from pwserver.state.gateway import State, state_of
from pwserver.state.judge import GatewayJudge, Judged
from pwserver.state.site import Site, Total, site_of
from pwserver.state.today import TodayEnergies
from pwserver.state.week_checks import Check, judge_week
from pwserver.state.week_facts import WeekFacts
from pwserver.tariff.figures import ValueFigures

Made = TypeVar("Made")


@record(frozen=True, slots=True)
class View:
    """Holds one gateway for the renderers of its documents; ``reading`` is None when nothing may be served.

    ``judged`` is the judgement of ``reading`` with the gateway's memory. If it is missing or of another reading, the
    reading is judged without a memory.
    """

    gateway: GatewayIdentity
    status: GatewayStatus
    reading: Reading | None
    server: ServerFacts
    now: float  # epoch seconds of the rendering
    judged: Judged | None = field(default=None, repr=False)
    last: Judged | None = field(default=None, repr=False)  # the judgement of the newest reading, however old
    value: ValueFigures | None = field(default=None, repr=False)  # what energy was worth; None without a tariff
    today: TodayEnergies | None = field(default=None, repr=False)  # None: nothing was recorded since midnight
    week: WeekFacts | None = field(default=None, repr=False)  # its last seven days; None until they were looked at
    _state: State | None = field(default=None, init=False, compare=False, repr=False)
    _checks: tuple[Check, ...] | None = field(default=None, init=False, compare=False, repr=False)
    _made: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def once(self, what: Callable[..., Any], make: Callable[[], Made]) -> Made:
        """Return what ``make`` returned the first time: the text of this gateway in documents about all of them.

        Such a document is made more often than there are new views, so that most of its text is already there.
        """
        if what not in self._made:
            self._made[what] = make()
        made: Made = self._made[what]
        return made

    @property
    def checks(self) -> tuple[Check, ...]:
        """Return the seven-day checks, which are made once."""
        known = self._checks
        if known is None:
            known = judge_week(self.state, self.week)
            object.__setattr__(self, "_checks", known)
        return known

    @property
    def state(self) -> State:
        """Return the gateway's state, which is made once."""
        known = self._state
        if known is None:
            judged = self.judged
            if judged is None or judged.reading is not self.reading:
                judged = GatewayJudge().take(self.reading)
            known = state_of(self.gateway, self.status, judged, self.last, self.server.control_enabled)
            object.__setattr__(self, "_state", known)  # a cache in a frozen dataclass: no one can see it change
        return known


@record(frozen=True, slots=True)
class SiteView:
    """Holds all gateways, in the order of the configuration, for the renderers of documents about all of them."""

    views: Sequence[View]
    server: ServerFacts
    now: float
    self_metrics: JsonMapping | None = None  # metrics of the server itself, for /metrics; None outside the poller
    sums: SumMemory | None = field(default=None, compare=False, repr=False)  # remembers the houses that have left
    _state: Site | None = field(default=None, init=False, compare=False, repr=False)
    _figures: dict[str, Total] | None = field(default=None, init=False, compare=False, repr=False)
    _made: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def gateways(self) -> list[View]:
        """Return every configured gateway, without the virtual one."""
        return [view for view in self.views if not view.gateway.virtual]

    @property
    def state(self) -> Site:
        """Return the sum of all gateways, which is made once."""
        known = self._state
        if known is None:
            known = site_of([view.state for view in self.gateways])
            object.__setattr__(self, "_state", known)
        return known

    @property
    def figures(self) -> dict[str, Total]:
        """Return every number of the sum by its path below ``site``; they are made once."""
        known = self._figures
        if known is None:
            known = site_figures(self.state, self.sums)
            object.__setattr__(self, "_figures", known)
        return known

    def once(self, what: Callable[..., Any], make: Callable[[], Made]) -> Made:
        """Return what ``make`` returned the first time, for ``what`` several documents share."""
        if what not in self._made:
            self._made[what] = make()
        made: Made = self._made[what]
        return made

    def main(self, among: Sequence[View]) -> View | None:
        """Return the default gateway if it is among these views, else the first of them; None if there are none."""
        for view in among:
            if view.gateway.id == self.server.default_gateway:
                return view
        return among[0] if among else None
