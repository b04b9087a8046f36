"""Wire the processes together: what starts where, and in what order.

main: listening socket, arena, "no data" documents, fork -> poller; the web server, fork -> workers

The web server takes longer to load than anything else, so it is loaded only when the poller runs, which meanwhile loads
its own library and asks the gateways on another core. Where there is but one, its lower priority lets main go first.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from pwserver import __version__, log, systemd
from pwserver.assemble import assemble
from pwserver.config import Config, ConfigError
from pwserver.directory import joined
from pwserver.memory_limits import memory_limit
from pwserver.memory_need import fits, fitted, kill_advice
from pwserver.open_files import with_files
from pwserver.poller import judge_memories, wait_times
from pwserver.poller.poller_start import run_poller
from pwserver.reading import GatewayIdentity
from pwserver.runtime import Runtime
from pwserver.shared import FIRST_WORKER_ROW, POLLER_ROW
from pwserver.standard_streams import forget_unwritten
from pwserver.supervisor import Child, Supervisor
from pwserver.tls import server_context
from pwserver_ext.process import trim_heap

logger = logging.getLogger("pwserver")

READY_SECONDS = 20.0
FIRST_POLL_SECONDS = 10.0  # how long a reload waits for data before new workers take over
FIRST_WORD_SECONDS = 3.0  # how long a starting replica waits for what the broker has kept for it
DRAIN_SECONDS = 15.0  # how long workers of the old configuration may finish what they have
HISTORY_FAULTS = 2  # after so many children killed by a page they touched, the history is given up
BACKLOG = 4096
Reload = Callable[[], Config]


def serve(config: Config, reload: Reload | None = None) -> int:
    """Serve until told to stop; returns the exit status. ``reload`` reads the configuration anew on SIGHUP."""
    process = config.settings.process
    log.configure(process.debug, config.secrets(), config.public_words())
    try:
        listener = systemd.inherited_socket() or listen(*process.address)
    except OSError as refused:
        address = in_url(*process.address)
        print(f"pwserver: cannot listen on {address}: {refused.strerror or refused}", file=sys.stderr)
        return 1
    try:
        return Main(config, listener, reload).run()
    except ConfigError as error:
        print(f"pwserver: {error.message}", file=sys.stderr)
        return 2
    finally:
        listener.close()
        forget_unwritten()


def listen(address: str, port: int) -> socket.socket:
    """Return the one listening socket, inherited by every worker. OSError when the address is taken or not ours."""
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    # Connections of the server before, in TIME_WAIT, would keep the port for a minute.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def say(text: str) -> None:
    """Print to standard output, if that takes it: a full disk or a reader that has gone must not end a server."""
    try:
        print(text, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - what is left in the old one would fail once more at exit


def in_url(host: str, port: int) -> str:
    """Return host and port as a URL has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Generation:
    """Holds the processes of one configuration, with an arena of their own."""

    def __init__(
        self,
        config: Config,
        listener: socket.socket,
        number: int,
        before: Runtime | None = None,
        heard: Sequence[GatewayIdentity] = (),
    ) -> None:
        demo = None
        if config.settings.definitions.demo_scenario:
            from pwserver.demo.prepare import prepare  # with the simulator, which nobody else needs

            demo = prepare(config)
            config = demo.config
        self.simulated = demo.live if demo is not None else None
        self.memory_limit = memory_limit()
        self.config = config = with_files(fitted(config, self.memory_limit))
        self.listener = listener
        self.source = _source(config) if config.settings.sharing.source_url else ""
        self.runtime = assemble(config, before, heard)
        self._directory_seen = 0
        self.tls = server_context(config)
        self.name = f"pwserver-{number}"
        shared, hang = self.runtime.shared, config.settings.process.heartbeat_timeout_seconds
        self.workers = [
            Child(
                f"worker-{worker}",
                shared.beats,
                FIRST_WORKER_ROW + worker,
                partial(self._work, worker),
                hang,
            )
            for worker in range(shared.workers)
        ]
        self.poller = Child(
            "poller", shared.beats, POLLER_ROW, partial(run_poller, self.runtime, demo.past if demo else None), hang
        )
        self.services = []
        if self.simulated is not None:
            never = float("inf")  # it has no heartbeat to lose
            row = shared.beats.rows - 1
            self.services.append(Child("simulator", shared.beats, row, self.simulated, never, never))

    def load_web(self) -> None:
        """Load what the workers run and build the app they serve: once, in main, before the first of them is forked."""
        from pwserver.web.app import create_app
        from pwserver.web.sanic_internals import start_app
        from pwserver.web.worker import run_worker

        self.app = create_app(self.runtime, self.name)
        start_app(self.app)
        self._run_worker = run_worker

    def _work(self, number: int) -> None:
        self._run_worker(self.app, self.listener, number, self.tls)

    @property
    def children(self) -> list[Child]:
        """Return all processes of this generation, the readers' first."""
        return [*self.workers, self.poller, *self.services]

    def polled(self) -> bool:
        """Tell whether every gateway has been tried at least once."""
        shared = self.runtime.shared
        return all(shared.slots[gateway].generation() > 1 for gateway in shared.gateways)

    def newcomers(self) -> tuple[GatewayIdentity, ...]:
        """Return all gateways of a replica, if it has heard of some it has no room for since this was last asked."""
        directory = self.runtime.directory
        if directory is None or directory.generation == self._directory_seen:
            return ()
        self._directory_seen = directory.generation
        return joined(directory.read(), self.runtime.identities, None)

    def summary(self) -> str:
        """Write one line for the service manager's status."""
        return f"{self.runtime.workers} workers, {len(self.runtime.identities)} gateways"

    def banner(self) -> str:
        """Tell what is being polled, and where to look."""
        host, port = self.listener.getsockname()[:2]
        shown = in_url("localhost" if host in ("0.0.0.0", "::") else host, port)
        scheme = "https" if self.config.settings.process.tls else "http"
        lines = [f"pwserver {__version__} on {scheme}://{shown}/ with {self.runtime.workers} workers"]
        for gateway in self.config.gateways:
            target = gateway.address or "Tesla's cloud"
            how = f"{gateway.mode.label} at {target}, every {self.config.settings.gateways.poll_interval_seconds} s"
            lines.append(f"  {gateway.id}: {gateway.name}, {how}")
        if self.source:
            lines.append(f"  a replica of what is published at {self.source}")
            lines += [f"  {gateway.id}: {gateway.name}" for gateway in self.runtime.identities]
            if len(self.runtime.identities) > 1 and not self.config.settings.definitions.default_gateway:
                chosen = self.runtime.server.default_gateway
                lines.append(f"  URLs without a gateway are {chosen}'s; set PW_DEFAULT_GATEWAY to be sure of that")
        elif not self.config.gateways:
            lines.append("  no gateway is configured: set PW_HOST and PW_GW_PWD, or try --demo")
        root = f"{scheme}://{shown}"
        lines += self._history_line()
        lines.append(f"  open {root}/ (power flow), {root}/console or {root}/history; programs ask /health, /json")
        if host in ("0.0.0.0", "::"):
            lines.append("  from another computer, write this machine's name or address in place of localhost")
        return "\n".join(lines)

    def _history_line(self) -> list[str]:
        """Tell where the history is kept."""
        histories = self.runtime.histories
        if not histories.settings.enabled:
            return ["  no history: PW_TIMESERIES_RETENTION says so"]
        if histories.memory_reason is None:
            return [f"  history in {self.runtime.history.path}"]
        return [f"  history in memory only, it ends with this server: {histories.memory_reason}"]


