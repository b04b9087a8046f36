"""The least that an answer over HTTP can cost: a loop in C that finds the end of a request and writes the same bytes.

It reads no path and no header, has no deadline and no limit; one process, epoll, as the server it stands beside.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.programs import clean_environment, process, wait_for

SOURCE = r"""
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char answer[1 << 20], request[1 << 16];
static unsigned char matched[1 << 16];  /* by descriptor: how much of the end of a head has been seen */

static int answered(int fd, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = send(fd, answer + done, size - done, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd one = {fd, POLLOUT, 0};
            poll(&one, 1, 1000);
        } else if (n < 0) {
            return 0;
        } else {
            done += n;
        }
    }
    return 1;
}

int main(int count, char **arguments) {
    FILE *file = count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (!file) return 1;
    size_t size = fread(answer, 1, sizeof answer, file);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof place;
    if (bind(listener, (struct sockaddr *)&place, length) || listen(listener, 4096)) return 1;
    getsockname(listener, (struct sockaddr *)&place, &length);
    printf("%d\n", ntohs(place.sin_port));
    fflush(stdout);
    int poller = epoll_create1(0);
    struct epoll_event event = {EPOLLIN, {.fd = listener}}, events[512];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poller, events, 512, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (client < 0 || client >= (int)sizeof matched) continue;
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                matched[client] = 0;
                event.data.fd = client;
                epoll_ctl(poller, EPOLL_CTL_ADD, client, &event);
                continue;
            }
            ssize_t n = read(fd, request, sizeof request);
            if (n < 0 && errno == EAGAIN) continue;
            int open = n > 0;
            for (ssize_t at = 0; open && at < n; at++) {
                matched[fd] = request[at] == "\r\n\r\n"[matched[fd]] ? matched[fd] + 1 : request[at] == '\r';
                if (matched[fd] == 4) {
                    matched[fd] = 0;
                    open = answered(fd, size);
                }
            }
            if (!open) close(fd);
        }
    }
}
"""


@contextlib.contextmanager
def bare_loop(body: bytes) -> Iterator[tuple[int, int] | None]:
    """The loop with this body as its only answer: port, pid; None without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as home:
        program, source, answer, log = (Path(home, name) for name in ("loop", "loop.c", "answer", "log"))
        source.write_text(SOURCE)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        answer.write_bytes(head.encode() + body)
        subprocess.run([compiler, "-O2", "-D_GNU_SOURCE", "-o", program, source], check=True)
        with process([str(program), str(answer)], clean_environment(), str(log)) as started:
            wait_for(lambda: log.read_text().strip().isdigit())
            yield int(log.read_text()), started.pid