class Main:
    """Runs the main process: holds the sockets and the arenas, and looks after the children."""

    def __init__(self, config: Config, listener: socket.socket, reload: Reload | None) -> None:
        self.reload = reload
        self.made = 1
        self.current = Generation(config, listener, self.made)

    def run(self) -> int:
        """Start everything, then repair what breaks until a signal ends it."""
        supervisor = Supervisor()
        watchdog = systemd.Watchdog()
        try:
            self._start(supervisor)
            while True:
                supervisor.look()
                self._guard_history()
                if watchdog.due() and supervisor.well():
                    watchdog.feed()
                asked = supervisor.request()
                if asked == signal.SIGHUP:
                    self._reload(supervisor)
                elif asked is not None:
                    logger.info("stopping on %s", asked.name)
                    return 0
                else:
                    self._make_room(supervisor)
        finally:
            systemd.notify("STOPPING=1")
            # The last quarter of PW_STOP_TIMEOUT is for killing what has not stopped, and for this process to end.
            supervisor.stop(seconds=self.current.config.settings.process.stop_timeout_seconds * 0.75)
            supervisor.leave()

    def _start(self, supervisor: Supervisor) -> None:
        """Start the poller, and the workers as soon as the web server is loaded.

        Where memory is short the poller comes last: while it grows beside a main that forks, the kernel may take main.
        """
        now = self.current
        self._tell_memory(supervisor, now)
        short = not fits(now.config, now.memory_limit)
        freeze()
        for child in () if short else (*now.services, now.poller):
            supervisor.add(child)
        for warning in now.config.warnings:
            logger.warning("%s", warning)
        gc.disable()
        now.load_web()
        freeze()
        for child in (*now.workers, *now.services, now.poller) if short else now.workers:
            supervisor.add(child)
        ready = supervisor.wait(lambda: supervisor.ready(now.workers), READY_SECONDS)
        if ready or not supervisor.stop_asked:
            directory = now.runtime.directory
            if directory is not None and supervisor.wait(lambda: directory.generation > 0, FIRST_WORD_SECONDS):
                self._make_room(supervisor)
            say(self.current.banner())
            systemd.notify("READY=1", f"STATUS={self.current.summary()}")

    def _guard_history(self) -> None:
        """Give the history up when touching it keeps killing children: a disk that cannot read a page of it, say.

        Nothing else here is mapped from files, and every new child would inherit the same mapping and die again.
        """
        deaths = [death for child in self.current.children for death in child.deaths]
        faults = sum(death.signal_number == signal.SIGBUS for death in deaths)
        history = self.current.runtime.history
        if faults >= HISTORY_FAULTS and history.path is not None and history.stop_reason() is None:
            history.give_up(f"reading its files ended {faults} processes (SIGBUS), the disk may be damaged")

    @staticmethod
    def _tell_memory(supervisor: Supervisor, generation: Generation) -> None:
        """Let the supervisor know how much memory there is for the processes of ``generation``."""
        supervisor.memory_limit = generation.memory_limit
        supervisor.memory_advice = kill_advice(generation.config, generation.memory_limit)

    def _reload(self, supervisor: Supervisor) -> None:
        """Replace every child by one of the new configuration, or keep the old ones and say why."""
        if self.reload is None:
            return
        old = self.current
        listener = old.listener
        try:
            config = self.reload()
            if config.settings.process.address != old.config.settings.process.address:
                listener = listen(*config.settings.process.address)
            self.made += 1
            told, known = config.settings.sharing, old.config.settings.sharing
            same = (told.source_url, told.prefix) == (known.source_url, known.prefix)
            new = Generation(config, listener, self.made, old.runtime, old.runtime.identities if same else ())
            new.load_web()
        except Exception as refused:  # of any kind: a running server is not given up for a bad configuration
            if listener is not old.listener:
                listener.close()
            reason = getattr(refused, "message", None) or str(refused) or type(refused).__name__
            logger.error("configuration not reloaded, the old one stays: %s", reason)
            return
        log.configure(
            config.settings.process.debug,
            config.secrets() | old.config.secrets(),
            config.public_words() | old.config.public_words(),
        )
        for warning in new.config.warnings:
            logger.warning("%s", warning)
        self._replace(supervisor, old, new, "configuration reloaded")

    def _make_room(self, supervisor: Supervisor) -> None:
        """Replace every child by one that knows the gateways a replica has heard of since it started."""
        old = self.current
        heard = old.newcomers()
        if not heard:
            return
        try:
            self.made += 1
            new = Generation(old.config, old.listener, self.made, old.runtime, heard)
            new.load_web()
        except Exception as refused:
            reason = getattr(refused, "message", None) or str(refused) or type(refused).__name__
            logger.error("no room for new gateways: %s", reason)
            return
        self._replace(supervisor, old, new, "gateways have been added")

    def _replace(self, supervisor: Supervisor, old: Generation, new: Generation, what: str) -> None:
        """Let the processes of ``new`` take over from those of ``old`` without a failed request."""
        from pwserver.web import gate_setup
        from pwserver.web.app import forget_app

        listener = new.listener
        self._tell_memory(supervisor, new)
        gc.unfreeze()
        gc.collect()
        freeze()
        systemd.notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        # The old workers serve their last snapshots meanwhile. Two pollers never talk to a gateway at once.
        supervisor.stop([old.poller, *old.services])
        wait_times.inherit(old.runtime, new.runtime)
        judge_memories.inherit(old.runtime, new.runtime)
        if old.runtime.history.leaves_rows_behind(new.runtime.history):
            from pwserver.history.takeover import take_over  # hardly ever, so that main need not keep its modules

            take_over(old.runtime.history, new.runtime.history)
        if listener is not old.listener:
            for child in new.children:
                child.run = partial(close_and_run, old.listener, child.run)
        for child in (*new.services, new.poller):
            supervisor.add(child)
        supervisor.wait(new.polled, FIRST_POLL_SECONDS)
        # The old workers stop accepting at once, or a client could be answered from new data and then from old.
        # A client that connects before the new ones are there waits in the queue of the listening socket.
        supervisor.dismiss(old.workers)
        gate_setup.inherit(old.runtime, new.runtime)
        for child in new.workers:
            supervisor.add(child)
        if not supervisor.wait(lambda: supervisor.ready(new.workers), READY_SECONDS) and not supervisor.stop_asked:
            logger.error("%s, but the old processes stay: the new workers do not start", what)
            supervisor.stop([*new.children, *old.workers])
            new.runtime.shared.arena.discard()
            forget_app(new.app)
            if listener is not old.listener:
                listener.close()
            for child in (*old.services, *old.workers, old.poller):
                supervisor.add(child)
            return
        supervisor.stop(old.workers, DRAIN_SECONDS)
        if listener is not old.listener:
            old.listener.close()
        forget_app(old.app)
        self.current = new
        systemd.notify("READY=1", f"STATUS={new.summary()}")
        old.runtime.shared.arena.discard()
        logger.info("%s\n%s", what, new.banner())


def _source(config: Config) -> str:
    """Return where a replica reads its gateways from."""
    from pwserver.poller.replica_feed import replica_settings  # with all of MQTT, which few need

    return replica_settings(config).where


def close_and_run(unwanted: socket.socket, run: Callable[[], None]) -> None:
    """Run a child's life without the former listening socket.

    As long as any process holds that socket, clients can connect to it and wait for ever.
    """
    unwanted.close()
    run()


def freeze() -> None:
    """Make everything alive permanent: children share these pages as long as no collector touches them."""
    trim_heap()  # else every child has the pages that starting has left behind
    # The collector writes into the head of every object it visits, and each such write copies a shared page.
    gc.freeze()
    gc.enable()
